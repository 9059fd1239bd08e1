"""ARG_MIN: the index of the smallest element along one dimension."""

from ._arg import arg

OPERATOR = arg("index of the smallest element along one dimension, as int32", "Less")
