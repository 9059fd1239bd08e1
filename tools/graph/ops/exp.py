"""EXP: the exponential of each element."""

from ._unary import function

OPERATOR = function("exponential of each element", "Exp")
