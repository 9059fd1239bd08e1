"""LOGICAL_AND: whether both elements are true."""

from ._compare import comparison

OPERATOR = comparison("elementwise logical and with broadcasting", "LogicalAnd", ("bool",))
