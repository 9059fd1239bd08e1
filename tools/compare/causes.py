"""The first layer that diverges, and the usual cause."""

from collections.abc import Sequence

import numpy as np

from ..graph import ops
from ..graph.ir import Graph, Op
from .layers import Array, Layer

LOW_SQNR_DB = 20.0  # noise with a tenth of the signal's amplitude
MANY_CLIPPED = 0.01
MUCH_UNUSED = 0.5
OUTLIER = 8.0  # times the median channel


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
