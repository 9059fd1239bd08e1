"""FLOOR_DIV: the quotient of two tensors, rounded down."""

from ._float_binary import float_binary

OPERATOR = float_binary("elementwise quotient rounded down, with broadcasting")
