"""Building blocks of generated cases: tensors with extreme or random contents and quantization."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from single_op import OpSpec, TensorSpec

ACTIVATIONS = {"NONE": 0, "RELU": 1, "RELU_N1_TO_1": 2, "RELU6": 3}
FLOATS = ("float32", "float16", "dynamic")  # modes whose activations are float32
PADDINGS = {"SAME": 0, "VALID": 1}


def activation(shape: Sequence[int], dtype: str, scale: float = 0.05, zero_point: int = 0) -> TensorSpec:
    """A tensor that is computed or fed: quantized per tensor if it is integer."""
    if dtype in FLOATS:
        return TensorSpec(shape, "float32")
    if dtype == "int16x8":
        return TensorSpec(shape, "int16", scale=scale)
    return TensorSpec(shape, dtype, scale=scale, zero_point=zero_point)


def weights(
    rng: np.random.Generator,
    shape: Sequence[int],
    dtype: str,
    axis: int,
    scale: float | Sequence[float] = 0.01,
    fill: int | None = None,
    zero_point: int = 0,
) -> TensorSpec:
    """Constant weights: random, or all ``fill``. int8 weights are -127 … 127, as TFLite's specification says."""
    if dtype in ("float32", "float16"):
        return TensorSpec(shape, dtype, data=rng.normal(0, 1, shape).astype(dtype))
    data = rng.integers(-127, 127, shape, np.int8, endpoint=True) if fill is None else np.full(shape, fill, np.int8)
    return TensorSpec(shape, "int8", scale=scale, zero_point=zero_point, axis=axis, data=data)


def bias(rng: np.random.Generator, channels: int, dtype: str, scale: float, limit: int = 2000) -> TensorSpec:
    """A constant bias: int32 up to ``limit`` in size, int64 up to 256 times that, or of the mode's floats."""
    if dtype in FLOATS:
        kind = "float16" if dtype == "float16" else "float32"
        return TensorSpec((channels,), kind, data=rng.normal(0, 1, channels).astype(kind))
    if dtype == "int16x8":
        wide = rng.integers(-limit << 8, limit << 8, channels, np.int64, endpoint=True)
        return TensorSpec((channels,), "int64", scale=scale, data=wide)
    data = rng.integers(-limit, limit, channels, np.int32, endpoint=True)
    return TensorSpec((channels,), "int32", scale=scale, data=data)


def channel_scales(rng: np.random.Generator, channels: int, low: float = 1e-3, high: float = 5e-2) -> list[float]:
    """One scale per channel, spread evenly over the orders of magnitude from ``low`` to ``high``."""
    return [float(s) for s in np.exp(rng.uniform(np.log(low), np.log(high), channels))]


def out_size(padding: str, size: int, filter_size: int, stride: int, dilation: int = 1) -> int:
    """Output size of one axis as TensorFlow documents it (tf.nn, "Notes on padding"), not as kerf computes it."""
    if padding == "SAME":
        return int(np.ceil(size / stride))
    return int(np.ceil((size - (filter_size - 1) * dilation) / stride))


def fitting_scales(
    scales: tuple[float | None, float | None], weight_scale: float | Sequence[float], products: int
) -> tuple[float, float]:
    """(input, output) scales under which most sums of ``products`` random int8 products stay inside int8, and int8 is
    some units wide, so that activations cut only part of it. What ``scales`` gives is kept."""
    typical = float(np.exp(np.mean(np.log(weight_scale))))
    ratio = typical * 73 * 90 * float(np.sqrt(products)) / 40
    source, output = scales
    if source is None:
        return (output or 0.0311) / ratio, output or 0.0311
    return source, output or source * ratio


def with_float16_widened(op: OpSpec) -> list[OpSpec]:
    """The operator as the converter writes it for float16: each constant of that type behind a DEQUANTIZE."""
    ops, inputs = [], []
    for tensor in op.inputs:
        if tensor is not None and tensor.dtype == "float16":
            wide = TensorSpec(tensor.shape, "float32")
            ops.append(OpSpec("DEQUANTIZE", [tensor], [wide]))
            tensor = wide
        inputs.append(tensor)
    return [*ops, replace(op, inputs=inputs)]


# Scales of two factors and of their sum, and a sum of products: the result is a tie, or none if the product of the
# scales is rounded to float32.
TIES = (
    (0.09491629898548126, 0.03187131509184837, 13.276467323303223, 436681),
    (0.033643439412117004, 0.07905444502830505, 9.79265022277832, 259574),
    (0.045896291732788086, 0.01427012775093317, 12.690276145935059, 1055995),
)


def summing_to(total: int) -> tuple[np.ndarray, np.ndarray]:
    """Two rows of int8 whose products add up to ``total`` >= 0."""
    whole, rest = divmod(total, 120 * 120)
    pairs = [(120, 120)] * whole + [(120, rest // 120), (1, rest % 120)]
    first, second = np.array(pairs, np.int8).T
    return first, second
