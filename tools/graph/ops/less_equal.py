"""LESS_EQUAL: whether one element is at most another."""

from ._compare import comparison

OPERATOR = comparison("whether one element is at most another, with broadcasting", "std::less_equal<>")
