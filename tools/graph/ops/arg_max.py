"""ARG_MAX: the index of the largest element along one dimension."""

from ._arg import arg

OPERATOR = arg("index of the largest element along one dimension, as int32", "Greater")
