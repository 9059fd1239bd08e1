"""RELU6 as an operator of its own; integer input and output must have one quantization, as TFLM never rescales here."""

from typing import Any

from ..ir import DType, Graph, KernelCall, Op, TensorRef
from ._elementwise import check_same_quantization, reusable
from ._quantized import (
    check_arity,
    check_per_tensor,
    check_present,
    check_shape,
    check_types,
    integer_activation_range,
)

SUMMARY = "min(max(x, 0), 6) of each element"
VARIANTS = ("int8", "int16", "float32")


def parse(operator: Any) -> None:
    return None


def check(op: Op, graph: Graph) -> None:
    check_arity(op, (1,))
    check_present(op, 0)
    source, output = graph.input(op, 0), graph.output(op)
    dtype = check_types(op, source, output)
    check_shape(op, output, source.shape)
    if dtype is not DType.FLOAT32:
        check_per_tensor(op, source, output)
        check_same_quantization(op, source, output)
        integer_activation_range(op, output, "RELU6")


def lower(op: Op, graph: Graph) -> KernelCall:
    source, output = graph.input(op, 0), graph.output(op)
    params = {"count": source.elements}
    arguments = (TensorRef(source.index), TensorRef(output.index))
    if source.dtype is DType.FLOAT32:
        return KernelCall("relu.h", "relu6_float32", "ReluFloat32Params", params, arguments)
    minimum, maximum = integer_activation_range(op, output, "RELU6")
    params |= {"output_min": minimum, "output_max": maximum}
    integer = source.dtype.value
    return KernelCall("relu.h", f"clamp_{integer}", f"Clamp{integer.capitalize()}Params", params, arguments)


def in_place(op: Op, graph: Graph) -> tuple[int, ...]:
    return reusable(op, graph)
