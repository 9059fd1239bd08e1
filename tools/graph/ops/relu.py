"""RELU as an operator of its own; integers rescale from the input's quantization to the output's."""

from typing import Any

from ..ir import DType, Graph, KernelCall, Op, TensorRef
from ._elementwise import rescale, reusable
from ._quantized import INTEGER_LIMITS, check_arity, check_per_tensor, check_present, check_shape, check_types

SUMMARY = "max(x, 0) of each element"
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
        rescale(op, source.scale / output.scale, largest=_largest(source.dtype))


def lower(op: Op, graph: Graph) -> KernelCall:
    source, output = graph.input(op, 0), graph.output(op)
    params = {"count": source.elements}
    arguments = (TensorRef(source.index), TensorRef(output.index))
    if source.dtype is DType.FLOAT32:
        return KernelCall("relu.h", "relu_float32", "ReluFloat32Params", params, arguments)
    integer = source.dtype.value
    limits = {"output_min": output.zero_point, "output_max": INTEGER_LIMITS[source.dtype][1]}
    if (source.scale, source.zero_point) == (output.scale, output.zero_point):
        return KernelCall(
            "relu.h", f"clamp_{integer}", f"Clamp{integer.capitalize()}Params", params | limits, arguments
        )
    # In double precision as the oracle's TFLM (October 2026) divides; in its sources of August 2026 this one division
    # (CalculateReluOpData in micro/kernels/activations_common.cc) is of float32, which differs where a result is a tie.
    multiplier, shift = rescale(op, source.scale / output.scale, largest=_largest(source.dtype))
    params |= {
        "input_zero_point": source.zero_point,
        "multiplier": multiplier,
        "shift": shift,
        "output_zero_point": output.zero_point,
    }
    return KernelCall("relu.h", f"relu_{integer}", f"Relu{integer.capitalize()}Params", params | limits, arguments)


def in_place(op: Op, graph: Graph) -> tuple[int, ...]:
    return reusable(op, graph)


def _largest(dtype: DType) -> int:
    """The largest difference between an integer of this type and its zero point."""
    return 255 if dtype is DType.INT8 else 32768
