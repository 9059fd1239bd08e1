"""GREATER: whether one element is greater than another."""

from ._compare import comparison

OPERATOR = comparison("elementwise comparison a > b with broadcasting", "Greater")
