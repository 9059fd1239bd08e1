"""EQUAL: whether one element equals another."""

from ._compare import NUMBERS, comparison

OPERATOR = comparison("elementwise comparison a == b with broadcasting", "Equal", (*NUMBERS, "bool"))
