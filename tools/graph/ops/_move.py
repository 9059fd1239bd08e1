"""Operators that only move elements, in a way that is known at compile time: graph operator → call of kernels/move.h.

Each operator is defined once, as a NumPy view of its input (sliced, transposed, reversed or broadcast). The view's
strides become the kernel's loops, its shape must be the output's, and its elements are the result if the input is
constant.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ...errors import ModelError, UnsupportedModel
from ..ir import Constant, DType, Graph, KernelCall, Op, Params, Read, Tensor, Write
from ..operator import Operator, no_options, portable
from ._elementwise import consistent, constant_arrays, pad_front
from ._order import parts
from ._quantized import check_arity, check_not_empty, check_present, check_types, describe

Array = npt.NDArray[Any]
# (operator, the elements it moves, its constant inputs in order) → a view of the elements in the order of the output;
# raises ValueError or IndexError for invalid constants.
View = Callable[..., Array]

TYPES = ("int8", "int16", "float32", "int32", "int64", "bool", "uint8")
LOOPS = 6  # of the kernel, around runs of contiguous bytes
SHORT = 16  # bytes; shorter runs are copied without calling memcpy()


def moves(
    summary: str,
    view: View,
    constants: Mapping[int, str] | None = None,
    *,
    data: int = 0,
    parse: Callable[[Any], Any] = no_options,
    types: Sequence[str] = TYPES,
    litert_alone: bool = False,
) -> Operator:
    """An operator that moves the elements of input ``data`` as ``view`` says.

    ``constants`` are its other inputs and their names in messages. A view may have more dimensions than the output if
    their elements are in the same order.
    """
    named = dict(constants or {})

    def check(op: Op, graph: Graph) -> None:
        check_arity(op, (1 + len(named),))
        check_present(op, *range(1 + len(named)))
        source, output = graph.input(op, data), graph.output(op)
        check_types(op, source, output, allowed=[DType(name) for name in types])
        check_not_empty(op, source, output)
        moved = viewed(op, graph)[0]
        same_rank = moved.ndim == len(output.shape)
        if moved.size != output.elements or (same_rank and moved.shape != output.shape):
            raise ModelError(
                f"{op.where}: its result has the shape {moved.shape}, not that of {describe(output)}; convert the "
                f"model again"
            )
        if len(_loops(moved)[0]) > LOOPS:
            raise UnsupportedModel(
                f"{op.where}: moving the elements of {describe(source)} takes more than {LOOPS} loops; split it into "
                f"two layers in the Keras model"
            )

    def viewed(op: Op, graph: Graph) -> tuple[Array, Array]:
        """The view, and the array that it is a view of; only their addresses matter, not their contents."""
        source = graph.input(op, data)
        base: Array = np.empty(source.shape, source.dtype.numpy)
        with consistent(op):
            return view(op, base, *constant_arrays(op, graph, named)), base

    def call(op: Op, graph: Graph) -> KernelCall:
        return _call(graph.input(op, data), graph.output(op), *viewed(op, graph))

    def evaluate(op: Op, tensors: Sequence[Tensor]) -> Array | None:
        *sources, output = tensors
        if len(sources) != 1 + len(named) or any(tensor.data is None for tensor in sources):
            return None
        moved = view(op, sources[data].data, *(sources[i].data for i in sorted(named)))
        value: Array = np.array(moved, order="C")
        return value if value.ndim == len(output.shape) else value.reshape(output.shape)

    return Operator(
        summary=summary,
        types=tuple(types),
        check=check,
        variants=portable(call),
        keeps_range=True,
        one_quantization=(data,),
        evaluate=evaluate,
        litert_alone=litert_alone,
        parse=parse,
    )


def repeat(value: Constant | Read, tensor: Tensor) -> KernelCall:
    """The call that fills a tensor with one element."""
    return _kernel_call(value, Write(tensor.index), 0, [(tensor.elements, 0)], tensor.dtype.bytes)


def unit(run: int, *others: int) -> int:
    """The ``Unit`` of kernels/move.h for runs of these lengths in bytes: the largest divisor; 0 if any is SHORT or
    longer."""
    if max(run, *others, 0) >= SHORT:
        return 0
    return next(size for size in (8, 4, 2, 1) if not any(length % size for length in (run, *others)))


def _call(source: Tensor, output: Tensor, moved: Array, base: Array) -> KernelCall:
    loops, run = _loops(moved)
    first = moved.__array_interface__["data"][0] - base.__array_interface__["data"][0]
    starts = np.zeros(1, np.int64) + first
    for count, step in loops:
        starts = (starts[:, np.newaxis] + np.arange(count) * step).ravel()
    trails = parts(source, output, starts // source.dtype.bytes)
    return _kernel_call(Read(source.index), Write(output.index, trails), first, loops, run)


def _kernel_call(
    source: Constant | Read, output: Write, first: int, loops: Sequence[tuple[int, int]], run: int
) -> KernelCall:
    """The call with ``loops`` (count, step) around runs of ``run`` bytes that start at byte ``first``."""
    size = unit(run)
    if 0 < size < run and len(loops) < LOOPS:  # the units of a run are the innermost loop
        loops, run = [*loops, (run // size, size)], size
    fields = {
        "first": first,
        "counts": pad_front([count for count, _ in loops], LOOPS, 1),
        "steps": pad_front([step for _, step in loops], LOOPS, 0),
        "run": run,
    }
    template = (size if size == run else 0,)
    return KernelCall("move.h", "move", (Params("MoveParams", fields),), (source, output), template)


def _loops(moved: Array) -> tuple[list[tuple[int, int]], int]:
    """The fewest loops (count, step in bytes), outermost first, around contiguous runs, and the bytes of a run."""
    loops: list[tuple[int, int]] = []  # innermost first
    run = moved.itemsize
    for count, step in zip(reversed(moved.shape), reversed(moved.strides), strict=True):
        if count > 1 and not loops and step == run:
            run *= count
        elif count > 1 and loops and step == math.prod(loops[-1]):
            loops[-1] = (loops[-1][0] * count, loops[-1][1])
        elif count > 1:
            loops.append((count, step))
    return loops[::-1], run
