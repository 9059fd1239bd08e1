"""ADD: two tensors, broadcast against each other, become one kernel call over at most five loops."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import tflite

from ...errors import ModelError, UnsupportedModel
from ..ir import DType, Graph, KernelCall, Op, Tensor, TensorRef
from ._elementwise import pad_front, reusable
from ._quantized import (
    activation_name,
    check_activation,
    check_arity,
    check_per_tensor,
    check_present,
    check_shape,
    check_types,
    describe,
    float32_activation_range,
    integer_activation_range,
    options,
    quantize_multiplier,
)

SUMMARY = "elementwise sum with broadcasting and fused activation"
VARIANTS = ("int8", "int16", "float32")

LOOPS = 5  # of the kernel
SUM_BITS = {DType.INT8: 20, DType.INT16: 15}  # fractional bits of the common scale, TFLM's left_shift


@dataclass(frozen=True)
class Attributes:
    activation: str


def parse(operator: Any) -> Attributes:
    return Attributes(activation_name(options(operator, tflite.AddOptions).FusedActivationFunction()))


def check(op: Op, graph: Graph) -> None:
    check_arity(op, (2,))
    check_present(op, 0, 1)
    first, second, output = graph.input(op, 0), graph.input(op, 1), graph.output(op)
    dtype = check_types(op, first, second, output)
    check_activation(op, op.attributes.activation)
    rank = max(len(first.shape), len(second.shape))
    pairs = list(zip(pad_front(first.shape, rank, 1), pad_front(second.shape, rank, 1), strict=True))
    if any(a != b and 1 not in (a, b) for a, b in pairs):
        raise ModelError(f"{op.where}: {describe(first)} and {describe(second)} do not broadcast; convert again")
    check_shape(op, output, [b if a == 1 else a for a, b in pairs])
    if len(broadcast_loops(first.shape, second.shape)) > LOOPS:
        raise UnsupportedModel(
            f"{op.where}: broadcasting {describe(first)} and {describe(second)} takes more than {LOOPS} loops; add "
            f"them in two steps"
        )
    if dtype is not DType.FLOAT32:
        check_per_tensor(op, first, second, output)
        _, (_, shift) = _multipliers(first, second, output)
        if shift > 0:
            raise UnsupportedModel(
                f"{op.where}: the scales {first.scale:.3g} and {second.scale:.3g} of its inputs are too far above its "
                f"output's {output.scale:.3g}; convert the model again with a representative data set that has the "
                f"range of real inputs"
            )


def lower(op: Op, graph: Graph) -> KernelCall:
    first, second, output = graph.input(op, 0), graph.input(op, 1), graph.output(op)
    loops = broadcast_loops(first.shape, second.shape)
    shape, strides1, strides2 = zip(*loops, strict=True) if loops else ((), (), ())
    params: dict[str, Any] = {
        "shape": pad_front(shape, LOOPS, 1),
        "strides1": pad_front(strides1, LOOPS, 0),
        "strides2": pad_front(strides2, LOOPS, 0),
    }
    arguments = tuple(TensorRef(tensor.index) for tensor in (first, second, output))
    activation = op.attributes.activation
    if output.dtype is DType.FLOAT32:
        low, high = float32_activation_range(activation)
        params |= {"output_min": low, "output_max": high}
        return KernelCall("add.h", "add_float32", "AddFloat32Params", params, arguments)
    inputs, of_output = _multipliers(first, second, output)
    for number, tensor, (multiplier, shift) in zip((1, 2), (first, second), inputs, strict=True):
        params |= {
            f"input{number}_offset": -tensor.zero_point,
            f"input{number}_multiplier": multiplier,
            f"input{number}_shift": shift,
        }
    minimum, maximum = integer_activation_range(op, output, activation)
    params |= {
        "output_offset": output.zero_point,
        "output_multiplier": of_output[0],
        "output_shift": of_output[1],
        "output_min": minimum,
        "output_max": maximum,
    }
    integer = output.dtype.value
    return KernelCall("add.h", f"add_{integer}", f"Add{integer.capitalize()}Params", params, arguments)


def in_place(op: Op, graph: Graph) -> tuple[int, ...]:
    return reusable(op, graph, (0, 1))


def _multipliers(first: Tensor, second: Tensor, output: Tensor) -> tuple[list[tuple[int, int]], tuple[int, int]]:
    """(multiplier, shift) of each input and of the output; TFLM: CalculateOpDataAdd in micro/kernels/add_common.cc."""
    twice_larger = 2 * max(first.scale, second.scale)
    inputs = [quantize_multiplier(tensor.scale / twice_larger) for tensor in (first, second)]
    return inputs, quantize_multiplier(twice_larger / ((1 << SUM_BITS[output.dtype]) * output.scale))


def broadcast_loops(first: Sequence[int], second: Sequence[int]) -> list[tuple[int, int, int]]:
    """The fewest loops over two broadcast shapes: (count, stride of first, stride of second), outermost first.

    Strides are in elements, 0 where an operand is repeated. Dimensions of 1 vanish; neighbours that repeat the same
    operand, or none, are one loop.
    """
    rank = max(len(first), len(second))
    loops: list[tuple[int, int, int]] = []  # innermost first
    size1 = size2 = 1  # elements of each operand inside of the current dimension
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
