"""LOGICAL_OR: whether at least one of two elements is true."""

from ._compare import comparison

OPERATOR = comparison("elementwise logical or with broadcasting", "LogicalOr", ("bool",))
