"""What is said of each layer: its noise, how it uses its range, and how other interpreters and the device differ."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..graph.ir import Graph, Tensor
from ..values import FLOAT_TOLERANCE

Array = npt.NDArray[Any]

EXACT_DB = 150.0  # no noise at all; the 24 bits of float32 are 144 dB


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
