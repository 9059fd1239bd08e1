"""NOT_EQUAL: whether one element differs from another."""

from ._compare import NUMBERS, comparison

OPERATOR = comparison("elementwise comparison a != b with broadcasting", "std::not_equal_to<>", (*NUMBERS, "bool"))
