"""LOG_SOFTMAX: kerf's kernels equal TFLM's, case by case."""

from collections.abc import Sequence

import pytest
from against_tflm import Result, run_cases
from cases import activation
from single_op import OpSpec

pytestmark = pytest.mark.compiler

SCALES = (2e-8, 1e-4, 0.004, 0.02, 0.054, 0.06, 0.15, 0.5, 1.0, 20.0, 3e7)


def log_softmax(shape: Sequence[int], dtype: str = "int8", scale: float = 0.15, zero_point: int = 0) -> list[OpSpec]:
    x, y = activation(shape, dtype, scale, zero_point), activation(shape, dtype, 1 / 16, 127)
    return [OpSpec("LOG_SOFTMAX", [x], [y], "LogSoftmaxOptions", {})]


SHAPES = ((5,), (1,), (2, 3, 4), (2, 3, 2, 5), (2, 1, 3, 2, 5))
CASES = {
    **{f"{n} classes": log_softmax((1, n)) for n in (1, 2, 3, 10, 100, 511, 1000, 4095)},
    **{f"scale {scale}": log_softmax((4, 10), scale=scale) for scale in SCALES},
    **{f"all differences, scale {scale}": log_softmax((1, 400), scale=scale) for scale in SCALES},
    **{f"zero point {z}": log_softmax((2, 10), zero_point=z) for z in (-128, 0, 127)},
    **{f"shape {shape}": log_softmax(shape) for shape in SHAPES},
    "many rows, for rare roundings": log_softmax((4000, 7), scale=0.02),
    **{f"float, {n} classes": log_softmax((2, n), "float32") for n in (1, 2, 3, 7, 10, 33, 100, 1000)},
    **{f"float, {rows} rows": log_softmax((rows, 5), "float32") for rows in range(1, 20)},
    **{f"float, shape {shape}": log_softmax(shape, "float32") for shape in SHAPES},
}


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Result]:
    return run_cases(CASES, tmp_path_factory.mktemp("log_softmax"))


@pytest.mark.parametrize("name", CASES)
def test_equals_tflm(results: dict[str, Result], name: str) -> None:
    results[name].check()
