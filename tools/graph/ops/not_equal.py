"""NOT_EQUAL: whether one element differs from another."""

from ._compare import NUMBERS, comparison

OPERATOR = comparison("elementwise comparison a != b with broadcasting", "NotEqual", (*NUMBERS, "bool"))
