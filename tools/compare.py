"""The layer-by-layer comparison: where a quantized or compiled model diverges from its original, and the usual cause.

It takes every operator's outputs, as computed by the float model, LiteRT, TFLM (which defines integer results) and the
firmware, and returns one row per layer and one sentence. `examine` runs the interpreters; all else is pure.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from . import oracle
from .errors import ModelError
from .graph import ops, passes, read
from .graph.ir import Graph, Op, Tensor
from .oracle import layers as interpreters
from .oracle import signature
from .runtimes import Program
from .values import Identity, Quantized

Array = npt.NDArray[Any]

SAMPLES = 64  # of the test set; more hardly change an SQNR
LOW_SQNR_DB = 20.0  # noise with a tenth of the signal's amplitude
EXACT_DB = 150.0  # no noise at all; the 24 bits of float32 are 144 dB
FLOAT_TOLERANCE = 1e-4  # relative, as in the bench
MANY_CLIPPED = 0.01
MUCH_UNUSED = 0.5
OUTLIER = 8.0  # times the median channel


@dataclass(frozen=True)
class Difference:
    """How values differ from the reference: the share that differs, and the largest difference.

    Integers differ if they are not equal, floats by more than FLOAT_TOLERANCE of the largest magnitude in the tensor.
    """

    share: float
    largest: float


@dataclass(frozen=True)
class Layer:
    """One operator. Shares are 0 … 1, None where unknown.

    ``sqnr_db``: signal-to-quantization-noise ratio of the reference against the float model, EXACT_DB without noise.
    ``clipped``: share of the float model's values outside the output's range. ``saturated``: share of the output's
    values at an end of its range, except a lower end that stands for zero, as after a ReLU. ``unused``: share of the
    range that no value reaches. ``litert`` and ``device``: differences from the reference.
    """

    name: str
    op: str
    dtype: str
    scale: float | None
    zero_point: int | None
    sqnr_db: float | None
    clipped: float | None
    saturated: float | None
    unused: float | None
    litert: Difference | None
    device: Difference | None


@dataclass(frozen=True)
class Comparison:
    """``reference`` names the interpreter that all else is compared with, ``layer`` the first layer that diverges.

    ``layer`` is None if none does. ``finding`` is one sentence on it, with the usual cause and what to do.
    """

    model: str
    mode: str
    model_sha256: str
    runtime: str
    target: str
    emulator: str | None
    reference: str
    samples: int
    device_samples: int
    layers: tuple[Layer, ...]
    layer: str | None
    finding: str

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def examine(
    quantized: Quantized,
    program: Program,
    original: Quantized | None,
    device: Sequence[Sequence[Array]] | None,
    firmware: Identity,
    emulator: str | None,
) -> Comparison:
    """Runs the interpreters on the first SAMPLES of the test set, or as many as the device ran if more, and compares.

    ``original`` is the same model in float32 with the same test set, None if there is none. ``device`` has the outputs
    that the program reported for each of the first samples, None if no ``firmware`` ran. Raises ModelError when no
    interpreter can run the model.
    """
    graph = program.graph
    count = max(SAMPLES, len(device or ()))
    inputs = [array[:count] for array in quantized.vectors.inputs]
    name = quantized.model
    parties = {}
    refusals = []
    for package in (oracle.TFLM, oracle.LITERT):
        if oracle.is_installed(package):
            try:
                parties[package] = interpreters.outputs(package, quantized.tflite, graph, inputs, name)
            except ModelError as error:
                refusals.append(str(error))
    if not parties:
        raise ModelError("; ".join(refusals) or f"no interpreter to compare {name} with: pip install {oracle.LITERT}")
    # Integer results are defined by TFLM, float and hybrid ones by LiteRT.
    defines = oracle.TFLM if signature.read(quantized.tflite, name).is_integer else oracle.LITERT
    chosen = defines if defines in parties else next(iter(parties))
    floats, weights = (None, None) if original is None else _originals(graph, quantized, original, count)
    on_device = None if device is None else _by_operator(program, device)
    litert = None if chosen == oracle.LITERT else parties.get(oracle.LITERT)
    # An operator that assigns to a variable has no output for interpreters to return.
    shown = [i for i, values in enumerate(parties[chosen]) if values is not None]
    graph = replace(graph, ops=tuple(graph.ops[i] for i in shown))
    real, kernels, others, measured = (
        None if party is None else [party[i] for i in shown] for party in (floats, weights, litert, on_device)
    )
    reference = [values for values in parties[chosen] if values is not None]
    rows = compare(graph, reference, floats=real, litert=others, device=measured)
    layer, finding = find(graph, rows, real, chosen, kernels, exact=chosen == defines)
    return Comparison(
        model=quantized.model,
        mode=quantized.mode,
        model_sha256=quantized.sha256,
        runtime=firmware.runtime,
        target=firmware.target,
        emulator=emulator,
        reference=chosen,
        samples=len(inputs[0]),
        device_samples=0 if device is None else len(device),
        layers=rows,
        layer=layer,
        finding=finding,
    )


def _by_operator(program: Program, device: Sequence[Sequence[Array]]) -> list[Array | None]:
    """The device's output of each operator, first axis = sample; None for operators that it does not report."""
    stacked = [np.stack(column) for column in zip(*device, strict=True)]
    known = {each.tensor.index: array for each, array in zip(program.reported, stacked, strict=True) if each.tensor}
    views = program.schedule.views if program.schedule is not None else {}
    found: list[Array | None] = []
    for op in program.graph.ops:
        output = program.graph.output(op) if op.outputs else None
        array = None if output is None else known.get(views.get(output.index, output.index))
        found.append(None if array is None or output is None else array.reshape(len(array), *output.shape))
    return found


