"""STRIDED_SLICE: a part of a tensor, given by its begin, end and stride in each dimension."""

from dataclasses import dataclass
from typing import Any

import tflite

from ...errors import UnsupportedModel
from ..ir import Op
from ._move import Array, moves
from ._quantized import options


@dataclass(frozen=True)
class Attributes:
    """Bit i of a mask applies to dimension i, as in tf.strided_slice."""

    begin_mask: int
    end_mask: int
    ellipsis_mask: int
    new_axis_mask: int
    shrink_axis_mask: int


def parse(operator: Any) -> Attributes:
    table = options(operator, tflite.StridedSliceOptions)
    return Attributes(
        table.BeginMask(), table.EndMask(), table.EllipsisMask(), table.NewAxisMask(), table.ShrinkAxisMask()
    )


def view(op: Op, array: Array, begin: Array, end: Array, strides: Array) -> Array:
    """begin, end and strides have the meaning that they have in Python's slices.

    TFLM ignores what an ellipsis and new axes change; TensorFlow's converter replaces them.
    """
    a = op.attributes
    given = (1 << len(begin.ravel())) - 1
    if (a.ellipsis_mask | a.new_axis_mask) & given:
        raise UnsupportedModel(f"{op.where}: TFLM takes neither an ellipsis nor a new axis; convert the model again")
    if not len(begin.ravel()) == len(end.ravel()) == len(strides.ravel()):
        raise ValueError("begin, end and strides differ in length")
    index: list[Any] = []
    for i, (first, last, step) in enumerate(zip(begin.ravel(), end.ravel(), strides.ravel(), strict=True)):
        bit = 1 << i
        if a.shrink_axis_mask & bit:
            index.append(int(first))
        else:
            open_begin, open_end = a.begin_mask & bit, a.end_mask & bit
            index.append(slice(None if open_begin else int(first), None if open_end else int(last), int(step)))
    index.append(...)
    moved: Array = array[tuple(index)]  # still a view if no dimension is left
    return moved


OPERATOR = moves(
    "part of a tensor, given by begin, end and strides",
    view,
    {1: "begin", 2: "end", 3: "strides"},
    parse=parse,
)
