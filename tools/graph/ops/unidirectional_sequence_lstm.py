"""UNIDIRECTIONAL_SEQUENCE_LSTM: graph operator → call of kernels/unidirectional_sequence_lstm.h.

The weights of the four gates are stacked, so that a kernel computes them as one dense layer.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import tflite

from ...cores import Core
from ...errors import ModelError, UnsupportedModel
from ..ir import Argument, Constant, DType, Graph, KernelCall, Op, Params, Read, Scratch, Tensor, Write
from ..operator import Operator, Variant, portable
from . import _packed_dsp as packed
from . import _quantized as q
from ._lookup import sigmoids
from ._macs import MAX_BIAS, MAX_INT16_SHIFT, int16_multipliers

Array = npt.NDArray[Any]

# Positions among the 24 inputs (TFLM: micro/kernels/lstm_shared.h). The gates are input, forget, candidate, output.
INPUT, HIDDEN, CELL = 0, 18, 19
INPUT_WEIGHTS, RECURRENT_WEIGHTS, BIAS = range(1, 5), range(5, 9), range(12, 16)
UNSUPPORTED = {"peephole connections": range(9, 12), "a projection": range(16, 18), "normalization": range(20, 24)}

GATE_SCALE, UNIT_SCALE = 2.0**-12, 2.0**-15  # of a gate before and after its sigmoid
MAX_TANH_SHIFT = 14  # of the cell state before tanh, whose argument has 32 bits


@dataclass(frozen=True)
class Attributes:
    """UnidirectionalSequenceLSTMOptions. ``candidate`` is the activation of that gate, ``cell_clip`` is 0 for none."""

    candidate: str
    cell_clip: float
    time_major: bool


def parse(operator: Any) -> Attributes:
    options = q.options(operator, tflite.UnidirectionalSequenceLSTMOptions)
    return Attributes(
        candidate=q.activation_name(options.FusedActivationFunction()),
        cell_clip=float(options.CellClip()),
        time_major=bool(options.TimeMajor()),
    )


def check(op: Op, graph: Graph) -> None:
    """Raises ModelError or UnsupportedModel unless there is a kernel for this operator."""
    q.check_arity(op, inputs=(24,))
    for what, positions in UNSUPPORTED.items():
        if any(op.inputs[i] is not None for i in positions):
            raise UnsupportedModel(f"{op.where}: an LSTM with {what} has no kernel; use a plain Keras LSTM layer")
    weights, biases = [*INPUT_WEIGHTS, *RECURRENT_WEIGHTS], [*BIAS]
    q.check_present(op, INPUT, HIDDEN, CELL, *weights, *biases)
    if op.attributes.candidate != "TANH":
        raise UnsupportedModel(
            f"{op.where}: the activation {op.attributes.candidate} has no kernel; use tanh in the Keras layer"
        )
    clip = op.attributes.cell_clip
    if not math.isfinite(clip):
        raise ModelError(f"{op.where}: its cell_clip is {clip}, but must be finite; convert the model again")
    source, hidden, cell, output = (*(graph.input(op, i) for i in (INPUT, HIDDEN, CELL)), graph.output(op))
    dtype = q.check_types(op, source, hidden, output)
    is_float = dtype is DType.FLOAT32
    q.check_types(op, cell, allowed=(DType.FLOAT32 if is_float else DType.INT16,))
    q.check_types(op, *_tensors(op, graph, weights), allowed=(DType.FLOAT32 if is_float else DType.INT8,))
    bias_type = {DType.INT8: DType.INT32, DType.INT16: DType.INT64}.get(dtype, DType.FLOAT32)
    q.check_types(op, *_tensors(op, graph, biases), allowed=(bias_type,))
    _check_shapes(op, graph)
    for tensor in _tensors(op, graph, weights + biases):
        if tensor.data is None:
            raise UnsupportedModel(f"{op.where}: {q.describe(tensor)} must be a constant; convert the model again")
    for tensor in (hidden, cell):
        if tensor.initial is None:
            raise ModelError(f"{op.where}: {q.describe(tensor)} must be a variable tensor; convert the model again")
    if not is_float:
        _check_quantization(op, graph)


def _check_shapes(op: Op, graph: Graph) -> None:
    source, output = graph.input(op, INPUT), graph.output(op)
    q.check_rank(op, source, 3)
    q.check_rank(op, graph.input(op, HIDDEN), 2)
    q.check_not_empty(op, source, graph.input(op, HIDDEN))
    shape = _shape(op, graph)
    for positions, depth in ((INPUT_WEIGHTS, shape["input_depth"]), (RECURRENT_WEIGHTS, shape["units"])):
        for tensor in _tensors(op, graph, positions):
            q.check_shape(op, tensor, (shape["units"], depth))
    for tensor in _tensors(op, graph, BIAS):
        q.check_shape(op, tensor, (shape["units"],))
    for position in (HIDDEN, CELL):
        q.check_shape(op, graph.input(op, position), (shape["batches"], shape["units"]))
    q.check_shape(op, output, (*source.shape[:2], shape["units"]))


def _check_quantization(op: Op, graph: Graph) -> None:
    source, hidden, cell, output = (*(graph.input(op, i) for i in (INPUT, HIDDEN, CELL)), graph.output(op))
    q.check_per_tensor(op, source, hidden, cell, output)
    if hidden.quantization != output.quantization:
        raise UnsupportedModel(
            f"{op.where}: its output and its hidden state have different quantization, but interpreters copy one to "
            "the other unchanged; convert the Keras model with kerf"
        )
    for tensor in _tensors(op, graph, [*INPUT_WEIGHTS, *RECURRENT_WEIGHTS]):
        q.check_filter(op, tensor, axis=0)
        if tensor.quantization is not None and tensor.quantization.per_channel:
            raise UnsupportedModel(
                f"{op.where}: weights {q.describe(tensor)} are quantized per channel, which TFLM's LSTM ignores; "
                "convert the model again with kerf, which quantizes them per tensor"
            )
    if not -30 <= _tanh_shift(cell) <= MAX_TANH_SHIFT:
        raise UnsupportedModel(
            f"{op.where}: {q.describe(cell)} has the scale {cell.scale:.3g}, out of range for the kernel's fixed-point "
            "arithmetic; convert the model again with a representative data set"
        )
    numbers = _numbers(op, graph)
    if source.dtype is DType.INT16:
        largest = max(*numbers["input_shifts"], *numbers["recurrent_shifts"])
        biases = np.abs(_stack(op, graph, BIAS)).max(initial=0)
        if largest > MAX_INT16_SHIFT or biases >= MAX_BIAS:
            raise UnsupportedModel(
                f"{op.where}: its scales or biases are too large for int16 kernels; convert the model again with a "
                "representative data set"
            )


def call(op: Op, graph: Graph) -> KernelCall:
    """The call of the portable kernel; requires check()."""
    source, output = graph.input(op, INPUT), graph.output(op)
    inputs, recurrent, bias = (_stack(op, graph, part) for part in (INPUT_WEIGHTS, RECURRENT_WEIGHTS, BIAS))
    shape = _shape(op, graph)
    units = shape["units"]
    last = (Write(output.index), *(Write(graph.input(op, i).index) for i in (HIDDEN, CELL)))
    weights = (Constant("input_weights", inputs), Constant("recurrent_weights", recurrent))
    kind = {DType.INT8: "int8", DType.INT16: "int16", DType.FLOAT32: "float32"}[source.dtype]
    function = f"unidirectional_sequence_lstm_{kind}"
    numbers: dict[str, Any] = {"shape": tuple(shape.values())}
    constants: tuple[Constant, ...] = (Constant("bias", bias),)
    if source.dtype is DType.FLOAT32:
        numbers["cell_clip"] = max(op.attributes.cell_clip, 0.0)
    else:
        numbers |= _numbers(op, graph)
        if source.dtype is DType.INT8:
            constants = tuple(Constant(f"{what}_bias", each) for what, each in _folded(op, graph).items())
        else:
            for what in ("input", "recurrent"):
                pair = np.array(numbers[f"{what}_multipliers"]), np.array(numbers[f"{what}_shifts"])
                narrow = (tuple(each.tolist()) for each in int16_multipliers(*pair))
                numbers[f"{what}_multipliers"], numbers[f"{what}_shifts"] = narrow
        constants += (Constant("sigmoids", sigmoids()),)
    params = Params(f"Lstm{kind.capitalize()}Params", numbers)
    scratch = Scratch(4 * units * graph.input(op, CELL).dtype.bytes, f"{function}_scratch_bytes")
    arguments: tuple[Argument, ...] = (Read(source.index), *weights, *constants, *last, scratch)
    return KernelCall("unidirectional_sequence_lstm.h", function, (params,), arguments)


def dsp_call(op: Op, graph: Graph) -> KernelCall:
    """The call of kernels/unidirectional_sequence_lstm_dsp.h. Raises ValueError for weights that cannot be packed."""
    plain, shape, biases = call(op, graph), _shape(op, graph), _folded(op, graph)
    function = f"{plain.function}_dsp"
    words = [
        Constant(f"packed_{what}", packed.pack_dense_sums(_by_unit(_stack(op, graph, part)), _by_unit(biases[what])))
        for what, part in (("input", INPUT_WEIGHTS), ("recurrent", RECURRENT_WEIGHTS))
    ]
    pairs = sum(packed.dense_pairs(shape[depth]) for depth in ("input_depth", "units"))
    scratch = Scratch(4 * (pairs + 8 * shape["units"]), f"{function}_scratch_bytes")
    table = next(a for a in plain.arguments if isinstance(a, Constant) and a.suffix == "sigmoids")
    return replace(
        plain,
        header="unidirectional_sequence_lstm_dsp.h",
        function=function,
        arguments=(Read(graph.input(op, INPUT).index), *words, table, *plain.writes, scratch),
        constexpr_params=True,
    )


def _accepts_dsp(op: Op, graph: Graph, core: Core) -> bool:
    if not core.dsp or graph.input(op, INPUT).dtype is not DType.INT8:
        return False
    try:
        dsp_call(op, graph)
    except ValueError:
        return False
    return True


# --- numbers ----------------------------------------------------------------------------------------------------------


def _tensors(op: Op, graph: Graph, positions: Iterable[int]) -> list[Tensor]:
    return [graph.input(op, i) for i in positions]


def _stack(op: Op, graph: Graph, positions: Sequence[int]) -> Array:
    """The constants of the four gates: [4 * units][…]."""
    arrays = [tensor.data for tensor in _tensors(op, graph, positions)]
    assert all(array is not None for array in arrays)
    return np.concatenate([array for array in arrays if array is not None])


def _by_unit(stacked: Array) -> Array:
    """The channels of a stack in the order of the units, the four gates of each together."""
    by_unit: Array = stacked.reshape(4, -1, *stacked.shape[1:]).swapaxes(0, 1).reshape(stacked.shape)
    return by_unit


def _shape(op: Op, graph: Graph) -> dict[str, int]:
    """The fields of LstmShape in order."""
    first, second, depth = graph.input(op, INPUT).shape
    steps, batches = (first, second) if op.attributes.time_major else (second, first)
    strides = {"batch_stride": steps, "step_stride": 1}
    if op.attributes.time_major:
        strides = {"batch_stride": 1, "step_stride": batches}
    units = graph.input(op, HIDDEN).shape[1]
    return {"batches": batches, "steps": steps, "input_depth": depth, "units": units, **strides}


def _folded(op: Op, graph: Graph) -> dict[str, Array]:
    """The int32 biases of an int8 layer's two sums, including what the zero points of input and hidden state add."""
    found = {}
    for what, position, weights in (("input", INPUT, INPUT_WEIGHTS), ("recurrent", HIDDEN, RECURRENT_WEIGHTS)):
        sums = _stack(op, graph, weights).astype(np.int64).sum(1)
        bias = _stack(op, graph, BIAS).astype(np.int64) if what == "input" else np.int64(0)
        folded = bias - graph.input(op, position).zero_point * sums
        found[what] = folded.astype(np.uint64).astype(np.uint32).view(np.int32)
    return found


