"""VAR_HANDLE: the handle of a variable; removed once variables are tensors."""

from typing import Any

import tflite

from ..operator import Operator, StateRole
from ._quantized import options
from ._variable import Name, check_replaced


def parse(operator: Any) -> Name:
    table = options(operator, tflite.VarHandleOptions)
    container, name = ((text or b"").decode("utf-8", "replace") for text in (table.Container(), table.SharedName()))
    return Name(container, name)


OPERATOR = Operator(
    summary="handle of a variable",
    types=(),
    check=check_replaced,
    variants=(),
    parse=parse,
    state=StateRole.HANDLE,
)
