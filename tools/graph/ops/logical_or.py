"""LOGICAL_OR: whether one of two elements is true."""

from ._compare import comparison

OPERATOR = comparison("whether one of two elements is true, with broadcasting", "std::logical_or<>", ("bool",))
