"""GREATER: whether one element is greater than another."""

from ._compare import comparison

OPERATOR = comparison("whether one element is greater than another, with broadcasting", "std::greater<>")
