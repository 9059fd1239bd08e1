"""ARG_MAX: the position of the largest element along a dimension."""

from ._arg import arg

OPERATOR = arg("position of the largest element along a dimension, int32", "std::greater<>")
