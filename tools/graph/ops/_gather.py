"""Shared by operators that gather slices of a tensor at positions that may be computed: kernels/gather.h."""

import math
from collections.abc import Sequence

from ...errors import UnsupportedModel
from ..ir import DType, Graph, KernelCall, Op, Params, Read, Tensor, Write
from ._move import TYPES, unit
from ._quantized import check_arity, check_not_empty, check_present, check_shape, check_types, describe


def check_gathered(op: Op, graph: Graph, data: int, positions: int, shape: Sequence[int]) -> None:
    """Raises unless the kernel takes the type of input ``data``, ``positions`` are integers and the output has this
    shape."""
    source, where, output = graph.input(op, data), graph.input(op, positions), graph.output(op)
    check_types(op, source, output, allowed=[DType(name) for name in TYPES])
    check_types(op, where, allowed=(DType.INT32, DType.INT64))
    check_not_empty(op, source, where, output)
    check_shape(op, output, shape)


def check_two_inputs(op: Op) -> None:
    """Raises ModelError unless there are two inputs."""
    check_arity(op, (2,))
    check_present(op, 0, 1)


def check_inside(op: Op, positions: Tensor, sizes: Sequence[int]) -> None:
    """Raises UnsupportedModel if constant positions, each with one number per size, are outside the tensor."""
    if positions.data is None:
        return
    numbers = positions.data.reshape(-1, len(sizes))
    if (numbers < 0).any() or (numbers >= sizes).any():
        raise UnsupportedModel(
            f"{op.where}: its positions {describe(positions)} are not all inside {'x'.join(map(str, sizes))}; correct "
            f"them in the Keras model"
        )


def gather(op: Op, graph: Graph, data: int, positions: int, axis: int, batch_dims: int = 0) -> KernelCall:
    """The slices of input ``data`` at ``positions`` along ``axis``; both share the first ``batch_dims`` dimensions."""
    source, where, output = graph.input(op, data), graph.input(op, positions), graph.output(op)
    run = math.prod(source.shape[axis + 1 :]) * source.dtype.bytes
    fields = {
        "batches": math.prod(source.shape[:batch_dims]),
        "outer": math.prod(source.shape[batch_dims:axis]),
        "size": source.shape[axis],
        "picked": math.prod(where.shape[batch_dims:]),
        "run": run,
    }
    arguments = (Read(source.index), Read(where.index), Write(output.index))
    return KernelCall("gather.h", "gather", (Params("GatherParams", fields),), arguments, (unit(run),))
