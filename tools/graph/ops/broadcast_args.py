"""BROADCAST_ARGS: the shape to which tensors of two shapes broadcast; usually known at compile time."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ..ir import DType, Graph, KernelCall, Op, Params, Read, Tensor, Write
from ..operator import Operator, portable
from ._quantized import check_arity, check_not_empty, check_present, check_rank, check_shape, check_types

TYPES = ("int32", "int64")


def check(op: Op, graph: Graph) -> None:
    check_arity(op, (2,))
    check_present(op, 0, 1)
    first, second, output = graph.input(op, 0), graph.input(op, 1), graph.output(op)
    check_types(op, first, second, output, allowed=[DType(name) for name in TYPES])
    check_rank(op, first, 1)
    check_rank(op, second, 1)
    check_not_empty(op, first, second)
    check_shape(op, output, (max(first.elements, second.elements),))


def call(op: Op, graph: Graph) -> KernelCall:
    first, second, output = graph.input(op, 0), graph.input(op, 1), graph.output(op)
    counts = {"first_count": first.elements, "second_count": second.elements, "count": output.elements}
    arguments = (Read(first.index), Read(second.index), Write(output.index))
    return KernelCall("broadcast_args.h", "broadcast_args", (Params("BroadcastArgsParams", counts),), arguments)


def evaluate(op: Op, tensors: Sequence[Tensor]) -> npt.NDArray[Any] | None:
    """The result for constant shapes."""
    first, second, output = tensors
    if first.data is None or second.data is None:
        return None
    shapes = (tuple(shape.ravel().tolist()) for shape in (first.data, second.data))
    return np.array(np.broadcast_shapes(*shapes), output.dtype.numpy)


OPERATOR = Operator(
    summary="shape to which two shapes broadcast",
    types=TYPES,
    check=check,
    variants=portable(call),
    evaluate=evaluate,
)
