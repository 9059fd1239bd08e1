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
from .ir import Graph, Op


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


def other_counts(graph: Graph, tensors: Sequence[int]) -> tuple[int, ...]:
    """The tensors outside ``tensors`` that count rows of some of them."""
    found = counts(graph)
    return tuple(sorted({found[i] for i in tensors if i in found} - set(tensors)))


def are_read(graph: Graph) -> bool:
    """Whether an operator reads rows that another one leaves undefined, in a model that can be cut between them: one
    without state, loops and branches."""
    undefined = counts(graph).keys()
    is_whole = graph.states or any(op.blocks for op in graph.ops)
    return not is_whole and any(not undefined.isdisjoint(op.inputs) for op in graph.ops)


def is_partial(op: Op) -> bool:
    """Whether an operator may leave rows of its outputs undefined."""
    operator = ops.lookup(op.kind)
    return operator is not None and operator.row_count is not None


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
