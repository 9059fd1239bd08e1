"""Rows of a model's outputs that are not defined: an operator may find fewer rows than its outputs have room for.

Behind them, interpreters leave what was in memory. kerf's kernels write 0, and so do the expected outputs, so that the
defined rows alone decide whether results are equal.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from . import ops
from .ir import Graph


def counts(graph: Graph) -> Mapping[int, int]:
    """Each tensor of which not all rows may be defined → the tensor that counts them."""
    found: dict[int, int] = {}
    for op in graph.ops:
        operator = ops.lookup(op.kind)
        position = None if operator is None else operator.row_count
        if position is None or position >= len(op.outputs) or graph.output(op, position).elements != 1:
            continue
        others = [tensor for tensor in op.outputs if tensor != op.outputs[position]]
        found |= {i: op.outputs[position] for i in others if len(graph.tensors[i].shape) > 1}
    return found


def cleared(arrays: Sequence[npt.NDArray[Any]], tensors: Sequence[int], graph: Graph) -> tuple[npt.NDArray[Any], ...]:
    """The values of ``tensors`` with 0 in undefined rows, as far as their count is among these.

    There is an array for each tensor; its first axis are the samples.
    """
    counted_by, values = counts(graph), dict(zip(tensors, arrays, strict=True))
    found = []
    for tensor, array in zip(tensors, arrays, strict=True):
        count, (batches, rows, *others) = values.get(counted_by.get(tensor, -1)), (*graph.tensors[tensor].shape, 1, 1)
        if count is not None:
            defined = np.arange(rows) < count.reshape(-1, 1)
            each = array.reshape(-1, batches, rows, math.prod(others))
            array = np.where(defined[:, np.newaxis, :, np.newaxis], each, np.zeros(1, array.dtype)).reshape(array.shape)
        found.append(array)
    return tuple(found)
