"""Shared by ADD and SUB: operands are rescaled to a common scale, added or subtracted, and rescaled to the output."""

from dataclasses import dataclass

from ...errors import UnsupportedModel
from ..ir import DType, Graph, KernelCall, Op, Params, Tensor
from ._broadcast import broadcast_call, check_operands, rescaled
from ._quantized import (
    COMPUTED,
    INTEGERS,
    float32_activation_range,
    integer_activation_range,
    quantize_multiplier,
)

SUM_BITS = {DType.INT8: 20, DType.UINT8: 20, DType.INT16: 15}  # fractional bits of the common scale, TFLM's left_shift
TYPES = (*COMPUTED, DType.INT32, DType.UINT8)


@dataclass(frozen=True)
class Attributes:
    activation: str


def check(op: Op, graph: Graph) -> None:
    """Raises ModelError or UnsupportedModel unless call() has a kernel for this operator."""
    first, second, output = check_operands(op, graph, TYPES)
    if output.dtype in INTEGERS:
        _, (_, shift) = multipliers(first, second, output)
        if shift > 0:
            raise UnsupportedModel(
                f"{op.where}: the scales {first.scale:.3g} and {second.scale:.3g} of its inputs are too far above its "
                f"output's, {output.scale:.3g}; convert the model again with a representative data set that covers the "
                f"range of real inputs"
            )


def call(op: Op, graph: Graph) -> KernelCall:
    """The call of kernels/add.h or kernels/sub.h; requires check()."""
    first, second, output = graph.input(op, 0), graph.input(op, 1), graph.output(op)
    name, dtype = op.kind.lower(), output.dtype.value
    struct = "Broadcast" if output.dtype is DType.INT32 else f"{name.capitalize()}{dtype.capitalize()}"
    params = Params(f"{struct}Params", _numbers(op, first, second, output))
    return broadcast_call(op, graph, f"{name}.h", f"{name}_{dtype}", params)


def _numbers(op: Op, first: Tensor, second: Tensor, output: Tensor) -> dict[str, int | float]:
    if output.dtype is DType.INT32:
        return {}
    if output.dtype is DType.FLOAT32:
        low, high = float32_activation_range(op.attributes.activation)
        return {"output_min": low, "output_max": high}
    inputs, of_output = multipliers(first, second, output)
    minimum, maximum = integer_activation_range(op, output, op.attributes.activation)
    return rescaled((first, second), inputs) | {
        "output_offset": output.zero_point,
        "output_multiplier": of_output[0],
        "output_shift": of_output[1],
        "output_min": minimum,
        "output_max": maximum,
    }


def multipliers(first: Tensor, second: Tensor, output: Tensor) -> tuple[list[tuple[int, int]], tuple[int, int]]:
    """(multiplier, shift) of each input and of the output; TFLM: CalculateOpDataAdd in micro/kernels/add_common.cc."""
    twice_larger = 2 * max(first.scale, second.scale)
    inputs = [quantize_multiplier(tensor.scale / twice_larger) for tensor in (first, second)]
    return inputs, quantize_multiplier(twice_larger / ((1 << SUM_BITS[output.dtype]) * output.scale))
