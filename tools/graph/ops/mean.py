"""MEAN over constant axes."""

from ...cores import Core
from ..ir import DType, Graph, KernelCall, Op, Params
from ..operator import Constants, Operator, Variant, portable
from ._channels import KeepsZeros
from ._quantized import multiplier_and_shift
from ._reduce import axes_of, check_reduction, check_sum, integer_sum_call, parse, reduce_call, reduction_loops


def check(op: Op, graph: Graph) -> None:
    if check_reduction(op, graph) is not DType.FLOAT32:
        _, shift = _multiplier(op, graph)
        check_sum(op, graph, shift)


def call(op: Op, graph: Graph) -> KernelCall:
    source, output = graph.input(op, 0), graph.output(op)
    if source.dtype is DType.FLOAT32:
        params = Params("MeanFloat32Params", {"count": source.elements // output.elements})
        return reduce_call(op, graph, "mean.h", "mean_float32", params)
    return integer_sum_call(op, graph, *_multiplier(op, graph))


def _positions(op: Op, graph: Graph) -> tuple[int, int, int] | None:
    """(batches, positions, channels) if all positions are averaged channel by channel, else None."""
    kept, reduced = reduction_loops(graph.input(op, 0).shape, axes_of(op, graph))
    if len(reduced) != 1 or not kept or len(kept) > 2:
        return None
    (positions, step), (channels, stride) = reduced[0], kept[-1]
    batches, image = kept[0] if len(kept) == 2 else (1, positions * channels)
    return (batches, positions, channels) if (step, stride, image) == (channels, 1, positions * channels) else None


def _accepts_dsp(op: Op, graph: Graph, core: Core) -> bool:
    return core.dsp and graph.input(op, 0).dtype is DType.INT8 and _positions(op, graph) is not None


def dsp_call(op: Op, graph: Graph) -> KernelCall:
    """mean_positions_int8_dsp() of kernels/pool_2d_dsp.h."""
    plain, sizes = call(op, graph), _positions(op, graph)
    assert sizes is not None
    names = ("zero_point_sum", "multiplier", "shift", "output_zero_point")
    fields = dict(zip(("batches", "positions", "depth"), sizes, strict=True)) | {n: plain.fields[n] for n in names}
    params = Params("MeanPositionsInt8Params", fields)
    return KernelCall("pool_2d_dsp.h", "mean_positions_int8_dsp", (params,), plain.arguments)


class Channels(KeepsZeros):
    """A channel of zeros stays zero unless channels are averaged with each other."""

    def constant(self, op: Op, graph: Graph, source: Constants) -> Constants:
        before, after = graph.input(op, 0), graph.output(op)
        axes = graph.input(op, 1)
        if axes.data is None or not after.shape or after.shape[-1] != before.shape[-1]:
            return {}
        if any(int(axis) % len(before.shape) == len(before.shape) - 1 for axis in axes.data.ravel()):
            return {}
        return super().constant(op, graph, source)


def _multiplier(op: Op, graph: Graph) -> tuple[int, int]:
    """(multiplier, shift) from a sum to the output; TFLM: QuantizedMeanOrSum in reference/reduce.h."""
    source, output = graph.input(op, 0), graph.output(op)
    count = source.elements // output.elements
    multiplier, shift = multiplier_and_shift(op, source.scale / output.scale)
    extra = min(count.bit_length() - 1, 32, 31 + shift)
    return (multiplier << extra) // count, shift - extra


OPERATOR = Operator(
    summary="mean over any dimensions",
    types=("int8", "int16", "float32"),
    check=check,
    variants=(Variant("dsp", dsp_call, _accepts_dsp), *portable(call)),
    parse=parse,
    channels=Channels(),
)
