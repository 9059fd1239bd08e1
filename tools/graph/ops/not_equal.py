"""NOT_EQUAL: whether one element differs from another."""

from ._compare import NUMBERS, comparison

OPERATOR = comparison(
    "whether one element differs from another, with broadcasting", "std::not_equal_to<>", (*NUMBERS, "bool")
)
