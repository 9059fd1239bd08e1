"""REDUCE_ALL: whether all elements over constant axes are true."""

from ._reduce import reduction

OPERATOR = reduction("logical and over any dimensions", "bool")
