"""Shared by operators that broadcast two tensors against each other: at most five kernel loops."""

from collections.abc import Sequence
from typing import Any

from ...errors import ModelError, UnsupportedModel
from ..ir import DType, Graph, Op, Tensor
from ._elementwise import pad_front
from ._quantized import (
    check_activation,
    check_arity,
    check_per_tensor,
    check_present,
    check_shape,
    check_types,
    describe,
)

LOOPS = 5  # of firmware/kernels/broadcast.h


def check_operands(op: Op, graph: Graph) -> tuple[Tensor, Tensor, Tensor]:
    """Checks and returns both inputs and the output. Raises ModelError or UnsupportedModel if no kernel takes them."""
    check_arity(op, (2,))
    check_present(op, 0, 1)
    first, second, output = graph.input(op, 0), graph.input(op, 1), graph.output(op)
    dtype = check_types(op, first, second, output)
    check_activation(op, op.attributes.activation)
    _check_shapes(op, first, second, output)
    if dtype is not DType.FLOAT32:
        check_per_tensor(op, first, second, output)
    return first, second, output


def _check_shapes(op: Op, first: Tensor, second: Tensor, output: Tensor) -> None:
    """Raises ModelError unless the shapes broadcast to the output's, UnsupportedModel if that takes more than LOOPS."""
    rank = max(len(first.shape), len(second.shape))
    pairs = list(zip(pad_front(first.shape, rank, 1), pad_front(second.shape, rank, 1), strict=True))
    if any(a != b and 1 not in (a, b) for a, b in pairs):
        raise ModelError(f"{op.where}: {describe(first)} and {describe(second)} do not broadcast; convert again")
    check_shape(op, output, [b if a == 1 else a for a, b in pairs])
    if len(broadcast_loops(first.shape, second.shape)) > LOOPS:
        raise UnsupportedModel(
            f"{op.where}: broadcasting {describe(first)} and {describe(second)} takes more than {LOOPS} loops; split "
            f"it into two layers in the Keras model"
        )


def loop_params(first: Tensor, second: Tensor) -> dict[str, Any]:
    """A kernel's ``shape``, ``strides1`` and ``strides2``; requires check_operands()."""
    loops = broadcast_loops(first.shape, second.shape)
    shape, strides1, strides2 = zip(*loops, strict=True) if loops else ((), (), ())
    return {
        "shape": pad_front(shape, LOOPS, 1),
        "strides1": pad_front(strides1, LOOPS, 0),
        "strides2": pad_front(strides2, LOOPS, 0),
    }


def broadcast_loops(first: Sequence[int], second: Sequence[int]) -> list[tuple[int, int, int]]:
    """The fewest loops over two broadcast shapes: (count, stride of first, stride of second), outermost first.

    Strides are in elements, 0 where an operand is repeated. Dimensions of 1 are dropped; adjacent dimensions that
    repeat the same operand, or none, become one loop.
    """
    rank = max(len(first), len(second))
    loops: list[tuple[int, int, int]] = []  # innermost first
    size1 = size2 = 1  # each operand's elements inside the current dimension
    for a, b in zip(reversed(pad_front(first, rank, 1)), reversed(pad_front(second, rank, 1)), strict=True):
        if a == b == 1:
            continue
        count, stride1, stride2 = b if a == 1 else a, size1 if a != 1 else 0, size2 if b != 1 else 0
        size1, size2 = size1 * a, size2 * b
        if loops and [bool(s) for s in loops[-1][1:]] == [bool(stride1), bool(stride2)]:
            inner = loops[-1]
            loops[-1] = (inner[0] * count, inner[1], inner[2])
        else:
            loops.append((count, stride1, stride2))
    return loops[::-1]
