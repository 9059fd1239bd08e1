"""FLOOR_DIV: quotient rounded down."""

from ._float_binary import float_binary

OPERATOR = float_binary("quotient rounded down, with broadcasting", "div.h")
