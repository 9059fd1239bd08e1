"""FLOOR_MOD: the remainder of FLOOR_DIV."""

from ._float_binary import float_binary

OPERATOR = float_binary("elementwise remainder of FLOOR_DIV, with broadcasting")