def _originals(
    graph: Graph, quantized: Quantized, original: Quantized, count: int
) -> tuple[list[Array | None], list[Array | None]]:
    """The float model's output of each operator for the first ``count`` samples, and its weights; None for layers that
    the float model does not have."""
    own = passes.simplify(read.read(original.tflite, original.model))
    inputs = real_inputs(quantized, original, count)
    found = interpreters.outputs(oracle.LITERT, original.tflite, own, inputs, original.model)
    twins = interpreters.pairs(graph, own)
    weights = [own.optional_input(twin, 1) if twin else None for twin in twins]
    return (
        [None if twin is None else found[twin.index] for twin in twins],
        [None if tensor is None else tensor.data for tensor in weights],
    )


def real_inputs(quantized: Quantized, original: Quantized, count: int) -> list[Array]:
    """The float model's test set if it is the same as the quantized one's. Without data, each model has random numbers
    of its own type: then the quantized model's inputs, dequantized."""
    tensors = signature.read(quantized.tflite, quantized.model).inputs
    stored, real = ([a[:count] for a in made.vectors.inputs] for made in (quantized, original))
    if all(np.array_equal(tensor.quantize(b), a) for tensor, a, b in zip(tensors, stored, real, strict=True)):
        return real
    return [tensor.dequantize(a).astype(b.dtype) for tensor, a, b in zip(tensors, stored, real, strict=True)]


def compare(
    graph: Graph,
    reference: Sequence[Array],
    *,
    floats: Sequence[Array | None] | None = None,
    litert: Sequence[Array | None] | None = None,
    device: Sequence[Array | None] | None = None,
) -> tuple[Layer, ...]:
    """One Layer per operator. Every list has one array per operator, first axis = sample.

    ``floats``, ``litert`` and ``device`` are None if they did not run, and have None for layers that they do not have.
    ``device`` may have fewer samples than the others.
    """
    rows = []
    for i, op in enumerate(graph.ops):
        tensor, values = graph.output(op), reference[i]
        real, theirs, ours = (None if party is None else party[i] for party in (floats, litert, device))
        rows.append(
            Layer(
                name=op.name,
                op=op.kind,
                dtype=tensor.dtype.value,
                scale=tensor.quantization.scales[0] if tensor.quantization else None,
                zero_point=tensor.quantization.zero_points[0] if tensor.quantization else None,
                sqnr_db=None if real is None else sqnr_db(real, dequantize(tensor, values)),
                clipped=None if real is None else _clipped(tensor, real),
                saturated=_saturated(tensor, values),
                unused=_unused(tensor, values),
                litert=None if theirs is None else difference(values, theirs),
                device=None if ours is None else difference(values[: len(ours)], ours),
            )
        )
    return tuple(rows)


def sqnr_db(signal: Array, with_noise: Array) -> float | None:
    """10 log10 of signal power over noise power, at most EXACT_DB; None for a signal that is always zero."""
    exact = signal.astype(np.float64).ravel()
    power, noise = float(np.sum(exact**2)), float(np.sum((with_noise.astype(np.float64).ravel() - exact) ** 2))
    if power == 0.0 or not math.isfinite(power + noise):
        return None
    return EXACT_DB if noise == 0.0 else min(EXACT_DB, 10 * math.log10(power / noise))


