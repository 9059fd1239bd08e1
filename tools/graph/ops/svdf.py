"""SVDF: graph operator → call of kernels/svdf.h."""

import math
from dataclasses import dataclass
from typing import Any

import tflite

from ...errors import ModelError, UnsupportedModel
from ..ir import DType, Graph, KernelCall, Op, Params, Read, Tensor, Write
from ..operator import Operator, portable
from . import _quantized as q

INPUT, FEATURE, TIME, BIAS, STATE = range(5)
# (input, output and weights of features, weights of time and state) → the kernel
KERNELS = {
    (DType.INT8, DType.INT8): "svdf_int8",
    (DType.INT8, DType.INT16): "svdf_int8_int16",
    (DType.FLOAT32, DType.FLOAT32): "svdf_float32",
}
BIAS_TYPES = {DType.INT8: DType.INT32, DType.FLOAT32: DType.FLOAT32}
LARGEST_BIAS_DIFFERENCE = 1e-5  # TFLM's, between the bias's scale and that of the sums that it is added to


@dataclass(frozen=True)
class Attributes:
    """SVDFOptions. For integers, TFLM and LiteRT ignore the activation: they only saturate to int8."""

    rank: int
    activation: str


def parse(operator: Any) -> Attributes:
    """The operator's options; raises ModelError if they are missing."""
    options = q.options(operator, tflite.SVDFOptions)
    return Attributes(options.Rank(), q.activation_name(options.FusedActivationFunction()))


def check(op: Op, graph: Graph) -> None:
    """Raises ModelError or UnsupportedModel unless there is a kernel for this operator."""
    q.check_arity(op, (5,))
    q.check_present(op, INPUT, FEATURE, TIME, STATE)
    source, feature, time, state = (graph.input(op, i) for i in (INPUT, FEATURE, TIME, STATE))
    bias, output = graph.optional_input(op, BIAS), graph.output(op)
    dtype = q.check_types(op, source, feature, output, allowed=BIAS_TYPES)
    if time.dtype is not state.dtype or (dtype, time.dtype) not in KERNELS:
        raise UnsupportedModel(
            f"{op.where}: no kernel combines the input {q.describe(source)} with the weights {q.describe(time)} and "
            f"the state {q.describe(state)}; try --mode int8 or --mode float32"
        )
    for tensor in (source, feature, time, state):
        q.check_rank(op, tensor, 2)
        q.check_not_empty(op, tensor)
    if state.initial is None:
        raise ModelError(f"{op.where}: its state {q.describe(state)} is not a variable; convert the model again")
    batches, depth = source.shape
    filters, memory = time.shape
    rank = op.attributes.rank
    if rank < 1 or filters % rank:
        raise ModelError(f"{op.where}: {filters} filters cannot be divided by its rank {rank}; convert the model again")
    q.check_shape(op, feature, (filters, depth))
    q.check_shape(op, state, (batches, filters * memory))
    q.check_shape(op, output, (batches, filters // rank))
    q.check_bias(op, bias, filters // rank, BIAS_TYPES[dtype])
    if dtype is DType.FLOAT32:
        q.check_activation(op, op.attributes.activation)
        return
    q.check_per_tensor(op, source, time, state, output)
    q.check_filter(op, feature, axis=0)
    if feature.quantization is not None and feature.quantization.per_channel:
        raise UnsupportedModel(
            f"{op.where}: weights {q.describe(feature)} are quantized per channel, but the kernel takes one scale; "
            f"convert the model again with per-tensor weights"
        )
    if time.zero_point:
        raise UnsupportedModel(
            f"{op.where}: weights {q.describe(time)} have a zero point other than 0, which no kernel applies; quantize "
            f"weights symmetrically"
        )
    _check_bias_scale(op, bias, state.scale * time.scale)
    _multipliers(op, graph)


def _check_bias_scale(op: Op, bias: Tensor | None, expected: float) -> None:
    """Raises ModelError unless the bias has the scale of the sums that it is added to; UnsupportedModel if it has
    several."""
    if bias is None or bias.quantization is None:
        return
    q.check_per_tensor(op, bias)
    if abs(bias.scale - expected) >= LARGEST_BIAS_DIFFERENCE:
        raise ModelError(
            f"{op.where}: bias {q.describe(bias)} has the scale {bias.scale:.3g}, but the scale of the state times "
            f"that of the weights is {expected:.3g}; convert the model again"
        )


def _multipliers(op: Op, graph: Graph) -> tuple[tuple[int, int], tuple[int, int]]:
    """(multiplier, shift) of a feature and of an output; TFLM of October 2026: PrepareSvdf, in double precision.

    Earlier versions used float32, which can give a result that differs by a step at exact ties.
    """
    source, feature, time, state = (graph.input(op, i).scale for i in (INPUT, FEATURE, TIME, STATE))
    output = graph.output(op).scale
    return q.multiplier_and_shift(op, source * feature / state), q.multiplier_and_shift(op, state * time / output)


def call(op: Op, graph: Graph) -> KernelCall:
    """After check()."""
    source, feature, time, state = (graph.input(op, i) for i in (INPUT, FEATURE, TIME, STATE))
    bias, output = graph.optional_input(op, BIAS), graph.output(op)
    filters, memory = time.shape
    rank = op.attributes.rank
    fields: dict[str, int | float] = {
        "batches": source.shape[0],
        "input_depth": source.shape[1],
        "units": filters // rank,
        "rank": rank,
        "memory": memory,
    }
    if source.dtype is DType.FLOAT32:
        low, high = q.float32_activation_range(op.attributes.activation)
        # Unlike other kernels, TFLM's lets infinities through.
        fields |= {"activation_min": -math.inf if low == -q.FLOAT32_MAX else low}
        fields |= {"activation_max": math.inf if high == q.FLOAT32_MAX else high}
        params = Params("SvdfFloat32Params", fields)
    else:
        (feature_multiplier, feature_shift), (multiplier, shift) = _multipliers(op, graph)
        fields |= {
            "input_offset": -source.zero_point,
            "state_offset": -state.zero_point,
            "output_offset": output.zero_point,
            "feature_multiplier": feature_multiplier,
            "feature_shift": feature_shift,
            "output_multiplier": multiplier,
            "output_shift": shift,
        }
        params = Params("SvdfInt8Params", fields)
    arguments = (
        Read(source.index),
        Read(feature.index),
        Read(time.index),
        Read(bias.index if bias else None),
        Write(output.index),
        Write(state.index),
    )
    return KernelCall("svdf.h", KERNELS[source.dtype, time.dtype], (params,), arguments)


def macs(op: Op, graph: Graph) -> int:
    """The features of the input, and the sums over time."""
    feature, time, output = graph.optional_input(op, FEATURE), graph.optional_input(op, TIME), graph.output(op)
    if feature is None or time is None or not output.shape:
        return 0
    return output.shape[0] * (feature.elements + time.elements)


OPERATOR = Operator(
    summary="dense layer over the latest inputs, with filters factored into features and time; keeps state",
    types=("int8", "int8 with int16 state", "float32"),
    check=check,
    variants=portable(call),
    parse=parse,
    roles={FEATURE: "weights", TIME: "time_weights", BIAS: "bias"},
    channel_axis=0,
    macs=macs,
)
