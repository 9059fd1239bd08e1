"""MUL: broadcasts two tensors against each other in one kernel call of at most five loops."""

from dataclasses import dataclass
from typing import Any

import tflite

from ...errors import UnsupportedModel
from ..ir import DType, Graph, KernelCall, Op, Params, Read, Tensor, Write
from ..operator import Operator, portable
from ._broadcast import check_operands, loop_params
from ._order import elementwise
from ._quantized import (
    activation_name,
    float32_activation_range,
    integer_activation_range,
    options,
    quantize_multiplier,
)

LARGEST_PRODUCT = {DType.INT8: 255**2, DType.INT16: 2**30}  # of two elements minus their zero points


@dataclass(frozen=True)
class Attributes:
    activation: str


def parse(operator: Any) -> Attributes:
    return Attributes(activation_name(options(operator, tflite.MulOptions).FusedActivationFunction()))


def check(op: Op, graph: Graph) -> None:
    first, second, output = check_operands(op, graph)
    if output.dtype is not DType.FLOAT32:
        _, shift = _multiplier(first, second, output)
        if LARGEST_PRODUCT[output.dtype] << max(shift, 0) > 2**30:  # one bit is left for the output's zero point
            raise UnsupportedModel(
                f"{op.where}: the product of the input scales {first.scale:.3g} and {second.scale:.3g} is too far "
                f"above the output scale {output.scale:.3g} for 32-bit arithmetic; convert the model again with a "
                f"representative data set that covers the range of real inputs"
            )


def call(op: Op, graph: Graph) -> KernelCall:
    first, second, output = graph.input(op, 0), graph.input(op, 1), graph.output(op)
    fields = loop_params(first, second)
    arguments = (Read(first.index), Read(second.index), Write(output.index, elementwise(op, graph, (0, 1))))
    activation = op.attributes.activation
    if output.dtype is DType.FLOAT32:
        low, high = float32_activation_range(activation)
        fields |= {"output_min": low, "output_max": high}
        return KernelCall("mul.h", "mul_float32", (Params("MulFloat32Params", fields),), arguments)
    multiplier, shift = _multiplier(first, second, output)
    minimum, maximum = integer_activation_range(op, output, activation)
    fields |= {
        "input1_offset": -first.zero_point,
        "input2_offset": -second.zero_point,
        "output_offset": output.zero_point,
        "output_multiplier": multiplier,
        "output_shift": shift,
        "output_min": minimum,
        "output_max": maximum,
    }
    integer = output.dtype.value
    params = Params(f"Mul{integer.capitalize()}Params", fields)
    return KernelCall("mul.h", f"mul_{integer}", (params,), arguments)


def _multiplier(first: Tensor, second: Tensor, output: Tensor) -> tuple[int, int]:
    """(multiplier, shift) of the product; TFLM: CalculateOpDataMul in micro/kernels/mul_common.cc."""
    return quantize_multiplier(first.scale * second.scale / output.scale)


OPERATOR = Operator(
    summary="elementwise product with broadcasting and fused activation",
    types=("int8", "int16", "float32"),
    check=check,
    variants=portable(call),
    parse=parse,
)
