"""LESS_EQUAL: whether one element is at most another."""

from ._compare import comparison

OPERATOR = comparison("elementwise comparison a <= b with broadcasting", "LessEqual")