def _numbers(op: Op, graph: Graph) -> dict[str, Any]:
    """The fields of LstmInt8Params after the shape. TFLM: PrepareGateParametersInteger in
    micro/kernels/lstm_eval_common.cc. Raises UnsupportedModel for scales that are too far apart."""
    hidden, cell = graph.input(op, HIDDEN), graph.input(op, CELL)
    fields: dict[str, Any] = {}
    for what, position, part in (("input", INPUT, INPUT_WEIGHTS), ("recurrent", HIDDEN, RECURRENT_WEIGHTS)):
        scale = graph.input(op, position).scale
        pairs = [q.multiplier_and_shift(op, scale * w.scale / GATE_SCALE) for w in _tensors(op, graph, part)]
        fields[f"{what}_multipliers"], fields[f"{what}_shifts"] = zip(*pairs, strict=True)
    for what, scale in (("cell", cell.scale), ("hidden", hidden.scale)):
        pair = q.multiplier_and_shift(op, UNIT_SCALE**2 / scale)
        fields[f"{what}_multiplier"], fields[f"{what}_shift"] = pair
    clip = op.attributes.cell_clip
    limit = int(min(max(float(np.float32(clip)) / cell.scale, -32768.0), 32767.0))
    low, high = (-limit, limit) if clip > 0 else (-32768, 32767)
    shift = _tanh_shift(cell)
    return {
        **fields,
        "hidden_zero_point": hidden.zero_point,
        "cell_min": low,
        "cell_max": high,
        "tanh_multiplier": 3 << max(shift, 0),
        "tanh_right_shift": max(-shift, 0),
    }


