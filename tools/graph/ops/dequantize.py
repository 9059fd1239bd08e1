"""DEQUANTIZE: integers to real numbers."""

from typing import Any

from ..ir import DType, Graph, KernelCall, Op, TensorRef
from ._elementwise import check_quantized
from ._quantized import INTEGER_LIMITS, check_arity, check_present, check_shape, check_types

SUMMARY = "integers to float32"
VARIANTS = ("int8 to float32", "uint8 to float32", "int16 to float32")


def parse(operator: Any) -> None:
    return None


def check(op: Op, graph: Graph) -> None:
    check_arity(op, (1,))
    check_present(op, 0)
    source, output = graph.input(op, 0), graph.output(op)
    check_types(op, source, allowed=INTEGER_LIMITS)
    check_types(op, output, allowed=(DType.FLOAT32,))
    check_shape(op, output, source.shape)
    check_quantized(op, source)


def lower(op: Op, graph: Graph) -> KernelCall:
    source, output = graph.input(op, 0), graph.output(op)
    params = {"count": source.elements, "scale": source.scale, "zero_point": source.zero_point}
    arguments = (TensorRef(source.index), TensorRef(output.index))
    function = f"dequantize_{source.dtype.value}"
    return KernelCall("quantize.h", function, "QuantizeParams", params, arguments)


def in_place(op: Op, graph: Graph) -> tuple[int, ...]:
    return ()
