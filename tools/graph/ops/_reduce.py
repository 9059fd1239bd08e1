"""Shared by reductions over constant axes: kept and reduced dimensions become two nests of at most three loops."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import tflite

from ...errors import ModelError, UnsupportedModel
from ..ir import DType, Graph, KernelCall, Op, Params, Read, Write
from ..operator import Operator, portable
from ._elementwise import constant_int32, pad_front, resolve_axis
from ._order import elementwise
from ._quantized import (
    COMPUTED,
    INTEGERS,
    check_arity,
    check_not_empty,
    check_per_tensor,
    check_present,
    check_types,
    describe,
    options,
)

LOOPS = 3  # of firmware/kernels/reduce.h, in each nest


@dataclass(frozen=True)
class Attributes:
    keep_dims: bool


def parse(operator: Any) -> Attributes:
    return Attributes(bool(options(operator, tflite.ReducerOptions).KeepDims()))


def check_reduction(op: Op, graph: Graph, types: Iterable[DType] = COMPUTED) -> DType:
    """Checks and returns the type of input and output. Raises ModelError or UnsupportedModel if no kernel takes
    them."""
    check_arity(op, (2,))
    check_present(op, 0, 1)
    source, output = graph.input(op, 0), graph.output(op)
    dtype = check_types(op, source, output, allowed=types)
    check_not_empty(op, source, output)
    axes = axes_of(op, graph)
    kept = [1 if d in axes else size for d, size in enumerate(source.shape) if op.attributes.keep_dims or d not in axes]
    if list(output.shape) != kept:
        raise ModelError(
            f"{op.where}: {describe(source)} reduced over dimensions {sorted(axes)} does not have the shape of "
            f"{describe(output)}; convert the model again"
        )
    if max(len(nest) for nest in reduction_loops(source.shape, axes)) > LOOPS:
        raise UnsupportedModel(
            f"{op.where}: {describe(source)} alternates more than {LOOPS} times between reduced and kept dimensions; "
            f"reduce them in two layers in the Keras model"
        )
    if dtype in INTEGERS:
        check_per_tensor(op, source, output)
    return dtype


def check_sum(op: Op, graph: Graph, shift: int) -> None:
    """Raises UnsupportedModel unless sums of integers fit in 32 bits, also when shifted left."""
    source, output = graph.input(op, 0), graph.output(op)
    count = source.elements // output.elements
    largest = 255 if source.dtype is DType.INT8 else 32768
    if (largest * count) << max(shift, 0) >= 2**31:
        raise UnsupportedModel(
            f"{op.where}: a sum of {count} elements of {describe(source)} at the output's scale of "
            f"{output.scale:.3g} exceeds 32 bits; reduce them in two layers in the Keras model"
        )


def reduce_call(op: Op, graph: Graph, header: str, function: str, params: Params) -> KernelCall:
    """The call of a kernel on input 0, with the loops inserted before the fields of ``params``."""
    source, output = graph.input(op, 0), graph.output(op)
    kept, reduced = reduction_loops(source.shape, axes_of(op, graph))
    fields: dict[str, Any] = {}
    for name, nest in (("kept", kept), ("reduced", reduced)):
        fields |= {
            f"{name}_shape": pad_front([count for count, _ in nest], LOOPS, 1),
            f"{name}_strides": pad_front([stride for _, stride in nest], LOOPS, 0),
        }
    arguments = (Read(source.index), Write(output.index, elementwise(op, graph)))
    return KernelCall(header, function, (Params(params.type, {**fields, **params.fields}),), arguments)


def integer_sum_call(op: Op, graph: Graph, multiplier: int, shift: int) -> KernelCall:
    """The call of kernels/mean.h for int8 or int16, which multiplies each sum."""
    source, output = graph.input(op, 0), graph.output(op)
    fields = {
        "zero_point_sum": source.elements // output.elements * source.zero_point,
        "multiplier": multiplier,
        "shift": shift,
        "output_zero_point": output.zero_point,
    }
    integer = source.dtype.value
    return reduce_call(op, graph, "mean.h", f"mean_{integer}", Params(f"Mean{integer.capitalize()}Params", fields))


def axes_of(op: Op, graph: Graph) -> set[int]:
    """The dimensions that are reduced."""
    rank = len(graph.input(op, 0).shape)
    return {resolve_axis(op, axis, rank) for axis in constant_int32(op, graph.input(op, 1), "axes")}


def reduction_loops(shape: Sequence[int], axes: set[int]) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """The fewest loops over the kept and over the reduced dimensions: (count, stride in elements), outermost first.

    Dimensions of 1 are dropped; adjacent dimensions of one kind become one loop.
    """
    nests: tuple[list[tuple[int, int]], list[tuple[int, int]]] = ([], [])  # innermost first
    stride, previous = 1, None
    for dimension, size in reversed(list(enumerate(shape))):
        if size == 1:
            continue
        kind = dimension in axes
        nest = nests[kind]
        if kind == previous:
            nest[-1] = (nest[-1][0] * size, nest[-1][1])
        else:
            nest.append((size, stride))
        stride, previous = stride * size, kind
    return nests[0][::-1], nests[1][::-1]


def reduction(summary: str, *types: str) -> Operator:
    """An operator without arithmetic, such as REDUCE_MAX, whose kernel in kernels/reduce.h has its name."""

    def check(op: Op, graph: Graph) -> None:
        check_reduction(op, graph, [DType(name) for name in types])

    def call(op: Op, graph: Graph) -> KernelCall:
        return reduce_call(op, graph, "reduce.h", op.kind.lower(), Params("ReduceParams", {}))

    return Operator(
        summary=summary,
        types=types,
        check=check,
        variants=portable(call),
        parse=parse,
        one_quantization=(0,) if "int8" in types else (),
    )
