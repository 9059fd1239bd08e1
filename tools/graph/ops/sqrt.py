"""SQRT: the square root of each element."""

from ._unary import function

OPERATOR = function("square root of each element", "Sqrt")
