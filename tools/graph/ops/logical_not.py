"""LOGICAL_NOT: whether an element is false."""

from ..ir import DType
from ._unary import function

OPERATOR = function("whether each element is false", "LogicalNot", DType.BOOL)
