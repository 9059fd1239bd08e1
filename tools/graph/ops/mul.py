"""MUL: broadcasts two tensors against each other in one kernel call of at most five loops."""

from dataclasses import dataclass
from typing import Any

import tflite

from ...errors import UnsupportedModel
from ..ir import DType, Graph, KernelCall, Op, Params, Tensor
from ..operator import Operator, portable
from ._broadcast import broadcast_call, check_operands
from ._quantized import (
    COMPUTED,
    INTEGERS,
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
    first, second, output = check_operands(op, graph, (*COMPUTED, DType.INT32))
    if output.dtype in INTEGERS:
        _, shift = _multiplier(first, second, output)
        if LARGEST_PRODUCT[output.dtype] << max(shift, 0) > 2**30:  # one bit is left for the output's zero point
            raise UnsupportedModel(
                f"{op.where}: the product of the input scales {first.scale:.3g} and {second.scale:.3g} is too far "
                f"above the output scale {output.scale:.3g} for 32-bit arithmetic; convert the model again with a "
                f"representative data set that covers the range of real inputs"
            )


def call(op: Op, graph: Graph) -> KernelCall:
    first, second, output = graph.input(op, 0), graph.input(op, 1), graph.output(op)
    dtype = output.dtype.value
    struct = "Broadcast" if output.dtype is DType.INT32 else f"Mul{dtype.capitalize()}"
    params = Params(f"{struct}Params", _numbers(op, first, second, output))
    return broadcast_call(op, graph, "mul.h", f"mul_{dtype}", params)


def _numbers(op: Op, first: Tensor, second: Tensor, output: Tensor) -> dict[str, int | float]:
    if output.dtype is DType.INT32:
        return {}
    if output.dtype is DType.FLOAT32:
        low, high = float32_activation_range(op.attributes.activation)
        return {"output_min": low, "output_max": high}
    multiplier, shift = _multiplier(first, second, output)
    minimum, maximum = integer_activation_range(op, output, op.attributes.activation)
    return {
        "input1_offset": -first.zero_point,
        "input2_offset": -second.zero_point,
        "output_offset": output.zero_point,
        "output_multiplier": multiplier,
        "output_shift": shift,
        "output_min": minimum,
        "output_max": maximum,
    }


def _multiplier(first: Tensor, second: Tensor, output: Tensor) -> tuple[int, int]:
    """(multiplier, shift) of the product; TFLM: CalculateOpDataMul in micro/kernels/mul_common.cc."""
    return quantize_multiplier(first.scale * second.scale / output.scale)


OPERATOR = Operator(
    summary="elementwise product with broadcasting and fused activation",
    types=("int8", "int16", "float32", "int32"),
    check=check,
    variants=portable(call),
    parse=parse,
)
