"""Packs the constants of the kernels in firmware/kernels/*_helium.h: one array of bytes per call.

Pure functions. The kernels' headers describe their layouts. A layer that cannot be packed raises ValueError and keeps
another kernel.
"""

from collections.abc import Iterable

import numpy as np

from ._packed_dsp import Array, Layer, folded_bias

LANES = 16


def requantization(layer: Layer) -> Array:
    """int32 [channels][3]: bias including the input zero point's contribution, multiplier, shift.

    Raises ValueError unless every shift is -31 … -1.
    """
    shifts = np.where(layer.multipliers == 0, -1, layer.shifts)
    if shifts.max() > -1 or shifts.min() < -31:
        raise ValueError(f"shifts of {shifts.min()} … {shifts.max()}")
    return np.stack([folded_bias(layer), layer.multipliers, shifts], axis=1).astype(np.int32)


def pack_conv_2d(layer: Layer) -> Array:
    """int8 for conv_2d_int8_helium(); weights are [channels][height][width][depth], at least two channels."""
    numbers, channels = requantization(layer), len(layer.weights)
    pairs = [(c, c + 1) for c in range(0, channels - 1, 2)] + [(channels - 2, channels - 1)] * (channels % 2)
    chunks = _chunks(layer)
    return _bytes(part for pair in pairs for part in (chunks[:, pair], numbers[list(pair)]))


def pack_fully_connected(layer: Layer) -> Array:
    """int8 for fully_connected_int8_helium(); weights are [channels][depth]."""
    missing = -len(layer.weights) % 4
    numbers = np.pad(requantization(layer), ((0, missing), (0, 0)))
    chunks = np.pad(_chunks(layer), ((0, 0), (0, missing), (0, 0)))
    fours = [slice(c, c + 4) for c in range(0, len(numbers), 4)]
    return _bytes(part for four in fours for part in (chunks[:, four], numbers[four].T))


def pack_depthwise_conv_2d_3x3(layer: Layer) -> Array:
    """int8 for depthwise_conv_2d_3x3_int8_helium(); weights are [channels][3][3]."""
    channels = len(layer.weights)
    filters = np.zeros((channels, 4, 4), np.int8)  # [channel][column][row]
    filters[:, :3, :3] = layer.weights.transpose(0, 2, 1)
    filters = np.pad(filters.reshape(channels, -1), ((0, 0), (5, 3)))
    return np.concatenate([filters, requantization(layer).view(np.int8)], axis=1).ravel()


def _chunks(layer: Layer) -> Array:
    """The weights as [chunks][channels][LANES], padded with zeros."""
    channels = len(layer.weights)
    flat = layer.weights.reshape(channels, -1)
    flat = np.pad(flat, ((0, 0), (0, -flat.shape[1] % LANES)))
    chunks: Array = flat.reshape(channels, -1, LANES).transpose(1, 0, 2)
    return chunks


def _bytes(parts: Iterable[Array]) -> Array:
    """The arrays' bytes, concatenated, as int8."""
    return np.concatenate([np.ascontiguousarray(part).reshape(-1).view(np.int8) for part in parts])
