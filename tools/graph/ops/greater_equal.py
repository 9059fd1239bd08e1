"""GREATER_EQUAL: whether one element is at least another."""

from ._compare import comparison

OPERATOR = comparison("elementwise comparison a >= b with broadcasting", "GreaterEqual")
