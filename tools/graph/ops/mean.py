"""MEAN over constant axes: kept and reduced dimensions become two nests of at most three loops."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import tflite

from ...cores import Core
from ...errors import ModelError, UnsupportedModel
from ..ir import DType, Graph, KernelCall, Op, Params, Read, Write
from ..operator import Constants, Operator, Variant, portable
from ._channels import KeepsZeros
from ._elementwise import check_not_empty, constant_int32, pad_front, resolve_axis
from ._order import elementwise
from ._quantized import (
    check_arity,
    check_per_tensor,
    check_present,
    check_types,
    describe,
    multiplier_and_shift,
    options,
)

LOOPS = 3  # of the kernel, in each nest


@dataclass(frozen=True)
class Attributes:
    keep_dims: bool


def parse(operator: Any) -> Attributes:
    return Attributes(bool(options(operator, tflite.ReducerOptions).KeepDims()))


def check(op: Op, graph: Graph) -> None:
    check_arity(op, (2,))
    check_present(op, 0, 1)
    source, output = graph.input(op, 0), graph.output(op)
    dtype = check_types(op, source, output)
    check_not_empty(op, source, output)
    axes = _axes(op, graph)
    kept = [1 if d in axes else size for d, size in enumerate(source.shape) if op.attributes.keep_dims or d not in axes]
    if list(output.shape) != kept:
        raise ModelError(
            f"{op.where}: the mean of {describe(source)} over dimensions {sorted(axes)} is not {describe(output)}; "
            f"convert the model again"
        )
    if max(len(nest) for nest in reduction_loops(source.shape, axes)) > LOOPS:
        raise UnsupportedModel(
            f"{op.where}: {describe(source)} alternates more than {LOOPS} times between averaged and kept dimensions; "
            f"average them in two steps"
        )
    if dtype is not DType.FLOAT32:
        check_per_tensor(op, source, output)
        count = source.elements // output.elements
        _, shift = _divide(multiplier_and_shift(op, source.scale / output.scale), count)
        largest = 255 if dtype is DType.INT8 else 32768
        if (largest * count) << max(shift, 0) >= 2**31:
            raise UnsupportedModel(
                f"{op.where}: a sum of {count} elements of {describe(source)} at the output's scale of "
                f"{output.scale:.3g} exceeds 32 bits; average them in two steps, or convert the model again"
            )


def call(op: Op, graph: Graph) -> KernelCall:
    source, output = graph.input(op, 0), graph.output(op)
    kept, reduced = reduction_loops(source.shape, _axes(op, graph))
    fields: dict[str, Any] = {}
    for name, nest in (("kept", kept), ("reduced", reduced)):
        fields |= {
            f"{name}_shape": pad_front([count for count, _ in nest], LOOPS, 1),
            f"{name}_strides": pad_front([stride for _, stride in nest], LOOPS, 0),
        }
    count = source.elements // output.elements
    arguments = (Read(source.index), Write(output.index, elementwise(op, graph)))
    if source.dtype is DType.FLOAT32:
        fields |= {"count": count}
        return KernelCall("mean.h", "mean_float32", (Params("MeanFloat32Params", fields),), arguments)
    multiplier, shift = _divide(multiplier_and_shift(op, source.scale / output.scale), count)
    fields |= {
        "zero_point_sum": count * source.zero_point,
        "multiplier": multiplier,
        "shift": shift,
        "output_zero_point": output.zero_point,
    }
    integer = source.dtype.value
    params = Params(f"Mean{integer.capitalize()}Params", fields)
    return KernelCall("mean.h", f"mean_{integer}", (params,), arguments)


def _positions(op: Op, graph: Graph) -> tuple[int, int, int] | None:
    """(batches, positions, channels) if all positions are averaged channel by channel, else None."""
    kept, reduced = reduction_loops(graph.input(op, 0).shape, _axes(op, graph))
    if len(reduced) != 1 or not kept or len(kept) > 2:
        return None
    (positions, step), (channels, stride) = reduced[0], kept[-1]
    batches, image = kept[0] if len(kept) == 2 else (1, positions * channels)
    return (batches, positions, channels) if (step, stride, image) == (channels, 1, positions * channels) else None


def _accepts_dsp(op: Op, graph: Graph, core: Core) -> bool:
    return core.dsp and graph.input(op, 0).dtype is DType.INT8 and _positions(op, graph) is not None


def dsp_call(op: Op, graph: Graph) -> KernelCall:
    """mean_positions_int8_dsp() of kernels/pool_2d_dsp.h."""
    plain, sizes = call(op, graph), _positions(op, graph)
    assert sizes is not None
    names = ("zero_point_sum", "multiplier", "shift", "output_zero_point")
    fields = dict(zip(("batches", "positions", "depth"), sizes, strict=True)) | {n: plain.fields[n] for n in names}
    params = Params("MeanPositionsInt8Params", fields)
    return KernelCall("pool_2d_dsp.h", "mean_positions_int8_dsp", (params,), plain.arguments)


class Channels(KeepsZeros):
    """A channel of zeros stays zero unless channels are averaged with each other."""

    def constant(self, op: Op, graph: Graph, source: Constants) -> Constants:
        before, after = graph.input(op, 0), graph.output(op)
        axes = graph.input(op, 1)
        if axes.data is None or not after.shape or after.shape[-1] != before.shape[-1]:
            return {}
        if any(int(axis) % len(before.shape) == len(before.shape) - 1 for axis in axes.data.ravel()):
            return {}
        return super().constant(op, graph, source)


def _axes(op: Op, graph: Graph) -> set[int]:
    rank = len(graph.input(op, 0).shape)
    return {resolve_axis(op, axis, rank) for axis in constant_int32(op, graph.input(op, 1), "axes")}


def _divide(scale: tuple[int, int], count: int) -> tuple[int, int]:
    """(multiplier, shift) divided by ``count`` > 0; TFLM: QuantizedMeanOrSum in reference/reduce.h."""
    multiplier, shift = scale
    extra = min(count.bit_length() - 1, 32, 31 + shift)
    return (multiplier << extra) // count, shift - extra


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


OPERATOR = Operator(
    summary="mean over any dimensions",
    types=("int8", "int16", "float32"),
    check=check,
    variants=(Variant("dsp", dsp_call, _accepts_dsp), *portable(call)),
    parse=parse,
    channels=Channels(),
)
