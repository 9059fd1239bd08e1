"""EQUAL: whether one element equals another."""

from ._compare import NUMBERS, comparison

OPERATOR = comparison("whether one element equals another, with broadcasting", "std::equal_to<>", (*NUMBERS, "bool"))
