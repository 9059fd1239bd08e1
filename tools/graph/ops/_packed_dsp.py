"""Packs the constants of the kernels in firmware/kernels/*_dsp.h: one int32 array per call.

Pure functions from a layer's weights, bias and requantization to packed words. The kernels' headers describe their
layouts. A layer that cannot be packed raises ValueError and keeps its portable kernel.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

DENSE_UNIT = 4  # pairs: fully_connected_dsp.h
STREAMED_OUTPUTS = 4  # computed together: fully_connected_streamed_dsp.h
SUM, WIDE_SUM = 1 << 31, 1 << 33  # limits of an int16 layer's sums: conv_2d_int16_dsp.h, fully_connected_int16_dsp.h
SECOND_SUM = 1 << 16  # limit of the sum of the magnitudes of a second channel's weights: conv_2d_dsp.h


@dataclass(frozen=True, eq=False)
class Layer:
    """int8 ``weights`` with the output channels first, and int32 arrays with one number per output channel.

    ``bias`` is the file's; ``shifts`` are those of MultiplyByQuantizedMultiplier, negative for right shifts.
    """

    weights: Array
    bias: Array
    multipliers: Array
    shifts: Array
    input_zero_point: int
    output_zero_point: int


def folded_bias(layer: Layer) -> Array:
    """int32: the bias including the input zero point's contribution, modulo 2^32."""
    sums = layer.weights.reshape(len(layer.weights), -1).astype(np.int64).sum(1)
    bias = np.where(layer.multipliers == 0, 0, layer.bias.astype(np.int64) - layer.input_zero_point * sums)
    return bias.astype(np.uint64).astype(np.uint32).view(np.int32)


def live_weights(layer: Layer) -> Array:
    """The weights, zeroed where the multiplier is 0: such a channel's output is always its zero point."""
    dead = (layer.multipliers == 0).reshape(-1, *[1] * (layer.weights.ndim - 1))
    return np.where(dead, np.int8(0), layer.weights)


def requantization(layer: Layer) -> tuple[Array, Array]:
    """int32 arrays (multipliers, powers): 2m - 2^32 and -2^(32-n), as in dsp.h.

    Raises ValueError unless every shift is -31 … -1.
    """
    multipliers, shifts = layer.multipliers.astype(np.int64), layer.shifts.astype(np.int64)
    dead = multipliers == 0
    multipliers, shifts = np.where(dead, 1 << 30, multipliers), np.where(dead, -1, shifts)
    if shifts.max() > -1 or shifts.min() < -31:
        raise ValueError(f"shifts of {shifts.min()} … {shifts.max()}")
    return (2 * multipliers - (1 << 32)).astype(np.int32), (-(1 << (32 + shifts))).astype(np.int32)


