"""DEQUANTIZE: integers to real numbers."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ..ir import DType, Graph, KernelCall, Op, Params, Read, Tensor, Write
from ..operator import Operator, portable
from ._elementwise import check_quantized
from ._quantized import INTEGER_LIMITS, check_arity, check_present, check_shape, check_types


def check(op: Op, graph: Graph) -> None:
    check_arity(op, (1,))
    check_present(op, 0)
    source, output = graph.input(op, 0), graph.output(op)
    check_types(op, source, allowed=INTEGER_LIMITS)
    check_types(op, output, allowed=(DType.FLOAT32,))
    check_shape(op, output, source.shape)
    check_quantized(op, source)


def call(op: Op, graph: Graph) -> KernelCall:
    source, output = graph.input(op, 0), graph.output(op)
    fields = {"count": source.elements, "scale": source.scale, "zero_point": source.zero_point}
    arguments = (Read(source.index), Write(output.index))
    function = f"dequantize_{source.dtype.value}"
    return KernelCall("quantize.h", function, (Params("QuantizeParams", fields),), arguments)


def evaluate(op: Op, tensors: Sequence[Tensor]) -> npt.NDArray[Any] | None:
    """float16 constants as float32, which is exact."""
    source, output = tensors
    if source.dtype is not DType.FLOAT16 or output.dtype is not DType.FLOAT32 or source.data is None:
        return None
    return np.asarray(source.data, np.float32)


OPERATOR = Operator(
    summary="integers to float32",
    types=("int8 to float32", "uint8 to float32", "int16 to float32"),
    check=check,
    variants=portable(call),
    converts=True,
    evaluate=evaluate,
)