def dequantize(tensor: Tensor, values: Array) -> npt.NDArray[np.float64]:
    """Real values: scale * (quantized - zero point); floats are unchanged."""
    real = values.astype(np.float64)
    return (real - tensor.zero_point) * tensor.scale if tensor.quantization else real


def difference(reference: Array, values: Array) -> Difference:
    """How ``values`` differ from ``reference``, of the same shape."""
    with np.errstate(invalid="ignore"):  # inf - inf
        apart = np.abs(values.astype(np.float64) - reference.astype(np.float64))
    apart[(values == reference) | ((values != values) & (reference != reference))] = 0.0  # infinities and NaN
    limit = 0.0
    if np.issubdtype(reference.dtype, np.floating):
        finite = np.abs(reference[np.isfinite(reference)])
        limit = FLOAT_TOLERANCE * float(finite.max(initial=0.0))
    share = float(np.mean(~(apart <= limit))) if apart.size else 0.0
    largest = float(np.nanmax(apart, initial=0.0))
    return Difference(share, largest if math.isfinite(largest) else float(np.finfo(np.float64).max))


def _range(tensor: Tensor) -> tuple[int, int] | None:
    """The smallest and the largest value of a quantized tensor's type; None for other tensors."""
    if tensor.quantization is None or not tensor.dtype.value.startswith(("int", "uint")):
        return None
    limits = np.iinfo(tensor.dtype.value)
    return int(limits.min), int(limits.max)


def _clipped(tensor: Tensor, real: Array) -> float | None:
    """The share of real values that are outside the tensor's range by more than half a step."""
    ends = _range(tensor)
    if ends is None or not real.size:
        return None
    low, high = ((end - tensor.zero_point) * tensor.scale for end in ends)
    margin = tensor.scale / 2
    return float(np.mean((real < low - margin) | (real > high + margin)))


def _saturated(tensor: Tensor, values: Array) -> float | None:
    ends = _range(tensor)
    if ends is None or not values.size:
        return None
    low, high = ends
    at_an_end = values == high
    if tensor.zero_point > low:
        at_an_end |= values == low
    return float(np.mean(at_an_end))


def _unused(tensor: Tensor, values: Array) -> float | None:
    ends = _range(tensor)
    if ends is None or not values.size:
        return None
    low, high = ends
    return 1.0 - (int(values.max()) - int(values.min())) / (high - low)


# --- finding the cause ------------------------------------------------------------------------------------------------


def find(
    graph: Graph,
    layers: Sequence[Layer],
    floats: Sequence[Array | None] | None,
    reference: str,
    weights: Sequence[Array | None] | None = None,
    exact: bool = True,
) -> tuple[str | None, str]:
    """The first layer that diverges, or None, and a sentence with its usual cause.

    A difference between device and reference takes precedence (``exact``: the reference defines the device's numbers)
    over a layer with an SQNR below LOW_SQNR_DB, or a layer whose calibrated range clips more than MANY_CLIPPED of its
    own values or a later layer's. ``floats`` are the float model's outputs, ``weights`` its weights.
    """
    for layer in layers:
        if layer.device is not None and layer.device.share > 0:
            wrong = f"{layer.device.share:.2%} of its values, by up to {layer.device.largest:g}"
            if exact:
                return layer.name, (
                    f"{_where(layer)} is the first where the device differs from {reference}: {wrong}. All layers "
                    "before it are equal, so its kernel computes wrong numbers: report it, with the .tflite"
                )
            return layer.name, (
                f"{_where(layer)} is the first where the device differs from {reference}: {wrong}. {reference} is not "
                "exact to the last bit here: a step or two is normal, more is an error"
            )
    for i, layer in enumerate(layers):
        if layer.sqnr_db is not None and (layer.sqnr_db < LOW_SQNR_DB or _is_clipped(layer)):
            if _is_clipped(layer):
                named = layers[_range_set_by(graph, layers, i)]
                cause = _calibration(named, layer)
            else:
                named = layer
                real = floats[i] if floats is not None else None
                before = next((x.sqnr_db for x in reversed(layers[:i]) if x.sqnr_db is not None), None)
                kernel = weights[i] if weights is not None else None
                cause = _cause(graph, graph.ops[i], layer, real, kernel, before)
            return named.name, (
                f"{_where(named)} is the first that diverges from the float model: {named.sqnr_db:.1f} dB. {cause}"
            )
    known = [layer for layer in layers if layer.sqnr_db is not None]
    if not known:
        return None, "No layer diverges." if any(x.device for x in layers) else "There is nothing to compare with."
    worst = min(known, key=lambda layer: layer.sqnr_db or 0.0)
    return None, f"No layer diverges; the noisiest is {worst.name!r} with {worst.sqnr_db:.1f} dB."


