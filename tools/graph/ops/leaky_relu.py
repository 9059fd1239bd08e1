"""LEAKY_RELU: x, or alpha * x for negative x, rescaled to the output's quantization; int8 is a table."""

import math
from dataclasses import dataclass
from typing import Any

import tflite

from ...errors import ModelError
from ..ir import DType, Graph, KernelCall, Op, Params, Read, Write
from ..operator import Operator, portable
from ._elementwise import rescale
from ._fixed_point import multiply_by_quantized_multiplier
from ._order import elementwise
from ._quantized import INT8_MAX, options
from ._unary import check_unary, int8_table, table_call


@dataclass(frozen=True)
class Attributes:
    alpha: float  # a float32 value


def parse(operator: Any) -> Attributes:
    return Attributes(float(options(operator, tflite.LeakyReluOptions).Alpha()))


def check(op: Op, graph: Graph) -> None:
    alpha = op.attributes.alpha
    if not math.isfinite(alpha):
        raise ModelError(f"{op.where}: its alpha is {alpha}, but must be finite; convert the model again")
    if check_unary(op, graph) is not DType.FLOAT32:
        _multipliers(op, graph)


def call(op: Op, graph: Graph) -> KernelCall:
    source, output, alpha = graph.input(op, 0), graph.output(op), op.attributes.alpha
    arguments = (Read(source.index), Write(output.index, elementwise(op, graph)))
    fields: dict[str, Any] = {"count": source.elements}
    if source.dtype is DType.FLOAT32:
        params = Params("LeakyReluFloat32Params", fields | {"alpha": alpha})
        return KernelCall("leaky_relu.h", "leaky_relu_float32", (params,), arguments)
    identity, sloped = _multipliers(op, graph)
    sign = -1 if alpha < 0 else 1

    def result(quantized: int) -> int:
        x = quantized - source.zero_point
        positive = multiply_by_quantized_multiplier(x, *identity)
        return output.zero_point + (positive if x >= 0 else sign * multiply_by_quantized_multiplier(x, *sloped))

    if source.dtype is DType.INT8:
        return table_call(op, graph, int8_table(result))
    for name, (multiplier, shift) in (("identity", identity), ("alpha", sloped)):
        fields |= {f"{name}_multiplier": multiplier, f"{name}_shift": shift}
    params = Params("LeakyReluInt16Params", fields | {"alpha_sign": sign})
    return KernelCall("leaky_relu.h", "leaky_relu_int16", (params,), arguments)


def _multipliers(op: Op, graph: Graph) -> tuple[tuple[int, int], tuple[int, int]]:
    """(multiplier, shift) of positive inputs and, with |alpha|, of negative ones. Raises like rescale().

    TFLM: CalculateOpDataLeakyRelu in micro/kernels/leaky_relu_common.cc.
    """
    source, output = graph.input(op, 0), graph.output(op)
    largest = 2 * INT8_MAX + 1 if source.dtype is DType.INT8 else 32768
    identity = source.scale / output.scale
    sloped = source.scale * abs(op.attributes.alpha) / output.scale
    return rescale(op, identity, largest), rescale(op, sloped, largest)


OPERATOR = Operator(
    summary="x, or alpha * x for negative x, of each element",
    types=("int8", "int16", "float32"),
    check=check,
    variants=portable(call),
    parse=parse,
)
