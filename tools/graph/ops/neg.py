"""NEG: each element negated."""

from ._unary import function

OPERATOR = function("each element negated", "Neg")
