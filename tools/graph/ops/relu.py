"""RELU as an operator of its own."""

from ._relu import check, in_place, lower, parse

__all__ = ["SUMMARY", "VARIANTS", "check", "in_place", "lower", "parse"]

SUMMARY = "max(x, 0) of each element"
VARIANTS = ("int8", "int16", "float32")
