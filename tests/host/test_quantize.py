"""QUANTIZE: kerf's kernels equal TFLM's, case by case."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from against_tflm import Result, run_cases, run_kerf
from single_op import OpSpec, TensorSpec, build

pytestmark = pytest.mark.compiler

ZERO_POINTS = {"int8": (-128, 0, 127), "uint8": (0, 128, 255), "int16": (0, -32768, 32767), "int32": (0, -9, 70000)}
PAIRS = [
    *(("int8", "int8"), ("int8", "uint8"), ("uint8", "int8"), ("int8", "int16"), ("int16", "int8")),
    *(("int16", "int16"), ("int8", "int32"), ("int16", "int32"), ("int32", "int8"), ("int32", "int16")),
]
SCALES = [(0.1, 0.1), (0.1, 0.03), (0.25, 0.5), (0.001, 7.0), (3.0, 0.001), (1e-9, 1.0), (1e-11, 1.0)]


def quantize(source: TensorSpec, dtype: str, scale: float, zero_point: int) -> list[OpSpec]:
    return [OpSpec("QUANTIZE", [source], [TensorSpec(source.shape, dtype, scale, zero_point)], "QuantizeOptions")]


def requantize(
    source: str, output: str, scales: tuple[float, float], zero_points: tuple[int, int], shape: Sequence[int] = (3, 90)
) -> list[OpSpec]:
    return quantize(TensorSpec(shape, source, scales[0], zero_points[0]), output, scales[1], zero_points[1])


def halves(dtype: str, zero_point: int) -> list[OpSpec]:
    """Ties, their neighbours and the ends of the range."""
    values = np.arange(-600, 600, dtype=np.float32) / np.float32(2)
    near = np.concatenate([values, np.nextafter(values, np.float32(-1e9)), np.nextafter(values, np.float32(1e9))])
    extreme = np.array([-1e8, -40000.5, -0.0, 32766.5, 1e8], np.float32)
    data = np.concatenate([near, extreme])
    return quantize(TensorSpec(data.shape, "float32", data=data), dtype, 1.0, zero_point)


def ties(scale: float) -> list[OpSpec]:
    """Values that a division by the scale makes ties, but a multiplication by its inverse would not always."""
    data = (np.arange(-150, 150) + np.float32(0.5)).astype(np.float32) * np.float32(scale)
    return quantize(TensorSpec(data.shape, "float32", data=data), "int8", scale, 0)


CASES = {
    **{
        f"{source} to {output} {scales} {zero_points}": requantize(source, output, scales, zero_points)
        for source, output in PAIRS
        for scales in SCALES
        for zero_points in zip(ZERO_POINTS[source], reversed(ZERO_POINTS[output]), strict=True)
    },
    "uint8 to int8 by 128": requantize("uint8", "int8", (0.1, 0.1), (128, 0)),
    "int8 to uint8 by 128": requantize("int8", "uint8", (0.1, 0.1), (0, 128)),
    "one element": requantize("int8", "int8", (0.1, 0.2), (3, 4), (1,)),
    "rank 4": requantize("int8", "int8", (0.1, 0.2), (3, 4), (1, 2, 3, 4)),
    **{
        f"float32 to {dtype} {scale} {z}": quantize(TensorSpec((3, 40), "float32"), dtype, scale, z)
        for dtype in ("int8", "int16")
        for scale in (0.1, 1e-4, 33.0, 1e-7)
        for z in ZERO_POINTS[dtype]
    },
    **{f"ties of {scale}": ties(scale) for scale in (0.1, 0.07, 0.03, 1.3)},
    **{f"halves to {dtype} {z}": halves(dtype, z) for dtype in ("int8", "int16") for z in ZERO_POINTS[dtype]},
}


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Result]:
    return run_cases(CASES, tmp_path_factory.mktemp("quantize"))


@pytest.mark.parametrize("name", CASES)
def test_equals_tflm(results: dict[str, Result], name: str) -> None:
    results[name].check()


@pytest.mark.parametrize("dtype", ["int8", "int16"])
def test_floats_beyond_32_bits_saturate(dtype: str, tmp_path: Path) -> None:
    """TFLM's conversion is undefined there; a NaN becomes the lowest value."""
    data = np.array([[np.inf, 1e30, 3e9, -3e9, -1e30, -np.inf, np.nan]], np.float32)
    (output,) = run_kerf(build(quantize(TensorSpec((7,), "float32"), dtype, 1.0, 5)), [data], tmp_path)
    limits = np.iinfo(dtype)
    np.testing.assert_array_equal(output, [[limits.max] * 3 + [limits.min] * 4])
