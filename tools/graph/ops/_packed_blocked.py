"""Packs the constants of the kernels in firmware/kernels/*_blocked.h: one int32 array per call.

Pure functions. The kernels' headers describe their layouts. A layer that cannot be packed raises ValueError and keeps
another kernel.
"""

import numpy as np

from ._packed_dsp import Array, Layer, WideLayer, folded_bias, live_weights, wide_numbers

LARGEST_SHIFT = 22  # to the right
LARGEST_SUM = 1 << 30  # magnitudes stay below


def requantization(layer: Layer) -> Array:
    """int32 [channels][3]: 2m - 2^32, 2^(n-1) + zero point * 2^n, n, as in conv_2d_blocked.h.

    Raises ValueError unless every n is 1 … LARGEST_SHIFT and every sum stays below LARGEST_SUM.
    """
    weights = live_weights(layer).astype(np.int64).reshape(len(layer.weights), -1)
    bias = np.where(layer.multipliers == 0, 0, layer.bias.astype(np.int64))
    if (np.abs(bias) + 255 * np.abs(weights).sum(1)).max() >= LARGEST_SUM:
        raise ValueError(f"the sums of a channel may reach {LARGEST_SUM}")
    shifts = np.where(layer.multipliers == 0, 1, -layer.shifts.astype(np.int64))
    if shifts.min() < 1 or shifts.max() > LARGEST_SHIFT:
        raise ValueError(f"right shifts of {shifts.min()} … {shifts.max()}")
    multipliers = np.where(layer.multipliers == 0, 1 << 30, layer.multipliers.astype(np.int64))
    addends = (1 << (shifts - 1)) + (layer.output_zero_point << shifts)
    return np.stack([2 * multipliers - (1 << 32), addends, shifts], axis=1).astype(np.int32)


def pack_conv_2d(layer: Layer, dilation_width: int = 1) -> Array:
    """int32 words for conv_2d_int8_blocked(); weights are [channels][height][width][depth], at least two channels.

    Raises ValueError if a shift or sum is out of range.
    """
    weights, bias, numbers = live_weights(layer), folded_bias(layer), requantization(layer)
    if dilation_width != 1:  # column by column
        weights = weights.transpose(0, 2, 1, 3)
    channels = len(weights)
    flat = weights.reshape(channels, -1)
    flat = np.pad(flat, ((0, 0), (0, flat.shape[1] % 2)))
    words: list[Array] = []
    for first in [*range(0, channels - 1, 2), *([channels - 2] if channels % 2 else [])]:
        both = slice(first, first + 2)
        taps = np.ascontiguousarray(flat[both].T).reshape(-1).view(np.int32)
        words += [bias[both], taps, numbers[both].ravel(), np.array([first + 3 < channels], np.int32)]
    return np.concatenate(words)


def pack_depthwise_conv_2d(layer: Layer) -> Array:
    """int32 words for depthwise_conv_2d_int8_blocked(); weights are [channels][height][width].

    Raises ValueError if a shift or sum is out of range.
    """
    return _channels(live_weights(layer), folded_bias(layer), requantization(layer))


def pack_depthwise_conv_2d_int16(layer: WideLayer) -> Array:
    """The same for depthwise_conv_2d_int16_blocked()."""
    return _channels(layer.weights, *(np.array(numbers) for numbers in wide_numbers(layer)))


def _channels(weights: Array, *numbers: Array) -> Array:
    """int32 words: for each channel its weights, padded to whole words, then its ``numbers``."""
    flat = weights.reshape(len(weights), -1)
    taps = np.ascontiguousarray(np.pad(flat, ((0, 0), (0, -flat.shape[1] % 4)))).view(np.int32)
    return np.column_stack([taps, *numbers]).astype(np.int32).reshape(-1)
