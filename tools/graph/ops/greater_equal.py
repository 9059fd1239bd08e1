"""GREATER_EQUAL: whether one element is at least another."""

from ._compare import comparison

OPERATOR = comparison("whether one element is at least another, with broadcasting", "std::greater_equal<>")