def _tanh_shift(cell: Tensor) -> int:
    """The left shift from the cell state to Q3.12, for a scale of about a power of two.

    TFLM: CheckedLog2 in kernels/internal/quantization_util.cc, Tanh in micro/kernels/lstm_eval.cc.
    """
    f32 = np.float32
    return 12 + q.round_half_away(float(f32(math.log(cell.scale)) * (f32(1) / f32(math.log(2)))))


def _macs(op: Op, graph: Graph) -> int:
    weights = [graph.optional_input(op, i) for i in (*INPUT_WEIGHTS, *RECURRENT_WEIGHTS)]
    return math.prod(graph.output(op).shape[:2]) * sum(each.elements for each in weights if each is not None)


def _has_steps(op: Op, graph: Graph) -> bool:
    shape = graph.input(op, INPUT).shape
    return len(shape) == 3 and shape[0 if op.attributes.time_major else 1] > 1


OPERATOR = Operator(
    summary="LSTM over a sequence; its state is kept until it is reset",
    types=("int8", "float32", "int16x8"),
    check=check,
    variants=(Variant("dsp", dsp_call, _accepts_dsp), *portable(call)),
    parse=parse,
    roles={**dict.fromkeys([*INPUT_WEIGHTS, *RECURRENT_WEIGHTS], "weights"), **dict.fromkeys(BIAS, "bias")},
    macs=_macs,
    copies_state=HIDDEN,
    whole_sequence=_has_steps,
)
