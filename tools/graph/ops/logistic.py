"""LOGISTIC (sigmoid); the int8 kernel looks up its outputs in a table of all 256.

The table takes 256 bytes of flash, less than the code of the computation, and three instructions per element instead of
about 25 multiplications of 32 by 32 bits.
"""

import numpy as np
import numpy.typing as npt

from ..ir import Constant, DType, Graph, KernelCall, Op, Params, Read, Write
from ..operator import Operator, portable
from ._elementwise import check_probability_quantization
from ._fixed_point import logistic, rounding_divide_by_power_of_two
from ._lookup import sigmoids
from ._order import elementwise
from ._quantized import COMPUTED
from ._specification import takes_no_uint8
from ._unary import INPUT_BITS, check_sigmoid_scale, check_unary, q4_table, sigmoid_multiplier, table_call

OUTPUT_BITS = 8


def check(op: Op, graph: Graph) -> None:
    if check_unary(op, graph, (*COMPUTED, DType.UINT8)) is not DType.FLOAT32:
        check_probability_quantization(op, graph.output(op))
        check_sigmoid_scale(op, graph.input(op, 0))


def call(op: Op, graph: Graph) -> KernelCall:
    source, output = graph.input(op, 0), graph.output(op)
    if source.dtype is DType.INT8:
        return table_call(op, graph, q4_table(source.scale, source.zero_point, _result))
    if source.dtype is DType.UINT8:
        return table_call(op, graph, _uint8_table(source.scale, source.zero_point))
    first, last = Read(source.index), Write(output.index, elementwise(op, graph))
    fields = {"count": source.elements}
    if source.dtype is DType.FLOAT32:
        return KernelCall("logistic.h", "logistic_float32", (Params("LogisticFloat32Params", fields),), (first, last))
    multiplier, shift = sigmoid_multiplier(source.scale, (0,))
    fields |= {"multiplier": multiplier, "right_shift": shift}
    arguments = (first, Constant("sigmoids", sigmoids()), last)
    return KernelCall("logistic.h", "logistic_int16", (Params("LogisticInt16Params", fields),), arguments)


def _result(scaled: int) -> int:
    """TFLM: Logistic in reference/integer_ops/logistic.h."""
    return rounding_divide_by_power_of_two(logistic(scaled, INPUT_BITS), 31 - OUTPUT_BITS) - 128


def _uint8_table(scale: float, zero_point: int) -> npt.NDArray[np.uint8]:
    """LiteRT: PopulateLookupTable in kernels/activations.cc, which computes real numbers in float32."""
    real = np.float32(scale) * (np.arange(256) - zero_point).astype(np.float32)
    with np.errstate(over="ignore"):
        sigmoid = np.float32(1) / (np.float32(1) + np.exp(-real))
    steps: npt.NDArray[np.float32] = np.floor(sigmoid * np.float32(1 << OUTPUT_BITS) + np.float32(0.5))
    return np.minimum(steps, 255).astype(np.uint8)


OPERATOR = Operator(
    summary="sigmoid of each element",
    types=("int8", "int16", "float32", "uint8"),
    check=check,
    variants=portable(call),
    fixed_range=True,
    left_out_by_tflm=takes_no_uint8,
)
