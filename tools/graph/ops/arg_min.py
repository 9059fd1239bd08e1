"""ARG_MIN: the position of the smallest element along a dimension."""

from ._arg import arg

OPERATOR = arg("position of the smallest element along a dimension, int32", "std::less<>")
