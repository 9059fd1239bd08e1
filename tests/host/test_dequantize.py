"""DEQUANTIZE: kerf's kernels equal TFLM's, case by case."""

import numpy as np
import pytest
from against_tflm import Result, run_cases
from single_op import OpSpec, TensorSpec

pytestmark = pytest.mark.compiler

ZERO_POINTS = {"int8": (-128, 0, 127), "uint8": (0, 128, 255), "int16": (0, -32768, 32767)}
SCALES = (0.1, 1 / 256, 1e-4, 33.3, 1e30, 1e-40)


def dequantize(dtype: str, scale: float, zero_point: int, shape: tuple[int, ...] | None = None) -> list[OpSpec]:
    """An input of this shape, or every value of the type as a constant."""
    limits = np.iinfo(dtype)
    data = None if shape else np.arange(limits.min, limits.max + 1, 1 if dtype != "int16" else 37, dtype)
    x = TensorSpec(shape or data.shape, dtype, scale, zero_point, data=data)
    return [OpSpec("DEQUANTIZE", [x], [TensorSpec(x.shape, "float32")], "DequantizeOptions")]


CASES = {
    **{
        f"{dtype} {scale} {z}": dequantize(dtype, scale, z)
        for dtype, zero_points in ZERO_POINTS.items()
        for scale in SCALES
        for z in zero_points
    },
    **{f"{dtype} {shape}": dequantize(dtype, 0.1, 0, shape) for dtype in ZERO_POINTS for shape in ((1,), (1, 2, 3, 4))},
}


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Result]:
    return run_cases(CASES, tmp_path_factory.mktemp("dequantize"))


@pytest.mark.parametrize("name", CASES)
def test_equals_tflm(results: dict[str, Result], name: str) -> None:
    results[name].check()
