"""READ_VARIABLE: a copy of a variable, made where the variable is assigned to before the copy is used."""

from ..operator import Operator, StateRole, portable
from ._copy import call
from ._variable import check_copied

OPERATOR = Operator(
    summary="value of a variable, kept from the inference before",
    types=("any",),
    check=check_copied,
    variants=portable(call),
    keeps_range=True,
    one_quantization=(0,),
    state=StateRole.READ,
)
