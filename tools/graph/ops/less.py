"""LESS: whether one element is less than another."""

from ._compare import comparison

OPERATOR = comparison("elementwise comparison a < b with broadcasting", "Less")
