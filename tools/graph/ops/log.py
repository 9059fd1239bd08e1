"""LOG: the natural logarithm of each element."""

from ._unary import function

OPERATOR = function("natural logarithm of each element", "Log")
