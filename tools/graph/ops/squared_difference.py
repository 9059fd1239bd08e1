"""SQUARED_DIFFERENCE: (a - b)² of two tensors, broadcast against each other."""

from ...errors import UnsupportedModel
from ..ir import DType, Graph, KernelCall, Op, Params, Tensor
from ..operator import Operator, portable
from ._broadcast import broadcast_call, check_operands, rescaled
from ._quantized import COMPUTED, INTEGERS, quantize_multiplier

BITS = {DType.INT8: 7, DType.INT16: 0}  # fractional bits of the common scale, TFLM's left_shift


def check(op: Op, graph: Graph) -> None:
    first, second, output = check_operands(op, graph, (*COMPUTED, DType.INT32))
    if output.dtype not in INTEGERS:
        return
    _, (_, shift) = _multipliers(first, second, output)
    if not -31 <= shift <= 0:
        raise UnsupportedModel(
            f"{op.where}: the square of its inputs' scales, {first.scale:.3g} and {second.scale:.3g}, is too far above "
            f"its output's, {output.scale:.3g}, for 32-bit arithmetic; convert the model again with a representative "
            f"data set that covers the range of real inputs"
        )


def call(op: Op, graph: Graph) -> KernelCall:
    first, second, output = graph.input(op, 0), graph.input(op, 1), graph.output(op)
    dtype = output.dtype.value
    fields: dict[str, int | float] = {}
    if output.dtype in INTEGERS:
        inputs, (multiplier, shift) = _multipliers(first, second, output)
        fields |= rescaled((first, second), inputs)
        fields |= {"output_offset": output.zero_point, "output_multiplier": multiplier, "output_shift": shift}
    struct = f"SquaredDifference{dtype.capitalize()}Params" if fields else "BroadcastParams"
    params = Params(struct, fields)
    return broadcast_call(op, graph, "squared_difference.h", f"squared_difference_{dtype}", params)


def _multipliers(first: Tensor, second: Tensor, output: Tensor) -> tuple[list[tuple[int, int]], tuple[int, int]]:
    """(multiplier, shift) of each input and of the output; TFLM: PrepareQuantized in squared_difference.cc."""
    twice_larger = 2 * max(first.scale, second.scale)
    inputs = [quantize_multiplier(tensor.scale / twice_larger) for tensor in (first, second)]
    return inputs, quantize_multiplier(twice_larger**2 / ((1 << 2 * BITS[output.dtype]) * output.scale))


OPERATOR = Operator(
    summary="elementwise squared difference with broadcasting",
    types=("int8", "int16", "float32", "int32"),
    check=check,
    variants=portable(call),
)
