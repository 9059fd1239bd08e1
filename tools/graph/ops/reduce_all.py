"""REDUCE_ALL: whether all elements over constant axes are true."""

from ._reduce import reduction

OPERATOR = reduction("whether all elements are true, over any dimensions", "bool")
