"""QUANTIZE: real numbers to integers, or integers from one quantization to another."""

from typing import Any

from ...errors import UnsupportedModel
from ..ir import DType, Graph, KernelCall, Op, Params, Read, Tensor, Write
from ..operator import Operator, portable
from ._elementwise import check_quantized, rescale
from ._order import elementwise
from ._quantized import check_arity, check_present, check_shape, describe, multiplier_and_shift

TYPES = (
    "float32 to int8",
    "float32 to int16",
    "int8",
    "int8 to uint8",
    "uint8 to int8",
    "int8 to int16",
    "int8 to int32",
    "int16 to int8",
    "int16",
    "int16 to int32",
    "int32 to int8",
    "int32 to int16",
)


def check(op: Op, graph: Graph) -> None:
    check_arity(op, (1,))
    check_present(op, 0)
    source, output = graph.input(op, 0), graph.output(op)
    if _types(source.dtype, output.dtype) not in TYPES:
        raise UnsupportedModel(
            f"{op.where}: no kernel converts {describe(source)} to {describe(output)} (supported: "
            f"{', '.join(TYPES)}); try --mode int8"
        )
    check_shape(op, output, source.shape)
    check_quantized(op, output)
    if source.dtype is not DType.FLOAT32:
        check_quantized(op, source)
        _rescale(op, source, output)


def call(op: Op, graph: Graph) -> KernelCall:
    source, output = graph.input(op, 0), graph.output(op)
    # Outputs wider than inputs would overwrite elements that have not been read yet.
    trails = elementwise(op, graph) if output.dtype.bytes == 1 else {}
    arguments = (Read(source.index), Write(output.index, trails))
    fields: dict[str, Any] = {"count": source.elements}
    if source.dtype is DType.FLOAT32:
        fields |= {"scale": output.scale, "zero_point": output.zero_point}
        function = f"quantize_{output.dtype.value}"
        return KernelCall("quantize.h", function, (Params("QuantizeParams", fields),), arguments)
    multiplier, shift = _rescale(op, source, output)
    fields |= {
        "input_zero_point": source.zero_point,
        "multiplier": multiplier,
        "shift": shift,
        "output_zero_point": output.zero_point,
    }
    return KernelCall("quantize.h", "requantize", (Params("RequantizeParams", fields),), arguments)


def _types(source: DType, output: DType) -> str:
    return source.value if source is output else f"{source.value} to {output.value}"


def _rescale(op: Op, source: Tensor, output: Tensor) -> tuple[int, int]:
    """(multiplier, shift) from one scale to the other. Raises UnsupportedModel if 8-bit or 16-bit integers could
    overflow; 32-bit ones wrap around."""
    factor = source.scale / output.scale
    if source.dtype is DType.INT32:
        return multiplier_and_shift(op, factor)
    return rescale(op, factor, largest=2 ** (8 * source.dtype.bytes) - 1)


OPERATOR = Operator(
    summary="float32 to integers, or integers to another scale",
    types=TYPES,
    check=check,
    variants=portable(call),
    converts=True,
)
