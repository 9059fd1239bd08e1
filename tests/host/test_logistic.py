"""LOGISTIC: kerf's kernels equal TFLM's, case by case."""

import numpy as np
import pytest
from against_tflm import Result, run_cases
from cases import activation
from single_op import OpSpec, TensorSpec

pytestmark = pytest.mark.compiler

ALL_INT8 = np.arange(-128, 128, dtype=np.int8)
SCALES = (2.0**-28, 1e-6, 0.003, 0.03, 0.0625, 0.1, 0.37, 1.0, 14.9, 15.0, 16.0, 50.0, 1e9)


def logistic(scale: float, zero_point: int) -> list[OpSpec]:
    """Every int8 value, as a constant."""
    x = TensorSpec((256,), "int8", scale, zero_point, data=ALL_INT8)
    return [OpSpec("LOGISTIC", [x], [activation((256,), "int8", 1 / 256, -128)])]


def floats(values: np.ndarray) -> list[OpSpec]:
    x = TensorSpec(values.shape, "float32", data=values.astype(np.float32))
    return [OpSpec("LOGISTIC", [x], [TensorSpec(values.shape, "float32")])]


CASES = {
    **{f"scale {scale}, zero point {z}": logistic(scale, z) for scale in SCALES for z in (-128, 0, 5, 127)},
    "one element": [OpSpec("LOGISTIC", [activation((1,), "int8")], [activation((1,), "int8", 1 / 256, -128)])],
    "rank 4": [
        OpSpec("LOGISTIC", [activation((1, 3, 4, 5), "int8")], [activation((1, 3, 4, 5), "int8", 1 / 256, -128)])
    ],
    "float": [OpSpec("LOGISTIC", [TensorSpec((3, 50), "float32")], [TensorSpec((3, 50), "float32")])],
    "float, wide": floats(np.linspace(-110, 110, 2000)),
    "float, at the bounds": floats(
        np.array([-np.inf, -9.000001, -9, -8.999999, -0.0, 0.0, 16.619045, 16.619047, 16.61905, np.inf])
    ),
}


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Result]:
    return run_cases(CASES, tmp_path_factory.mktemp("logistic"))


@pytest.mark.parametrize("name", CASES)
def test_equals_tflm(results: dict[str, Result], name: str) -> None:
    results[name].check()
