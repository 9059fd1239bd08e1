"""Packed constants hold the weights: unpack(pack(w)) = w, for every shape."""

import numpy as np
import pytest
from test_packed_dsp import layer, random

from tools.graph.ops import _packed_helium as packed


def unpack(data: np.ndarray, channels: int, elements: int, together: int) -> tuple[np.ndarray, np.ndarray]:
    """(weights [channels][elements], numbers [channels][3]) of blocks of so many channels."""
    chunks = -(-elements // packed.LANES)
    blocks = data.reshape(-1, together * (chunks * packed.LANES + 3 * 4))
    weights = blocks[:, : -together * 12].reshape(-1, chunks, together, packed.LANES)
    weights = weights.transpose(0, 2, 1, 3).reshape(-1, chunks * packed.LANES)
    assert not weights[:, elements:].any()
    numbers = np.ascontiguousarray(blocks[:, -together * 12 :]).view(np.int32)
    shape = (-1, 3, together) if together == 4 else (-1, together, 3)
    numbers = numbers.reshape(shape).swapaxes(1, 2) if together == 4 else numbers.reshape(shape)
    return weights[:, :elements], numbers.reshape(-1, 3)


@pytest.mark.parametrize("shape", [(2, 1, 1, 1), (3, 1, 1, 16), (4, 3, 3, 3), (5, 3, 2, 8), (2, 10, 4, 1)])
def test_conv_2d(shape: tuple[int, ...]) -> None:
    weights = random(*shape)
    found, numbers = unpack(packed.pack_conv_2d(layer(weights)), shape[0], weights[0].size, 2)
    order = [*range(shape[0] // 2 * 2), *([shape[0] - 2, shape[0] - 1] if shape[0] % 2 else [])]
    assert np.array_equal(found, weights.reshape(shape[0], -1)[order])
    assert numbers.tolist() == [[channel, 1 << 30, -7] for channel in order]


@pytest.mark.parametrize("shape", [(1, 1), (4, 16), (5, 17), (10, 64)])
def test_fully_connected(shape: tuple[int, ...]) -> None:
    weights = random(*shape)
    found, numbers = unpack(packed.pack_fully_connected(layer(weights)), *shape, 4)
    assert np.array_equal(found[: shape[0]], weights)
    assert not found[shape[0] :].any()
    assert numbers[: shape[0]].tolist() == [[channel, 1 << 30, -7] for channel in range(shape[0])]


@pytest.mark.parametrize("shift", [0, -32])
def test_shifts_without_room_are_refused(shift: int) -> None:
    with pytest.raises(ValueError, match="shifts"):
        packed.pack_conv_2d(layer(random(2, 1, 1, 4), shift))


def test_a_dead_channel_may_have_any_shift() -> None:
    data = packed.pack_fully_connected(layer(random(4, 16), 0, multiplier=0))
    assert unpack(data, 4, 16, 4)[1].tolist() == [[0, 0, -1]] * 4


@pytest.mark.parametrize("channels", [1, 5, 16])
def test_depthwise_conv_2d_3x3(channels: int) -> None:
    weights = random(channels, 3, 3)
    blocks = packed.pack_depthwise_conv_2d_3x3(layer(weights)).reshape(channels, 36)
    taps = blocks[:, 5:21].reshape(channels, 4, 4)  # [channel][column][row]
    assert np.array_equal(taps[:, :3, :3].transpose(0, 2, 1), weights)
    assert not taps[:, 3].any()
    assert not taps[:, :, 3].any()
    assert not blocks[:, :5].any()
    assert not blocks[:, 16:24].any()
    numbers = np.ascontiguousarray(blocks[:, 24:]).view(np.int32)
    assert numbers.tolist() == [[channel, 1 << 30, -7] for channel in range(channels)]
