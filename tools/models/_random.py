"""Seeded random weights and inputs for models that are only measured, never trained.

They are made so that a model converts to the same .tflite, byte for byte, on every machine. The sum of many floats
depends on the order of additions, which another processor or another build of TensorFlow may change; then the largest
activation of a layer, and with it the scale of an int8 tensor, differs in the last bit. That cannot happen here,
because one sample has the largest activation of every layer and is computed without rounding:

- The first sample is 1 everywhere. The first two channels of each layer are *pilots*: they pass on the first channel of
  the previous layer, the second pilot negated where no ReLU follows, to set the smallest activation. For this sample
  they hold a number of few bits, and no other activation of any sample is as large. tests/tf/test_random_models.py
  checks this.
- The other channels do not read the pilots, and the filters of the first layer do not respond to constant input. For
  this sample they hold 0 (except at the padding if the input has one channel).
- Their filters sum to 0, which removes the mean of their input: activations neither die nor explode in a deep network,
  even without batch normalization. The converter would fold that with a reciprocal square root, which some processors
  only approximate.

Random bits come from numpy's PCG64, whose stream is the same in all versions.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from . import Data, Floats

Floats64 = npt.NDArray[np.float64]

SAMPLES = 32
PILOT = 32.0  # at most; the other activations have a standard deviation of about 1 and long tails
FEW = 8  # with fewer filters, a layer would be mostly zeros if its pilots read nothing else
# The pilots' gain where no ReLU follows: convolutions are the sides of an addition, and a softmax must not saturate.
GAIN = {"Conv2D": 1 / 2, "Dense": 1 / 4}
FACTOR_BITS = 5
RECTIFIED, LINEAR = 0.34, 1.0  # variance of a normal distribution after ReLU, and without it
STEPS = 127**2 / 6  # variance of the difference of two integers from 0 … 127


def data(shape: tuple[int, ...], low: int = 0) -> Data:
    """Noise with fixed contrast and random brightness, ``low`` (0 or -1) … 1; no targets, so their shape is (n, 0)."""
    raw = _bytes(0, 2 * SAMPLES * (1 + int(np.prod(shape)))) // 2
    brightness, noise = raw[: 2 * SAMPLES].reshape(-1, *[1] * len(shape)), raw[2 * SAMPLES :].reshape(-1, *shape)
    steps = brightness + noise
    steps[0], steps[1] = 256, 0  # the sample for the pilots, and the other end of the range
    x: Floats = (low + steps * ((1 - low) / 256)).astype(np.float32)
    nothing = np.zeros((SAMPLES, 0), np.float32)
    return Data(x[:SAMPLES], nothing, x[SAMPLES:], nothing)


def fill(network: Any, data: Data, seed: int) -> None:
    """Sets kernel and bias of each layer of a Keras model that has weights (Conv2D, DepthwiseConv2D, Dense).

    ``data`` is the model's own, from data() above.
    """
    raw = _bytes(seed, network.count_params())
    noise = data.train_x[2:].reshape(SAMPLES - 2, -1).astype(np.float64)
    variance, is_first = float(noise.var(axis=1).mean()), True
    for layer in network.layers:
        if not layer.weights:
            continue
        kernel, (outputs,) = (tuple(weights.shape) for weights in layer.weights)
        is_depthwise = type(layer).__name__ == "DepthwiseConv2D"
        is_linear = layer.activation.__name__ != "relu"
        shape = (-1, 1 if is_depthwise else kernel[-2], outputs)  # taps, channels that a filter reads, filters
        used = int(np.prod(kernel)) + outputs
        filters = _filters(raw[: used - outputs].reshape(shape), variance, is_first, is_depthwise)
        centre = sum((size - 1) // 2 * int(np.prod(kernel[i + 1 : -2])) for i, size in enumerate(kernel[:-2]))
        gain = GAIN.get(type(layer).__name__, 1.0) if is_linear else 1.0
        _add_pilots(filters, centre, is_first, is_linear, gain)
        bias = np.zeros(outputs) if is_linear else -raw[used - outputs : used] / 4096  # at most 0, so that 0 stays 0
        bias[:2] = 1 / 64
        layer.set_weights([filters.reshape(kernel).astype(np.float32), bias.astype(np.float32)])
        raw, is_first, variance = raw[used:], False, LINEAR if is_linear else RECTIFIED


def _filters(raw: npt.NDArray[np.int64], variance: float, is_first: bool, is_depthwise: bool) -> Floats64:
    """Filters (taps, channels, filters) that sum to 0 and give a variance of about 1 for inputs of ``variance``.

    They are integers from -127 … 127 times a factor of FACTOR_BITS bits.
    """
    start = 0 if is_first or is_depthwise else 2  # the pilots are not read
    read = raw[:, start:] // 2
    by_tap = is_first and read.shape[1] > 1  # some taps lie in the padding, so each must sum to 0
    groups = read if by_tap else read.reshape(1, -1, read.shape[2])
    integers = np.zeros(raw.shape)
    integers[:, start:] = (groups - np.roll(groups, 1, axis=1)).reshape(read.shape)
    taps = read.shape[0] * read.shape[1]
    mantissa, exponent = np.frexp(1 / np.sqrt(taps * variance * STEPS))
    filters: Floats64 = integers * np.ldexp(np.round(mantissa * 2**FACTOR_BITS), exponent - FACTOR_BITS)
    return filters


def _add_pilots(filters: Floats64, centre: int, is_first: bool, is_linear: bool, gain: float) -> None:
    """Puts the pilots into the first two filters, at the tap that never lies in the padding."""
    channels, count = filters.shape[1:]
    if count >= FEW:
        filters[:, :, :2] = 0
    sign = np.array([1, -1 if is_linear else 1])
    if is_first:
        filters[centre, :, :2] = sign * 2.0 ** np.floor(np.log2(PILOT / channels))
    else:
        filters[centre, 0, :2] = sign * gain


def _bytes(seed: int, count: int) -> npt.NDArray[np.int64]:
    """``count`` random numbers from 0 … 255."""
    raw: Any = np.random.PCG64(seed).random_raw(count)
    numbers: npt.NDArray[np.int64] = (raw >> np.uint64(56)).astype(np.int64)
    return numbers
