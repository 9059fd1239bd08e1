"""SQUARE: the square of each element."""

from ._unary import function

OPERATOR = function("square of each element", "Square")
