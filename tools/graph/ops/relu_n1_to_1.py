"""RELU_N1_TO_1 as an operator of its own; LiteRT has no int16 kernel."""

from ._relu import check, in_place, lower, parse

__all__ = ["SUMMARY", "VARIANTS", "check", "in_place", "lower", "parse"]

SUMMARY = "min(max(x, -1), 1) of each element"
VARIANTS = ("int8", "float32")
