"""The kernels for the DSP extension and the blocked ones against the portable ones, over generated layers.

On the host they run as the same algorithm in C++, with sanitizers; the arrays have exactly the sizes that the headers
ask for. The packed constants come from tools/graph/ops/_packed_*.py, as in a compiled model.
"""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from against_tflm import CXX_FLAGS, ROOT

from tools.graph.ops import _packed_blocked as blocked
from tools.graph.ops import _packed_dsp as packed
from tools.graph.ops._macs import int16_multipliers
from tools.graph.ops._quantized import float32_activation_range, quantize_multiplier

SHORT, LONG = 2_000, 2_000  # layers in all, layers of each kind
Rng = np.random.Generator


class Generated(NamedTuple):
    """A layer as dsp_main.cpp reads it; without weights an operand or nothing is in their place."""

    params: list[int]
    inputs: int
    weights: np.ndarray
    layer: packed.Layer | packed.WideLayer | None = None
    words: Any = ()
    dtype: Any = np.int8


NOTHING = np.zeros(0, np.int8)


def quantization(rng: Rng, weights: np.ndarray) -> packed.Layer:
    """A layer of these weights whose outputs use the range of int8; some channels are dead, some weights extreme."""
    channels = len(weights)
    spread = 74 * 36 * np.sqrt(weights[0].size)
    scales = rng.uniform(10, 200, channels) / spread * rng.choice([1, 1, 1, 4, 0], channels)
    pairs = [quantize_multiplier(min(scale, 0.4999)) for scale in scales.tolist()]
    return packed.Layer(
        weights=weights,
        bias=rng.integers(-spread, spread, channels).astype(np.int32),
        multipliers=np.array([multiplier for multiplier, _ in pairs], np.int32),
        shifts=np.array([shift for _, shift in pairs], np.int32),
        input_zero_point=int(rng.choice([-128, 127, rng.integers(-128, 128)])),
        output_zero_point=int(rng.choice([-128, 0, rng.integers(-128, 128)])),
    )


def weights(rng: Rng, *shape: int, extremes: int = 516) -> np.ndarray:
    """Of the usual kind, or, for at most ``extremes`` elements in a channel, of the largest sums there can be."""
    if rng.random() < 0.2 and np.prod(shape[1:]) <= extremes:
        return np.broadcast_to(rng.choice(np.array([-127, 127], np.int8), (shape[0], *[1] * len(shape[1:]))), shape)
    return np.clip(np.round(rng.normal(0, 36, shape)), -127, 127).astype(np.int8)


def activation(rng: Rng, zero_point: int) -> tuple[int, int]:
    low = int(rng.choice([-128, zero_point]))
    return low, int(rng.choice([127, rng.integers(low, 128)]))


