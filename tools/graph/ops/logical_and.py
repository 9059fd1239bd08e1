"""LOGICAL_AND: whether both elements are true."""

from ._compare import comparison

OPERATOR = comparison("whether both elements are true, with broadcasting", "std::logical_and<>", ("bool",))
