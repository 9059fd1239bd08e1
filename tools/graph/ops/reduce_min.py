"""REDUCE_MIN: the smallest element over constant axes."""

from ._reduce import reduction

OPERATOR = reduction("minimum over any dimensions", "int8", "float32")
