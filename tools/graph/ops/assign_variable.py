"""ASSIGN_VARIABLE: assigns to a variable, whose tensor passes/variables.py makes its output."""

from ..operator import Operator, StateRole, portable
from ._copy import call
from ._variable import check_copied

OPERATOR = Operator(
    summary="new value of a variable, kept for the next inference",
    types=("any",),
    check=check_copied,
    variants=portable(call),
    keeps_range=True,
    one_quantization=(0,),
    state=StateRole.ASSIGN,
)
