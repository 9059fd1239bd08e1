"""COS: the cosine of each element."""

from ._unary import function

OPERATOR = function("cosine of each element", "Cos")
