"""EQUAL: whether one element equals another."""

from ._compare import NUMBERS, comparison

OPERATOR = comparison("elementwise comparison a == b with broadcasting", "std::equal_to<>", (*NUMBERS, "bool"))
