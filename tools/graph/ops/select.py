"""SELECT: elements of one tensor where a condition is true, else of another of the same shape.

The condition has that shape, too, or decides on whole rows: one value for each index along the first dimension.
"""

from collections.abc import Sequence

from ..ir import DType, Graph, Op
from ._quantized import COMPUTED
from ._select import Shape, as_they_are, select_operator


def shapes(op: Op, graph: Graph) -> Sequence[Shape]:
    condition, *choices = as_they_are(op, graph)
    if len(condition) == 1 and len(choices[0]) > 1:
        condition = (*condition, *[1] * (len(choices[0]) - 1))
    return condition, *choices


OPERATOR = select_operator(
    "elements or rows of one of two tensors, chosen by a condition",
    shapes,
    (*COMPUTED, DType.INT32),
    ("int8", "int16", "float32", "int32"),
    litert_alone=True,
)
