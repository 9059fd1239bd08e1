"""FLOOR_MOD: what is left of a quotient rounded down."""

from ._float_binary import float_binary

OPERATOR = float_binary("what is left of a quotient rounded down, with broadcasting", "div.h")
