"""DIV: the quotient of two tensors, broadcast against each other."""

from dataclasses import dataclass
from typing import Any

import tflite

from ...errors import UnsupportedModel
from ..ir import DType, Graph, KernelCall, Op, Params
from ..operator import Operator, portable
from ._broadcast import broadcast_call, check_operands
from ._quantized import (
    activation_name,
    describe,
    float32_activation_range,
    integer_activation_range,
    options,
    quantize_multiplier,
)

LARGEST_SHIFT = 23  # to the left: the difference of two int8 has 9 bits


@dataclass(frozen=True)
class Attributes:
    activation: str


def parse(operator: Any) -> Attributes:
    return Attributes(activation_name(options(operator, tflite.DivOptions).FusedActivationFunction()))


def check(op: Op, graph: Graph) -> None:
    first, second, output = check_operands(op, graph, (DType.INT8, DType.FLOAT32, DType.INT32))
    if output.dtype is not DType.INT8:
        return
    _, shift = _multiplier(op, graph)
    if shift > LARGEST_SHIFT:
        raise UnsupportedModel(
            f"{op.where}: the scale {first.scale:.3g} of its first input is too far above the product of the second "
            f"input's, {second.scale:.3g}, and the output's, {output.scale:.3g}; convert the model again with a "
            f"representative data set that covers the range of real inputs"
        )
    if second.data is not None and bool((second.data == second.zero_point).any()):
        raise UnsupportedModel(
            f"{op.where}: {describe(second)} contains zeros, but the kernel cannot divide by zero; change them in the "
            f"Keras model"
        )


def call(op: Op, graph: Graph) -> KernelCall:
    first, second, output = graph.input(op, 0), graph.input(op, 1), graph.output(op)
    activation = op.attributes.activation
    if output.dtype is DType.FLOAT32:
        low, high = float32_activation_range(activation)
        params = Params("DivFloat32Params", {"output_min": low, "output_max": high})
        return broadcast_call(op, graph, "div.h", "div_float32", params)
    if output.dtype is DType.INT32:
        return broadcast_call(op, graph, "div.h", "div_int32", Params("BroadcastParams", {}))
    multiplier, shift = _multiplier(op, graph)
    minimum, maximum = integer_activation_range(op, output, activation)
    fields = {
        "input1_offset": -first.zero_point,
        "input2_offset": -second.zero_point,
        "output_multiplier": multiplier,
        "output_shift": shift,
        "output_offset": output.zero_point,
        "output_min": minimum,
        "output_max": maximum,
    }
    return broadcast_call(op, graph, "div.h", "div_int8", Params("DivInt8Params", fields))


def _multiplier(op: Op, graph: Graph) -> tuple[int, int]:
    """(multiplier, shift) of a quotient; TFLM: CalculateOpDataDiv in micro/kernels/div.cc."""
    first, second, output = graph.input(op, 0), graph.input(op, 1), graph.output(op)
    return quantize_multiplier(first.scale / (second.scale * output.scale))


OPERATOR = Operator(
    summary="elementwise quotient with broadcasting and fused activation",
    types=("int8", "float32", "int32"),
    check=check,
    variants=portable(call),
    parse=parse,
)
