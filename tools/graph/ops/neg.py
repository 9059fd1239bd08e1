"""NEG: the negative of each element."""

from ._unary import function

OPERATOR = function("negative of each element", "Neg")
