"""GATHER_ND: the slices of a tensor at given indices into its outermost dimensions."""

from collections.abc import Sequence
from typing import Any

import numpy.typing as npt

from ...errors import ModelError
from ..ir import Graph, KernelCall, Op, Params, Read, Tensor, Write
from ..operator import Operator, portable
from ._gather import check_gathered, check_inside, check_two_inputs
from ._move import TYPES, unit
from ._pick import strides
from ._quantized import describe


def check(op: Op, graph: Graph) -> None:
    check_two_inputs(op)
    source, positions = graph.input(op, 0), graph.input(op, 1)
    depth = positions.shape[-1] if positions.shape else 0
    if not 1 <= depth <= len(source.shape):
        raise ModelError(
            f"{op.where}: {describe(positions)} does not contain indices into {describe(source)}; convert the model "
            f"again"
        )
    check_gathered(op, graph, 0, 1, (*positions.shape[:-1], *source.shape[depth:]))
    check_inside(op, positions, source.shape[:depth])


def call(op: Op, graph: Graph) -> KernelCall:
    source, positions, output = graph.input(op, 0), graph.input(op, 1), graph.output(op)
    depth = positions.shape[-1]
    steps = [step * source.dtype.bytes for step in strides(source.shape)[:depth]]
    picked = positions.elements // depth
    run = output.bytes // picked
    fields = {"picked": picked, "sizes": source.shape[:depth], "steps": tuple(steps), "run": run}
    params = Params(f"GatherNdParams<{depth}>", fields)
    arguments = (Read(source.index), Read(positions.index), Write(output.index))
    return KernelCall("gather.h", "gather_nd", (params,), arguments, (unit(run),))


def evaluate(op: Op, tensors: Sequence[Tensor]) -> npt.NDArray[Any] | None:
    """The result for constants whose positions are all inside, else None."""
    source, positions, _ = tensors
    if source.data is None or positions.data is None or (positions.data < 0).any():
        return None
    return source.data[tuple(positions.data.T)] if positions.data.ndim == 2 else None


OPERATOR = Operator(
    summary="slices of a tensor at given indices into its outermost dimensions",
    types=TYPES,
    check=check,
    variants=portable(call),
    keeps_range=True,
    one_quantization=(0,),
    evaluate=evaluate,
)
