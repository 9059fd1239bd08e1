"""REDUCE_MIN: the smallest element over constant axes."""

from ._reduce import reduction

OPERATOR = reduction("smallest element over any dimensions", "int8", "float32")