def _is_clipped(layer: Layer) -> bool:
    """Whether calibration clipped many values; a fixed range is 0 … 255/256 whatever the calibration."""
    known = ops.lookup(layer.op)
    fixed = known is not None and known.fixed_range
    return not fixed and layer.clipped is not None and layer.clipped > MANY_CLIPPED


def _range_set_by(graph: Graph, layers: Sequence[Layer], position: int) -> int:
    """The operator that set the range of the output at ``position``: past operators that keep their input's range, back
    to the first that the float model still has."""
    makers = {op.outputs[0]: i for i, op in enumerate(graph.ops)}
    while (known := ops.lookup(graph.ops[position].kind)) and known.keeps_range:
        source = makers.get(graph.input(graph.ops[position], 0).index)
        if source is None or layers[source].sqnr_db is None:
            break
        position = source
    return position


def _calibration(layer: Layer, clipped: Layer) -> str:
    """``layer`` set the range that clips many values of ``clipped``, which is the same layer or a later one."""
    later = "" if layer is clipped else f", and {clipped.clipped:.1%} after {clipped.name!r} ({clipped.op})"
    return (
        f"Usual cause: calibration data. {layer.clipped:.1%} of the float model's values are outside its range"
        f"{later}: calibrate with more, or with more typical samples (--calibration)"
    )


def _where(layer: Layer) -> str:
    return f"Layer {layer.name!r} ({layer.op})"


def _cause(graph: Graph, op: Op, layer: Layer, real: Array | None, kernel: Array | None, before: float | None) -> str:
    """The usual causes other than clipping, most certain first."""
    constants = [graph.tensors[i] for i in op.inputs[1:2] if i is not None and graph.tensors[i].data is not None]
    per_tensor = constants and constants[0].quantization is not None and not constants[0].quantization.per_channel
    if per_tensor and kernel is not None and (found := _outlier(_output_channels(op, kernel))):
        return (
            f"Usual cause: a per-tensor operator. All channels of its weights share one scale, and those of channel "
            f"{found[0]} are {found[1]:.0f} times the median channel's: quantize them per channel, or train with QAT"
        )
    if real is not None and real.ndim > 1 and (found := _outlier(real)):
        return (
            f"Usual cause: an outlier channel. All channels share one scale, and channel {found[0]} has {found[1]:.0f} "
            "times the range of the median channel: clip it (ReLU6), regularize it, or try --mode int16x8"
        )
    if layer.unused is not None and layer.unused > MUCH_UNUSED:
        return (
            f"Usual cause: calibration data. {layer.unused:.0%} of its range is never used: the calibration samples "
            "contain values that real ones do not (--calibration)"
        )
    if before is not None and before - (layer.sqnr_db or 0.0) < 6.0:
        return "Its input is nearly as noisy: the error grows from layer to layer. Try QAT or --mode int16x8"
    return "No single cause stands out: eight bits are not enough for this layer. Try QAT or --mode int16x8"


def _output_channels(op: Op, kernel: Array) -> Array:
    """Weights with the output channels last: OHWI and OI become …O, 1HWO is unchanged."""
    known = ops.lookup(op.kind)
    axis = known.channel_axis if known is not None else None
    return kernel if axis is None else np.moveaxis(kernel, axis, -1)


def _outlier(values: Array) -> tuple[int, float] | None:
    """The channel (last axis) with the largest magnitude and its ratio to the median channel, if above OUTLIER."""
    reach = np.abs(values.astype(np.float64)).reshape(-1, values.shape[-1]).max(axis=0)
    if len(reach) < 3:
        return None
    channel = int(reach.argmax())
    median = float(np.median(reach[reach > 0])) if (reach > 0).any() else 0.0
    ratio = float(reach[channel]) / median if median else 0.0
    return (channel, ratio) if ratio > OUTLIER else None
