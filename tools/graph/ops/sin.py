"""SIN: the sine of each element."""

from ._unary import function

OPERATOR = function("sine of each element", "Sin")
