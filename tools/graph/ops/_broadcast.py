"""Shared by operators that broadcast two tensors against each other: at most five kernel loops."""

from collections.abc import Iterable, Sequence
from typing import Any

from ...errors import ModelError, UnsupportedModel
from ..ir import DType, Graph, KernelCall, Op, Params, Read, Tensor, Write
from ._elementwise import pad_front
from ._order import elementwise
from ._quantized import (
    COMPUTED,
    INTEGERS,
    check_activation,
    check_arity,
    check_per_tensor,
    check_present,
    check_shape,
    check_types,
    describe,
)

LOOPS = 5  # of firmware/kernels/broadcast.h


def check_operands(
    op: Op, graph: Graph, types: Iterable[DType] = COMPUTED, result: DType | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    """Checks and returns both inputs and the output. Raises ModelError or UnsupportedModel if no kernel takes them.

    Both inputs have the same type, one of ``types``. The output has the type ``result`` if given, else the inputs'.
    """
    check_arity(op, (2,))
    check_present(op, 0, 1)
    first, second, output = graph.input(op, 0), graph.input(op, 1), graph.output(op)
    alike = (first, second) if result else (first, second, output)
    dtype = check_types(op, *alike, allowed=types)
    if result:
        check_types(op, output, allowed=(result,))
    activation = getattr(op.attributes, "activation", "NONE")
    check_activation(op, activation)
    if dtype is DType.INT32 and activation != "NONE":
        raise UnsupportedModel(
            f"{op.where}: the fused activation {activation} has no int32 kernel; make it a layer of its own in the "
            f"Keras model"
        )
    check_shapes(op, first, second, output)
    if dtype in INTEGERS:
        check_per_tensor(op, *alike)
    return first, second, output


def broadcast_call(op: Op, graph: Graph, header: str, function: str, params: Params, *template: str) -> KernelCall:
    """The call of a kernel on both inputs, with the shape and strides inserted before the fields of ``params``."""
    first, second, output = graph.input(op, 0), graph.input(op, 1), graph.output(op)
    params = Params(params.type, {**loop_params(first, second), **params.fields})
    arguments = (Read(first.index), Read(second.index), Write(output.index, elementwise(op, graph, (0, 1))))
    return KernelCall(header, function, (params,), arguments, template)


def rescaled(operands: Iterable[Tensor], multipliers: Iterable[tuple[int, int]]) -> dict[str, int | float]:
    """The fields of BroadcastRescaled() in kernels/broadcast.h; (multiplier, shift) of each operand."""
    fields: dict[str, int | float] = {}
    for number, (tensor, (multiplier, shift)) in enumerate(zip(operands, multipliers, strict=True), start=1):
        fields |= {
            f"input{number}_offset": -tensor.zero_point,
            f"input{number}_multiplier": multiplier,
            f"input{number}_shift": shift,
        }
    return fields


def check_shapes(op: Op, first: Tensor, second: Tensor, output: Tensor) -> None:
    """Raises ModelError unless the shapes broadcast to the output's, UnsupportedModel if that takes more than LOOPS."""
    shape = broadcast_shape(first.shape, second.shape)
    if shape is None:
        raise ModelError(
            f"{op.where}: {describe(first)} and {describe(second)} do not broadcast; convert the model again"
        )
    check_shape(op, output, shape)
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


def broadcast_shape(*shapes: Sequence[int]) -> tuple[int, ...] | None:
    """The resulting shape; None if the shapes do not broadcast."""
    rank = max(map(len, shapes))
    found = []
    for sizes in zip(*(pad_front(shape, rank, 1) for shape in shapes), strict=True):
        others = set(sizes) - {1}
        if len(others) > 1:
            return None
        found.append(others.pop() if others else 1)
    return tuple(found)


def broadcast_loops(*shapes: Sequence[int]) -> list[tuple[int, ...]]:
    """The fewest loops over broadcast shapes: (count, stride of the first, of the second, …), outermost first.

    Strides are in elements, 0 where an operand is repeated. Dimensions of 1 are dropped; adjacent dimensions that
    repeat the same operands, or none, become one loop.
    """
    rank = max(map(len, shapes))
    loops: list[tuple[int, ...]] = []  # innermost first
    inside = [1] * len(shapes)  # each operand's elements inside the current dimension
    for sizes in zip(*(reversed(pad_front(shape, rank, 1)) for shape in shapes), strict=True):
        count = next((size for size in sizes if size != 1), 1)
        if count == 1:
            continue
        strides = [stride if size != 1 else 0 for size, stride in zip(sizes, inside, strict=True)]
        inside = [stride * size for size, stride in zip(sizes, inside, strict=True)]
        if loops and [bool(s) for s in loops[-1][1:]] == [bool(s) for s in strides]:
            loops[-1] = (loops[-1][0] * count, *loops[-1][1:])
        else:
            loops.append((count, *strides))
    return loops[::-1]
