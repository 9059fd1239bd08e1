"""GATHER: the slices of a tensor at given indices along one dimension."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import tflite

from ...errors import ModelError
from ..ir import Graph, KernelCall, Op, Tensor
from ..operator import Operator, portable
from ._elementwise import resolve_axis
from ._gather import check_gathered, check_inside, check_two_inputs, gather
from ._move import TYPES
from ._quantized import describe, options


@dataclass(frozen=True)
class Attributes:
    """``axis`` is the dimension that is indexed; tensor and indices share the first ``batch_dims`` dimensions."""

    axis: int
    batch_dims: int


def parse(operator: Any) -> Attributes:
    table = options(operator, tflite.GatherOptions)
    return Attributes(table.Axis(), table.BatchDims())


def check(op: Op, graph: Graph) -> None:
    check_two_inputs(op)
    source, positions = graph.input(op, 0), graph.input(op, 1)
    axis, shared = _dimensions(op, graph)
    if not 0 <= shared <= min(axis, len(positions.shape)) or source.shape[:shared] != positions.shape[:shared]:
        raise ModelError(
            f"{op.where}: {describe(source)} and {describe(positions)} do not share {op.attributes.batch_dims} batch "
            f"dimensions; convert the model again"
        )
    check_gathered(op, graph, 0, 1, (*source.shape[:axis], *positions.shape[shared:], *source.shape[axis + 1 :]))
    check_inside(op, positions, (source.shape[axis],))


def call(op: Op, graph: Graph) -> KernelCall:
    return gather(op, graph, 0, 1, *_dimensions(op, graph))


def evaluate(op: Op, tensors: Sequence[Tensor]) -> npt.NDArray[Any] | None:
    """The result for constants whose positions are all inside, else None."""
    source, positions, _ = tensors
    a: Attributes = op.attributes
    if source.data is None or positions.data is None or a.batch_dims or (positions.data < 0).any():
        return None
    return np.take(source.data, positions.data, a.axis)


def _dimensions(op: Op, graph: Graph) -> tuple[int, int]:
    """axis and batch_dims; negative ones are counted from the end."""
    shared: int = op.attributes.batch_dims
    shared += len(graph.input(op, 1).shape) if shared < 0 else 0
    return resolve_axis(op, op.attributes.axis, len(graph.input(op, 0).shape)), shared


OPERATOR = Operator(
    summary="slices of a tensor at given indices along one dimension",
    types=TYPES,
    check=check,
    variants=portable(call),
    parse=parse,
    keeps_range=True,
    one_quantization=(0,),
    evaluate=evaluate,
)
