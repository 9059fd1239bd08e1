"""READ_VARIABLE: reads a variable. It is a copy only if the variable is assigned to before the value's last use."""

from ..operator import Operator, StateRole, portable
from ._copy import call
from ._variable import check_copied

OPERATOR = Operator(
    summary="value of a variable, kept from the previous inference",
    types=("any",),
    check=check_copied,
    variants=portable(call),
    keeps_range=True,
    one_quantization=(0,),
    state=StateRole.READ,
)
