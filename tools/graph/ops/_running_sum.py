"""Shared by ADD_N and CUMSUM: int8 sums in Q19, of inputs with one scale and zero point 0."""

from ...errors import UnsupportedModel
from ..ir import Graph, Op
from ._quantized import quantize_multiplier
from ._specification import ignores_zero_points

BITS = 20  # TFLM's left_shift; half of a scaled element is in Q19


def check_sums(op: Op, graph: Graph) -> None:
    """Raises UnsupportedModel for int8 tensors that no interpreter sums correctly."""
    objection = ignores_zero_points(op, graph)
    if objection:
        raise UnsupportedModel(
            f"{op.where}: TFLM {objection}, and no other interpreter has the operator in int8; use other layers in the "
            f"Keras model, or --mode float32"
        )
    _, shift = sum_multiplier(op, graph)
    if shift > 0:
        source, output = graph.input(op, 0), graph.output(op)
        raise UnsupportedModel(
            f"{op.where}: the scale {source.scale:.3g} of its input is too far above its output's, {output.scale:.3g}; "
            f"convert the model again with a representative data set that covers the range of real inputs"
        )


def sum_multiplier(op: Op, graph: Graph) -> tuple[int, int]:
    """(multiplier, shift) from Q19 to the output; TFLM: CalculateOpData in micro/kernels/add_n.cc and cumsum.cc."""
    return quantize_multiplier(2 * graph.input(op, 0).scale / ((1 << BITS) * graph.output(op).scale))
