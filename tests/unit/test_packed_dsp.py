"""Packed constants hold the weights: unpack(pack(w)) = w, for every shape."""

import numpy as np
import pytest

from tools.graph.ops import _packed_dsp as packed


def layer(weights: np.ndarray, shift: int = -7, multiplier: int = 1 << 30) -> packed.Layer:
    channels = len(weights)
    return packed.Layer(
        weights=weights,
        bias=np.arange(channels, dtype=np.int32),
        multipliers=np.full(channels, multiplier, np.int32),
        shifts=np.full(channels, shift, np.int32),
        input_zero_point=0,
        output_zero_point=-3,
    )


def random(*shape: int) -> np.ndarray:
    return np.random.default_rng(sum(shape)).integers(-127, 128, shape, np.int8)


def halves(words: np.ndarray) -> np.ndarray:
    """int32 words as int16 pairs, [words][2]."""
    return np.ascontiguousarray(words, np.int32).view(np.int16).reshape(-1, 2)


def unpack_two_by_two(words: np.ndarray, channels: int, pairs: np.ndarray) -> np.ndarray:
    """[channels][elements], from both sides of w0 + 256 w1."""
    elements = int(pairs.max()) + 1
    result = np.zeros((channels, elements), np.int64)
    block = len(pairs) + 8
    firsts = [*range(0, channels - 1, 2), *([channels - 2] if channels % 2 else [])]
    for first, start in zip(firsts, range(0, len(words), block), strict=True):
        both = halves(words[start + 1 : start + 1 + len(pairs)]).astype(np.int64)
        low = (both + 128) % 256 - 128
        for row, values in ((first, low), (first + 1, (both - low) // 256)):
            result[row, pairs[pairs >= 0]] = values[pairs >= 0]
            assert not values[pairs < 0].any()
    return result


@pytest.mark.parametrize("length", range(1, 20))
def test_a_run_has_every_element_once(length: int) -> None:
    pairs = packed.pairs_of_run(length)
    assert len(pairs) == (length + 1) // 2
    assert sorted(pairs[pairs >= 0]) == [*range(length)]


@pytest.mark.parametrize("dilation", [1, 2])
@pytest.mark.parametrize("shape", [(2, 1, 1, 1), (3, 1, 1, 5), (4, 3, 3, 3), (5, 3, 2, 4), (2, 10, 4, 1), (7, 1, 3, 6)])
def test_conv_2d(shape: tuple[int, ...], dilation: int) -> None:
    channels, height, width, depth = shape
    weights = random(*shape)
    columns = dilation == 1
    pairs = packed.pairs_of_runs(*((height, width * depth) if columns else (width * height, depth)))
    ordered = weights if columns else weights.transpose(0, 2, 1, 3)
    words = packed.pack_conv_2d(layer(weights), dilation)
    np.testing.assert_array_equal(unpack_two_by_two(words, channels, pairs), ordered.reshape(channels, -1))


@pytest.mark.parametrize("shape", [(2, 1), (4, 7), (6, 64), (2, 513)])
def test_fully_connected(shape: tuple[int, int]) -> None:
    weights = random(*shape)
    pairs = packed.pairs_of_run(shape[1])
    pairs = np.concatenate([pairs, np.full((-len(pairs) % packed.DENSE_UNIT, 2), -1)])
    words = packed.pack_fully_connected(layer(weights))
    np.testing.assert_array_equal(unpack_two_by_two(words, shape[0], pairs), weights)


@pytest.mark.parametrize("shape", [(1, 1), (3, 4), (4, 7), (9, 130), (16, 16)])
def test_fully_connected_streamed(shape: tuple[int, int]) -> None:
    channels, depth = shape
    weights, quads = random(*shape), -(-depth // 4)
    groups = packed.pack_fully_connected_streamed(layer(weights)).reshape(-1, 14 + 4 * quads)
    assert groups[:, -1].tolist() == [*[1] * (channels // 4 - 1), 0, *[0] * bool(channels > 4 and channels % 4)]
    assert groups[:, [2, 0, 3, 1]].ravel()[:channels].tolist() == [*range(channels)]  # biases
    both = halves(groups[:, 4:-10]).reshape(-1, quads, 2, 2, 2).astype(np.int64)  # [quad][couple][even, odd][pair]
    first = (both + 128) % 256 - 128
    stored = np.stack([first, (both - first) // 256], axis=3)  # [group][quad][couple][of it][even, odd][pair]
    elements = stored.transpose(0, 2, 3, 1, 5, 4).reshape(-1, 4 * quads)  # 0 and 1, then 2 and 3
    np.testing.assert_array_equal(elements[:channels, :depth], weights)
    assert not elements[channels:].any() and not elements[:, depth:].any()


@pytest.mark.parametrize("dilation", [1, 2, 3])
@pytest.mark.parametrize("shape", [(1, 1, 1), (4, 3, 3), (3, 2, 5), (2, 10, 8)])
def test_depthwise_conv_2d(shape: tuple[int, int, int], dilation: int) -> None:
    channels, height, width = shape
    weights = random(*shape)
    taps = packed.pack_depthwise_conv_2d(layer(weights), dilation).reshape(channels, -1)[:, 3:]
    rows = halves(taps).reshape(channels, height, -1)
    taken = [*range(0, width * dilation, dilation)]
    np.testing.assert_array_equal(rows[:, :, taken], weights)
    assert not np.delete(rows, taken, axis=2).any()


def test_depthwise_conv_2d_3x3() -> None:
    weights = random(5, 3, 3)
    columns = halves(packed.pack_depthwise_conv_2d_3x3(layer(weights)).reshape(5, 9)[:, :6]).reshape(5, 2, 3, 2)
    np.testing.assert_array_equal(columns[:, 0], weights.transpose(0, 2, 1)[:, :, 0:2])
    np.testing.assert_array_equal(columns[:, 1], weights.transpose(0, 2, 1)[:, :, 1:3])


def test_what_has_no_packed_form_is_refused() -> None:
    weights = random(2, 1, 1, 8)
    for shift in (0, 3, -32):
        with pytest.raises(ValueError, match="shifts"):
            packed.pack_conv_2d(layer(weights, shift=shift))
    with pytest.raises(ValueError, match="add up"):
        packed.pack_conv_2d(layer(np.full((2, 1, 1, 517), 127, np.int8)))
    with pytest.raises(ValueError, match="-128"):
        packed.pack_conv_2d(layer(np.full((2, 1, 1, 8), -128, np.int8)))


def test_a_channel_of_multiplier_0_is_its_zero_point() -> None:
    words = packed.pack_depthwise_conv_2d(layer(random(1, 2, 2), multiplier=0))
    assert not words[0] and not words[3:].any()  # bias and weights


HALF, LESS = (1 << 30, 0), (1_500_000_000, -2)


def test_the_coarse_operand_of_a_sum_comes_first() -> None:
    swapped, words = packed.add_params((3, -5, 7), (LESS, HALF), (1 << 30, -18))
    assert swapped
    assert (words["coarse_offset"], words["fine_offset"], words["output_zero_point"]) == (5 << 19, -3 << 20, 7)
    assert words["fine_multiplier"] % 2**32 == 2 * LESS[0] and words["fine_power"] == -(2**30)
    assert not packed.add_params((3, -5, 7), (HALF, LESS), (1 << 30, -18))[0]


@pytest.mark.parametrize(
    ("inputs", "output", "why"),
    [
        ((LESS, LESS), (1 << 30, -18), "none is 1/2"),
        ((HALF, (0, 0)), (1 << 30, -18), "multiplier is 0"),
        ((HALF, LESS), (0, 0), "multiplier is 0"),
        ((HALF, LESS), (1 << 30, 0), "shifts"),
    ],
)
def test_a_sum_without_packed_form_is_refused(
    inputs: tuple[tuple[int, int], ...], output: tuple[int, int], why: str
) -> None:
    with pytest.raises(ValueError, match=why):
        packed.add_params((0, 0, 0), inputs, output)


def wide_layer(weights: np.ndarray, bias: int = 0, right_shift: int = 20) -> packed.WideLayer:
    channels = len(weights)
    numbers = (np.full(channels, bias, np.int64), np.full(channels, 0x5000, np.int16))
    return packed.WideLayer(weights, *numbers, np.full(channels, right_shift, np.int8))


@pytest.mark.parametrize("shape", [(2, 1, 1, 4), (4, 1, 1, 12), (6, 1, 2, 4)])
def test_conv_2d_int16(shape: tuple[int, ...]) -> None:
    weights = random(*shape)
    elements = weights[0].size
    words = packed.pack_conv_2d_int16(wide_layer(weights)).reshape(shape[0] // 2, 5 + elements)
    stored = np.ascontiguousarray(words[:, 2:-3]).view(np.int16).reshape(-1, elements // 2, 2, 2)
    np.testing.assert_array_equal(stored.transpose(0, 2, 1, 3).reshape(weights.shape), weights)
    assert set(words[:, -2:].ravel()) == {0x5000 << 12}


def test_depthwise_conv_2d_int16_pairs_channels_and_repeats_one_of_an_odd_number() -> None:
    weights = random(5, 3, 2)
    words = packed.pack_depthwise_conv_2d_int16(wide_layer(weights, bias=7)).reshape(3, 2 + 6 + 2)
    stored = np.ascontiguousarray(words[:, 2:-2]).view(np.int16).reshape(3, 3, 2, 2)
    for i, first in enumerate((0, 2, 3)):
        np.testing.assert_array_equal(stored[i].transpose(2, 0, 1), weights[first : first + 2])
    assert set(words[:, :2].ravel()) == {7}
    assert set(words[:, -2:].ravel()) == {0x5000 << 12}


def test_int16_sums_and_shifts_without_room_are_refused() -> None:
    weights = random(2, 1, 1, 8)
    for shift in (16, 33):
        with pytest.raises(ValueError, match="right shifts"):
            packed.pack_conv_2d_int16(wide_layer(weights, right_shift=shift))
    with pytest.raises(ValueError, match="exceed 32 bits"):
        packed.pack_conv_2d_int16(wide_layer(weights, bias=(1 << 31) - 1))
    with pytest.raises(ValueError, match="exceed 34 bits"):
        packed.pack_fully_connected_int16(wide_layer(np.full((2, 2065), 127, np.int8)))
    with pytest.raises(ValueError, match="-128"):
        packed.pack_fully_connected_int16(wide_layer(np.full((2, 8), -128, np.int8)))


@pytest.mark.parametrize(("channels", "depth"), [(2, 1), (4, 8), (8, 13), (6, 600)])
def test_dense_sums(channels: int, depth: int) -> None:
    weights, bias = random(channels, depth), np.arange(channels, dtype=np.int32)
    words = packed.pack_dense_sums(weights, bias).reshape(channels // 2, -1)
    assert words.shape[1] == packed.dense_pairs(depth) + 3
    assert words[:, [0, -1]].ravel().tolist() == bias.tolist()
    assert words[:, -2].tolist() == [1] * (channels // 2 - 1) + [0]
    pairs = packed.pairs_of_run(depth)
    for first, both in zip(range(0, channels, 2), halves(words[:, 1:-2]).reshape(channels // 2, -1, 2), strict=True):
        assert not both[len(pairs) :].any()
        numbers = both[: len(pairs)].astype(np.int64)
        low = (numbers + 128) % 256 - 128
        for channel, values in ((first, low), (first + 1, (numbers - low) // 256)):
            assert np.array_equal(values[pairs >= 0], weights[channel][pairs[pairs >= 0]])
