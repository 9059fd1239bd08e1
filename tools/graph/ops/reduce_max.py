"""REDUCE_MAX: the largest element over constant axes."""

from ._reduce import reduction

OPERATOR = reduction("maximum over any dimensions", "int8", "float32")
