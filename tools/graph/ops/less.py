"""LESS: whether one element is less than another."""

from ._compare import comparison

OPERATOR = comparison("whether one element is less than another, with broadcasting", "std::less<>")
