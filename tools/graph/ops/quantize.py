"""QUANTIZE: real numbers to integers, or integers from one quantization to another."""

from typing import Any

from ...errors import UnsupportedModel
from ..ir import DType, Graph, KernelCall, Op, TensorRef
from ._elementwise import check_quantized, rescale, reusable
from ._quantized import check_arity, check_present, check_shape, describe

SUMMARY = "float32 to integers, or integers to another scale"
VARIANTS = (
    "float32 to int8",
    "float32 to int16",
    "int8",
    "int8 to uint8",
    "uint8 to int8",
    "int8 to int16",
    "int16 to int8",
    "int16",
)


def parse(operator: Any) -> None:
    return None


def check(op: Op, graph: Graph) -> None:
    check_arity(op, (1,))
    check_present(op, 0)
    source, output = graph.input(op, 0), graph.output(op)
    if _variant(source.dtype, output.dtype) not in VARIANTS:
        raise UnsupportedModel(
            f"{op.where}: there is no kernel from {describe(source)} to {describe(output)}, only "
            f"{', '.join(VARIANTS)}; try --mode int8"
        )
    check_shape(op, output, source.shape)
    check_quantized(op, output)
    if source.dtype is not DType.FLOAT32:
        check_quantized(op, source)
        rescale(op, source.scale / output.scale, largest=_largest(source.dtype))


def lower(op: Op, graph: Graph) -> KernelCall:
    source, output = graph.input(op, 0), graph.output(op)
    arguments = (TensorRef(source.index), TensorRef(output.index))
    params: dict[str, Any] = {"count": source.elements}
    if source.dtype is DType.FLOAT32:
        params |= {"scale": output.scale, "zero_point": output.zero_point}
        function = f"quantize_{output.dtype.value}"
        return KernelCall("quantize.h", function, "QuantizeParams", params, arguments)
    multiplier, shift = rescale(op, source.scale / output.scale, largest=_largest(source.dtype))
    params |= {
        "input_zero_point": source.zero_point,
        "multiplier": multiplier,
        "shift": shift,
        "output_zero_point": output.zero_point,
    }
    function = f"requantize_{source.dtype.value}_{output.dtype.value}"
    return KernelCall("quantize.h", function, "RequantizeParams", params, arguments)


def in_place(op: Op, graph: Graph) -> tuple[int, ...]:
    # Wider elements would overwrite inputs before they are read. Narrower ones trail behind the reads, but C++ lets
    # nothing but bytes be written over objects of another type.
    return reusable(op, graph) if graph.output(op).dtype.bytes == 1 else ()


def _variant(source: DType, output: DType) -> str:
    return source.value if source is output else f"{source.value} to {output.value}"


def _largest(dtype: DType) -> int:
    """The largest difference between an integer of this type and a zero point."""
    return int(2 ** (8 * dtype.bytes) - 1)
