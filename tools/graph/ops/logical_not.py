"""LOGICAL_NOT: whether an element is false."""

from ..ir import DType
from ._unary import function

OPERATOR = function("logical negation of each element", "LogicalNot", DType.BOOL)