def pairs_of_run(length: int) -> Array:
    """[pairs][2]: the elements of each pair of a run, in the order of Interleave(); -1 for a missing element."""
    fours = [pair for k in range(0, length // 4 * 4, 4) for pair in ((k, k + 2), (k + 1, k + 3))]
    rest = range(length // 4 * 4, length)
    return np.array([*fours, *((k, k + 1 if k + 1 in rest else -1) for k in rest[::2])]).reshape(-1, 2)


def pairs_of_runs(count: int, length: int) -> Array:
    """[pairs][2]: the same for ``count`` consecutive runs, padded to an even number of pairs."""
    run = pairs_of_run(length)
    starts = length * np.arange(count).reshape(-1, 1, 1)
    pairs = np.where(run < 0, -1, run + starts).reshape(-1, 2)
    return np.concatenate([pairs, np.full((len(pairs) % 2, 2), -1)])


def pack_conv_2d(layer: Layer, dilation_width: int = 1) -> Array:
    """int32 words for conv_2d_int8_dsp(); weights are [channels][height][width][depth], at least two channels.

    Raises ValueError if a shift or sum is out of range.
    """
    channels, height, width, depth = layer.weights.shape
    weights = live_weights(layer).astype(np.int32)
    if dilation_width == 1:
        pairs, flat = pairs_of_runs(height, width * depth), weights.reshape(channels, -1)
    else:  # column by column
        pairs, flat = pairs_of_runs(width * height, depth), weights.transpose(0, 2, 1, 3).reshape(channels, -1)
    return _two_by_two(layer, flat, pairs, limit=SECOND_SUM)


def pack_fully_connected(layer: Layer) -> Array:
    """int32 words for fully_connected_int8_dsp(); weights are [channels][depth].

    Raises ValueError if a shift is out of range.
    """
    return _two_by_two(layer, live_weights(layer).astype(np.int32), _dense_pairs_of_run(layer.weights.shape[1]))


def pack_fully_connected_streamed(layer: Layer) -> Array:
    """int32 words for fully_connected_streamed_int8_dsp(); weights are [channels][depth].

    Raises ValueError if a shift is out of range.
    """
    channels, depth = layer.weights.shape
    missing = -channels % STREAMED_OUTPUTS
    flat = np.pad(live_weights(layer).astype(np.int32), ((0, missing), (0, -depth % 4)))
    pairs = pairs_of_run(flat.shape[1])
    bias, multipliers, powers = (np.pad(each, (0, missing)) for each in (folded_bias(layer), *requantization(layer)))
    words: list[int] = []
    for a in range(0, len(flat), STREAMED_OUTPUTS):
        b, c, d = a + 1, a + 2, a + 3
        couples = [np.array(_combined(flat, *couple, pairs)).reshape(-1, 2) for couple in ((a, b), (c, d))]
        words += [*(int(bias[each]) for each in (b, d, a, c)), *np.concatenate(couples, axis=1).ravel().tolist()]
        words += [layer.output_zero_point]
        for channel in (a, c, b, d):
            words += [int(multipliers[channel]), int(powers[channel])]
        words += [int(a + 2 * STREAMED_OUTPUTS <= channels)]
    return np.array(words, np.int32)


def pack_dense_sums(weights: Array, bias: Array) -> Array:
    """int32 words for DenseBlock's sums in fully_connected_dsp.h; weights are [channels][depth]. If the number of
    channels is odd, the last one is stored twice, in a block of its own.

    Raises ValueError for a weight that is -128.
    """
    pairs, flat = _dense_pairs_of_run(weights.shape[1]), weights.astype(np.int32)
    words: list[int] = []
    for first in range(0, len(flat), 2):
        second = min(first + 1, len(flat) - 1)
        both = _combined(flat, first, second, pairs)
        words += [int(bias[first]), *both, int(first + 3 < len(flat)), int(bias[second])]
    return np.array(words, np.int32)


def pack_fully_connected_hybrid(weights: Array, scales: Array, bias: Array) -> Array:
    """int32 words for fully_connected_hybrid_dsp(); weights are [channels][depth], scales and bias are floats.

    Raises ValueError for a weight that is -128.
    """
    sums = pack_dense_sums(weights, np.zeros(len(weights), np.int32))
    return np.concatenate([sums, np.column_stack([scales, bias]).astype(np.float32).view(np.int32).ravel()])


def dense_pairs(depth: int) -> int:
    """DensePairs() in fully_connected_dsp.h: the words of a widened row."""
    return -(-depth // (2 * DENSE_UNIT)) * DENSE_UNIT


def _dense_pairs_of_run(depth: int) -> Array:
    pairs = pairs_of_run(depth)
    return np.concatenate([pairs, np.full((-len(pairs) % DENSE_UNIT, 2), -1)])


def _combined(flat: Array, first: int, second: int, pairs: Array) -> list[int]:
    """Words of w0 + 256 w1 for pairs of elements of two channels; raises ValueError if the second has a -128."""
    both = np.append(flat[first] + 256 * flat[second], 0)[pairs]  # -1: the appended 0
    if np.abs(both).max() > 32767:
        raise ValueError(f"a weight of channel {second} is -128")
    found: list[int] = both.astype(np.int16).reshape(-1).view(np.int32).tolist()
    return found


def _two_by_two(layer: Layer, flat: Array, pairs: Array, limit: int | None = None) -> Array:
    """Pairs of channels, as ConvBlock and DenseBlock read them. ``flat`` are the weights, [channels][elements].

    If the number of channels is odd, the last pair is the last two channels where the sum has a ``limit`` (CONV_2D),
    otherwise the last channel twice.
    """
    bias, (multipliers, powers) = folded_bias(layer), requantization(layer)
    couples = [(c, c + 1) for c in range(0, len(flat) - 1, 2)]
    if len(flat) % 2:
        couples += [(len(flat) - (2 if limit else 1), len(flat) - 1)]
    words: list[int] = []
    for first, second in couples:
        if limit is not None and np.abs(flat[second]).sum() >= limit:
            raise ValueError(f"the weights of channel {second} add up to {limit} or more")
        more = second + 2 < len(flat)
        words += [int(bias[first]), *_combined(flat, first, second, pairs)]
        words += [int(more), int(multipliers[first]), int(powers[first])]
        words += [int(bias[second]), int(multipliers[second]), int(powers[second]), layer.output_zero_point]
    return np.array(words, np.int32)


def pack_depthwise_conv_2d_3x3(layer: Layer) -> Array:
    """int32 words for depthwise_conv_2d_3x3_int8_dsp(); weights are [channels][3][3].

    Raises ValueError if a shift is out of range.
    """
    weights = live_weights(layer).astype(np.int16).transpose(0, 2, 1)  # [channels][column][row]
    columns = _words(np.concatenate([weights[:, :, 0:2], weights[:, :, 1:3]], axis=1))
    return np.column_stack([columns, folded_bias(layer), *requantization(layer)]).astype(np.int32).reshape(-1)


def pack_depthwise_conv_2d(layer: Layer, dilation_width: int = 1) -> Array:
    """int32 words for depthwise_conv_2d_int8_dsp(); weights are [channels][height][width].

    Raises ValueError if a shift is out of range.
    """
    channels, height, width = layer.weights.shape
    columns = (width - 1) * dilation_width + 1
    taps = np.zeros((channels, height, columns + columns % 2), np.int16)
    taps[:, :, :columns:dilation_width] = live_weights(layer)
    return np.column_stack([folded_bias(layer), *requantization(layer), _words(taps)]).astype(np.int32).reshape(-1)


@dataclass(frozen=True, eq=False)
class WideLayer:
    """A layer with int16 activations: int8 ``weights`` with the output channels first, and one number per channel.

    ``bias`` is the file's, in 64 bits; the 15-bit ``multipliers`` and the ``right_shifts`` are those of
    MultiplyByQuantizedMultiplier for int64_t.
    """

    weights: Array
    bias: Array
    multipliers: Array
    right_shifts: Array


def largest_sum(layer: WideLayer) -> int:
    """An upper bound for the magnitude of every sum, bias included."""
    sums = np.abs(layer.weights.astype(np.int64)).reshape(len(layer.weights), -1).sum(1) << 15
    return int((sums + np.abs(layer.bias.astype(np.int64))).max())


def wide_numbers(layer: WideLayer, limit: int = SUM) -> tuple[list[int], list[int]]:
    """(bias, m * 2^(32-r)) of every channel, as in conv_2d_int16_dsp.h.

    Raises ValueError unless all sums are below ``limit``, all biases fit in 32 bits and all shifts are 17 … 32.
    """
    if largest_sum(layer) >= limit or np.abs(layer.bias.astype(np.int64)).max() >= SUM:
        raise ValueError(f"the sums of a channel exceed {limit.bit_length()} bits")
    shifts = np.where(layer.multipliers == 0, 32, layer.right_shifts).astype(np.int64)
    if shifts.min() < 17 or shifts.max() > 32:
        raise ValueError(f"right shifts of {shifts.min()} … {shifts.max()}")
    return layer.bias.tolist(), (layer.multipliers.astype(np.int64) << (32 - shifts)).tolist()


def pack_conv_2d_int16(layer: WideLayer, dilation_width: int = 1) -> Array:
    """int32 words for conv_2d_int16_dsp(); weights are [channels][height][width][depth], at least two channels.

    Raises ValueError if a shift or sum is out of range.
    """
    channels, height, width, depth = layer.weights.shape
    if dilation_width == 1:
        count, length, flat = height, width * depth, layer.weights
    else:
        count, length, flat = width * height, depth, layer.weights.transpose(0, 2, 1, 3)
    flat = np.pad(flat.reshape(channels, count, length), ((0, 0), (0, 0), (0, length % 2))).reshape(channels, -1)
    flat = np.pad(flat, ((0, 0), (0, -flat.shape[1] % 4)))
    bias, multipliers = wide_numbers(layer)
    words: list[int] = []
    for first in [*range(0, channels - 1, 2), *([channels - 2] if channels % 2 else [])]:
        words += bias[first : first + 2]
        words += _words(flat[first : first + 2].astype(np.int16)).T.reshape(-1).tolist()
        words += [int(first + 3 < channels), *multipliers[first : first + 2]]
    return np.array(words, np.int32)


def pack_depthwise_conv_2d_int16(layer: WideLayer) -> Array:
    """int32 words for depthwise_conv_2d_int16_dsp(); weights are [channels][height][width], at least two channels.

    Raises ValueError if a shift or sum is out of range.
    """
    channels = len(layer.weights)
    bias, multipliers = (np.array(numbers, np.int32) for numbers in wide_numbers(layer))
    first = np.array([*range(0, channels - 1, 2), *([channels - 2] if channels % 2 else [])])
    both = np.stack([first, first + 1], axis=1)
    taps = layer.weights.reshape(channels, -1).astype(np.int16)[both].transpose(0, 2, 1)
    return np.column_stack([bias[both], _words(taps), multipliers[both]]).astype(np.int32).reshape(-1)


def pack_fully_connected_int16(layer: WideLayer) -> Array:
    """int32 words for fully_connected_int16_dsp(); weights are [channels][depth].

    Raises ValueError if a shift or sum is out of range.
    """
    channels, depth = layer.weights.shape
    flat = np.pad(layer.weights.astype(np.int32), ((0, 0), (0, -depth % (2 * DENSE_UNIT))))
    bias, multipliers = wide_numbers(layer, WIDE_SUM)
    words: list[int] = []
    for first in range(0, channels, 2):
        second = min(first + 1, channels - 1)
        both = flat[first] + 256 * flat[second]
        if np.abs(both).max() > 32767:
            raise ValueError(f"a weight of channel {second} is -128")
        words += [bias[first], *both.astype(np.int16).view(np.int32).tolist(), int(first + 3 < channels)]
        words += [multipliers[first], bias[second], multipliers[second]]
    return np.array(words, np.int32)


def add_params(
    zero_points: Sequence[int], inputs: Sequence[tuple[int, int]], output: tuple[int, int]
) -> tuple[bool, dict[str, int]]:
    """(swapped, numbers) for add_int8_dsp(); ``swapped`` if its first operand is the operator's second.

    ``zero_points`` are those of both operands and the output. ``inputs`` and ``output`` are TFLM's multipliers and
    shifts; the multiplier of the operand with the larger scale is exactly 1/2.
    Raises ValueError if a multiplier is 0 or a shift is out of range.
    """
    half = (1 << 30, 0)
    swapped = inputs[0] != half
    coarse, fine = (1, 0) if swapped else (0, 1)
    if inputs[coarse] != half:
        raise ValueError(f"multipliers {inputs}: none is 1/2")
    (multiplier, shift), (output_multiplier, output_shift) = inputs[fine], output
    if not multiplier or not output_multiplier:
        raise ValueError("a multiplier is 0")
    if not -31 <= output_shift <= -1 or shift < -31:
        raise ValueError(f"shifts of {shift} and {output_shift}")
    if (multiplier, shift) == half:
        multiplier, shift = 1 << 31, -1
    return swapped, {
        "coarse_offset": -zero_points[coarse] << 19,
        "fine_offset": -zero_points[fine] << 20,
        "fine_multiplier": 2 * multiplier - (1 << 32),
        "fine_power": -(1 << (32 + shift)),
        "output_multiplier": 2 * output_multiplier - (1 << 32),
        "output_power": -(1 << (32 + output_shift)),
        "output_zero_point": zero_points[2],
    }


def _words(pairs: Array) -> Array:
    """An int16 array [channels][…] as [channels][words]."""
    return np.ascontiguousarray(pairs).reshape(len(pairs), -1).view(np.int32)
