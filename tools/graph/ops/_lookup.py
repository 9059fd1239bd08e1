"""The tables of the int16 kernels of SOFTMAX and LOGISTIC, computed with TFLM's float32 arithmetic."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

STEPS = 512
# TFLM's table of the logistic function is not rounded consistently: these entries are one step above the nearest value
# (sigmoid_table_uint16 in tensorflow/lite/kernels/internal/common.h).
ONE_ABOVE = (
    *(4, 8, 12, 14, 15, 16, 17, 19, 20, 21, 22, 25, 27, 28, 29, 30, 31, 33, 34, 35, 37, 39, 40, 41, 43, 44, 45, 46, 49),
    *(50, 54, 62, 63, 64, 66, 82, 86, 93, 100, 103, 112, 116, 135, 255),
)


def sigmoids() -> npt.NDArray[np.uint16]:
    """1 / (1 + exp(-i / 24)) in Q0.16 for i = 0 … 255."""
    nearest = [math.floor(65536 / (1 + math.exp(-i / 24)) + 0.5) for i in range(256)]
    return np.array([value + (i in ONE_ABOVE) for i, value in enumerate(nearest)], np.uint16)


def exponentials() -> npt.NDArray[np.int16]:
    """exp(x) in Q0.15 for 513 values of x from -10 to 0."""
    return table(math.exp, 10.0, 32767)


def reciprocals() -> npt.NDArray[np.int16]:
    """1 / (1 + x) in Q0.15 for 513 values of x from 0 to 1."""
    return table(lambda x: 1 / (1 + x), 1.0, -32768)


def table(function: Callable[[float], float], width: float, zero_point: int) -> npt.NDArray[np.int16]:
    """513 values in Q0.15, adjusted to reduce the error of linear interpolation.

    ``width`` is the range of the 65,535 steps of an int16 argument, ``zero_point`` the step that means 0. TFLM:
    LUTPopulateInt16 in tensorflow/lite/kernels/internal/common.h.
    """
    f32 = np.float32
    full = f32(65535)
    scale, output_scale = f32(width) / full, f32(2) / full
    first, last = scale * f32(-32768 - zero_point), scale * f32(32767 - zero_point)
    step = (last - first) / f32(STEPS)
    inverse = f32(65536) / (output_scale * f32(32767) - output_scale * f32(-32768))

    def value(x: Any) -> Any:
        return f32(function(float(x)))

    values = []
    for i in range(STEPS):
        x = first + f32(i) * step
        sample = rounded(value(x) * inverse)
        between = rounded((value(first + f32(i + 1) * step) * inverse + sample) / f32(2))
        error = between - rounded(value(x + step / f32(2)) * inverse)
        values.append(sample - rounded(error / f32(2)))
    values.append(rounded(value(last) * inverse))
    return np.array([min(max(v, -32768), 32767) for v in values], np.int16)


def rounded(x: Any) -> Any:
    """std::round: to nearest, ties away from zero."""
    return np.float32(math.copysign(math.floor(abs(float(x)) + 0.5), float(x)))