def window(rng: Rng, size: int, filters: int, strides: int, dilations: int) -> tuple[int, int, int, int, int]:
    """(input, filter, stride, dilation, padding before, output) along one axis."""
    taps = int(rng.integers(1, filters + 1))
    stride, dilation = int(rng.integers(1, strides + 1)), int(rng.choice([1, rng.integers(1, dilations + 1)]))
    reach = (taps - 1) * dilation + 1
    if rng.random() < 0.6 or reach > size:
        output = -(-size // stride)
        return size, taps, stride, dilation, max((output - 1) * stride + reach - size, 0) // 2, output
    return size, taps, stride, dilation, 0, (size - reach) // stride + 1


def conv_2d(rng: Rng) -> Generated:
    pointwise = rng.random() < 0.4
    size = int(rng.integers(1, 12))
    high, fh, sh, dh, top, out_high = window(rng, size, *((1, 1, 1) if pointwise else (5, 3, 3)))
    wide, fw, sw, dw, left, out_wide = window(rng, int(rng.integers(1, 12)), *((1, 2, 1) if pointwise else (5, 3, 3)))
    depth, channels = int(rng.choice([1, 2, 3, 4, rng.integers(1, 40)])), int(rng.integers(2, 20))
    layer = quantization(rng, weights(rng, channels, fh, fw, depth))
    batches = int(rng.choice([1, 1, 2]))
    zero = layer.output_zero_point
    params = [batches, high, wide, depth, fh, fw, depth, out_high, out_wide, channels, sh, sw, dh, dw, top, left]
    params += [-layer.input_zero_point, zero, *activation(rng, zero)]
    return Generated(params, batches * high * wide * depth, layer.weights, layer, packed.pack_conv_2d(layer, dw))


def depthwise(rng: Rng, of_3x3: bool) -> Generated:
    if of_3x3:
        while True:
            high, fh, sh, dh, top, out_high = window(rng, int(rng.integers(1, 16)), 3, 2, 1)
            wide, fw, sw, dw, left, out_wide = window(rng, int(rng.integers(1, 16)), 3, 2, 1)
            if (fh, fw) == (3, 3) and sh == sw:
                break
        depth, multiplier = int(rng.integers(4, 14)), int(rng.choice([1, 1, 2, 3]))
    else:
        high, fh, sh, dh, top, out_high = window(rng, int(rng.integers(1, 12)), 6, 3, 3)
        wide, fw, sw, dw, left, out_wide = window(rng, int(rng.integers(1, 12)), 6, 3, 3)
        depth, multiplier = int(rng.integers(1, 9)), int(rng.choice([1, rng.integers(1, 5)]))
    layer = quantization(rng, weights(rng, depth * multiplier, fh, fw))
    zero = layer.output_zero_point
    batches = int(rng.choice([1, 1, 2]))
    params = [batches, high, wide, depth, fh, fw, out_high, out_wide, multiplier, sh, sw, dh, dw]
    params += [top, left, -layer.input_zero_point, zero, *activation(rng, zero)]
    words = packed.pack_depthwise_conv_2d_3x3(layer) if of_3x3 else packed.pack_depthwise_conv_2d(layer, dw)
    return Generated(params, batches * high * wide * depth, np.moveaxis(layer.weights, 0, -1), layer, words)


def fully_connected(rng: Rng) -> Generated:
    depth = int(rng.choice([rng.integers(1, 40), rng.integers(1, 300), rng.integers(500, 1600)], p=[0.5, 0.4, 0.1]))
    layer = quantization(rng, weights(rng, int(rng.integers(1, 12)), depth, extremes=10_000))
    zero = layer.output_zero_point
    batches = int(rng.choice([1, 1, 3]))
    params = [batches, depth, len(layer.weights), -layer.input_zero_point, 0, zero, *activation(rng, zero)]
    return Generated(params, batches * depth, layer.weights, layer, packed.pack_fully_connected(layer))


def fully_connected_hybrid(rng: Rng) -> Generated:
    """Its layer has floats where others have integers: bias, and scales as multipliers."""
    made = fully_connected(rng)
    channels = len(made.weights)
    low, high = FLOAT_ACTIVATIONS[rng.integers(len(FLOAT_ACTIVATIONS))]
    bias, scales = rng.normal(0, 3, channels), rng.uniform(1e-4, 0.05, channels) * rng.choice([1, 1, 1e-12, 1e12])
    words = packed.pack_fully_connected_hybrid(made.weights, scales, bias)
    layer = packed.Layer(made.weights, *map(float_bits, (bias, scales, ())), 0, 0)
    params = [*made.params[:3], *float_bits((low, high)).tolist()]
    return Generated(params, made.inputs, made.weights, layer, words, np.float32)


def float_bits(values: Any) -> np.ndarray:
    """float32 numbers as int32 words."""
    return np.asarray(values, np.float32).view(np.int32)


def floats(rng: Rng, count: int) -> np.ndarray:
    """Inputs of a hybrid layer: of any size and sign, with zeros and ties."""
    values = rng.normal(rng.choice([0, 0, 3, -3]), 1, count) * 10.0 ** rng.choice(
        [0, 0, 0, 1, -6, 6, 30, -30, -37, -42]
    )
    values[rng.random(count) < rng.choice([0, 0, 0.3, 1], p=[0.5, 0.2, 0.25, 0.05])] = rng.choice([0.0, -0.0])
    return np.round(values * 2) / 2 if rng.random() < 0.2 else values


def fully_connected_streamed(rng: Rng) -> Generated:
    made = fully_connected(rng)
    assert isinstance(made.layer, packed.Layer)
    return made._replace(words=packed.pack_fully_connected_streamed(made.layer))


def add(rng: Rng) -> Generated:
    count = int(rng.integers(1, 70))
    scales = np.float32(rng.uniform(0.001, 0.2, 2)).tolist()
    if rng.random() < 0.3:
        scales[1] = scales[0]
    zero_points = rng.integers(-128, 128, 3).tolist()
    twice, output_scale = 2 * max(scales), max(scales) * rng.uniform(0.3, 3)
    inputs = [quantize_multiplier(scale / twice) for scale in scales]
    output = quantize_multiplier(twice / (2**20 * output_scale))
    limits = activation(rng, zero_points[2])
    params = [*(1, 1, 1, 1, count), *(0, 0, 0, 0, 1), *(0, 0, 0, 0, 1)]
    params += [-zero_points[0], *inputs[0], -zero_points[1], *inputs[1], zero_points[2], *output, *limits]
    swapped, words = packed.add_params(zero_points, inputs, output)
    operand = rng.integers(-128, 128, count).astype(np.int8)
    if swapped:  # the coarse one is the first: so it is for the portable kernel
        params[15:18], params[18:21] = params[18:21], params[15:18]
    return Generated(params, count, operand, words=[count, *words.values(), *limits])


def pool(rng: Rng) -> Generated:
    high, fh, sh, _, top, out_high = window(rng, int(rng.integers(1, 20)), 5, 3, 1)
    wide, fw, sw, _, left, out_wide = window(rng, int(rng.integers(1, 20)), 5, 3, 1)
    if rng.random() < 0.3:
        (fh, sh, top, out_high), (fw, sw, left, out_wide) = (high, high, 0, 1), (wide, wide, 0, 1)
    batches, depth = int(rng.choice([1, 1, 2])), int(rng.integers(1, 14))
    params = [batches, high, wide, depth, fh, fw, out_high, out_wide, sh, sw, top, left, *activation(rng, -128)]
    return Generated(params, batches * high * wide * depth, NOTHING)


def mean(rng: Rng) -> Generated:
    batches, positions, depth = (int(rng.integers(1, limit)) for limit in (3, 600, 14))
    zero_point = int(rng.integers(-128, 128))
    multiplier, shift = quantize_multiplier(rng.uniform(0.3, 3) / positions)
    params = [batches, positions, depth, positions * zero_point, multiplier, shift, int(rng.integers(-128, 128))]
    return Generated(params, batches * positions * depth, NOTHING)


def wide(rng: Rng, weights: np.ndarray) -> packed.WideLayer:
    """The same for int16."""
    channels = len(weights)
    spread = 18_900 * 36 * np.sqrt(weights[0].size)
    scales = rng.uniform(3_000, 60_000, channels) / spread * rng.choice([1, 1, 1, 0], channels)
    pairs = [quantize_multiplier(min(max(scale, 2**-17), 0.2) if scale else 0) for scale in scales.tolist()]
    multipliers, shifts = int16_multipliers(*(np.array(numbers) for numbers in zip(*pairs, strict=True)))
    return packed.WideLayer(weights, rng.integers(-spread / 9, spread / 9, channels), multipliers, shifts)


def conv_2d_int16(rng: Rng) -> Generated:
    made = conv_2d(rng)
    layer = wide(rng, made.weights)
    params = [*made.params[:16], *WIDE_ACTIVATIONS[rng.integers(3)]]
    return Generated(params, made.inputs, made.weights, layer, packed.pack_conv_2d_int16(layer, params[13]), np.int16)


def fully_connected_int16(rng: Rng) -> Generated:
    made = fully_connected(rng)
    some = np.where(np.abs(made.weights.astype(np.int64)).sum(1, keepdims=True) < 60_000, made.weights, np.int8(3))
    layer = wide(rng, some)
    params = [*made.params[:3], *WIDE_ACTIVATIONS[rng.integers(3)]]
    return Generated(params, made.inputs, some, layer, packed.pack_fully_connected_int16(layer), np.int16)


def fully_connected_wide_int16(rng: Rng) -> Generated:
    """With weights whose sums may exceed 32 bits."""
    made = fully_connected(rng)
    layer = wide(rng, made.weights)
    params = [*made.params[:3], *WIDE_ACTIVATIONS[rng.integers(3)]]
    return Generated(params, made.inputs, made.weights, layer, packed.pack_fully_connected_int16(layer), np.int16)


def depthwise_int16(rng: Rng) -> Generated:
    while True:
        made = blocked_depthwise_int16(rng)
        if made.params[3] > 1:
            break
    assert isinstance(made.layer, packed.WideLayer)
    return made._replace(words=packed.pack_depthwise_conv_2d_int16(made.layer))


def blocked_conv_2d(rng: Rng) -> Generated:
    made = conv_2d(rng)
    assert isinstance(made.layer, packed.Layer)
    return made._replace(words=blocked.pack_conv_2d(made.layer, made.params[13]))


def blocked_depthwise(rng: Rng) -> Generated:
    while True:
        made = depthwise(rng, of_3x3=rng.random() < 0.5)
        if made.params[8] == 1:
            break
    assert isinstance(made.layer, packed.Layer)
    return made._replace(words=blocked.pack_depthwise_conv_2d(made.layer))


def blocked_depthwise_int16(rng: Rng) -> Generated:
    made = blocked_depthwise(rng)
    layer = wide(rng, np.moveaxis(made.weights, -1, 0))
    params = [*made.params[:15], *WIDE_ACTIVATIONS[rng.integers(3)]]
    words = blocked.pack_depthwise_conv_2d_int16(layer)
    return Generated(params, made.inputs, made.weights, layer, words, np.int16)


WIDE_ACTIVATIONS = [(-32768, 32767), (0, 32767), (0, 20_000)]
FLOAT_ACTIVATIONS = [float32_activation_range(name) for name in ("NONE", "RELU", "RELU6", "RELU_N1_TO_1")]
KINDS: list[Callable[[Rng], Generated]] = [
    conv_2d,
    lambda rng: depthwise(rng, of_3x3=False),
    lambda rng: depthwise(rng, of_3x3=True),
    fully_connected,
    add,
    pool,
    pool,
    mean,
    conv_2d_int16,
    fully_connected_int16,
    fully_connected_wide_int16,
    depthwise_int16,
    blocked_conv_2d,
    blocked_depthwise,
    blocked_depthwise_int16,
    conv_2d,
    fully_connected_streamed,
    fully_connected_hybrid,
    fully_connected_hybrid,
]


def array(values: Any, dtype: type) -> bytes:
    data = np.ascontiguousarray(values, dtype).tobytes()
    return np.int32(len(data)).tobytes() + data + bytes(-len(data) % 4)


def stream(rng: Rng, layers: int) -> Iterator[bytes]:
    """What dsp_main.cpp reads."""
    for number in range(layers):
        kind = number % len(KINDS)
        made = KINDS[kind](rng)
        if made.dtype is np.float32:
            inputs = floats(rng, made.inputs)
        else:
            limits = np.iinfo(made.dtype)
            inputs = rng.integers(limits.min, limits.max + 1, made.inputs)
            if rng.random() < 0.2:
                inputs[:] = rng.choice([limits.min, limits.max])
        yield np.int32(kind).tobytes() + array(made.params, np.int32) + np.int32(rng.choice([0, 300])).tobytes()
        yield array(made.weights, np.int8)
        layer = made.layer
        if isinstance(layer, packed.WideLayer):
            yield array(layer.bias, np.int64) + array(layer.multipliers, np.int16) + array(layer.right_shifts, np.int8)
        elif layer is not None:
            yield from (array(x, np.int32) for x in (layer.bias, layer.multipliers, layer.shifts))
        else:
            yield 3 * array((), np.int32)
        yield array(made.words, np.int32) + array(inputs, made.dtype)


@pytest.mark.compiler
@pytest.mark.parametrize(
    ("seed", "layers"), [(7, SHORT), pytest.param(8, LONG * len(KINDS), marks=pytest.mark.soak)], ids=["few", "many"]
)
def test_equal_the_portable_kernels(seed: int, layers: int, tmp_path: Path) -> None:
    program = tmp_path / "dsp"
    main = ROOT / "tests" / "host" / "dsp_main.cpp"
    subprocess.run(["g++", *CXX_FLAGS, f"-I{ROOT / 'firmware'}", main, "-o", program], check=True)
    sent = b"".join(stream(np.random.default_rng(seed), layers))
    child = subprocess.run([program], input=sent, capture_output=True, text=False)
    assert child.returncode == 0, child.stderr.decode(errors="replace")
    assert child.stdout.decode().splitlines() == [f"of {layers}"]
