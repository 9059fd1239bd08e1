"""CEIL: each element rounded up."""

from ._unary import function

OPERATOR = function("each element rounded up", "Ceil")
