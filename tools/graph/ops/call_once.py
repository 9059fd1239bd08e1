"""CALL_ONCE: runs a subgraph that assigns initial values to variables. kerf evaluates it at compile time."""

from dataclasses import dataclass
from typing import Any

import tflite

from ..operator import Operator, StateRole
from ._quantized import options
from ._variable import check_replaced


@dataclass(frozen=True)
class Attributes:
    """``subgraph`` is the number of the called subgraph in the file."""

    subgraph: int


def parse(operator: Any) -> Attributes:
    return Attributes(int(options(operator, tflite.CallOnceOptions).InitSubgraphIndex()))


OPERATOR = Operator(
    summary="initial values of variables",
    types=(),
    check=check_replaced,
    variants=(),
    parse=parse,
    state=StateRole.INITIALIZE,
)
