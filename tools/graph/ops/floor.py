"""FLOOR: each element rounded down."""

from ._unary import function

OPERATOR = function("each element rounded down", "Floor")
