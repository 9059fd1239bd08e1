"""SELECT_V2: elements of one tensor where a condition is true, else of another, with broadcasting."""

from ._quantized import COMPUTED
from ._select import as_they_are, select_operator

OPERATOR = select_operator(
    "elements of one of two tensors, chosen by a condition, with broadcasting",
    as_they_are,
    COMPUTED,
    ("int8", "int16", "float32"),
)
