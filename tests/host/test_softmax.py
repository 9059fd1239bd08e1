"""SOFTMAX: kerf's kernels equal TFLM's, case by case."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from against_tflm import Result, run_cases, run_kerf
from cases import activation
from single_op import OpSpec, TensorSpec, build, single_op

pytestmark = pytest.mark.compiler

SCALES = (2e-8, 1e-4, 0.02, 0.054, 0.15, 1.0, 20.0, 3e7)


def softmax(
    shape: Sequence[int], dtype: str = "int8", scale: float = 0.15, zero_point: int = 0, beta: float = 1.0
) -> list[OpSpec]:
    x, y = activation(shape, dtype, scale, zero_point), activation(shape, dtype, 1 / 256, -128)
    return [OpSpec("SOFTMAX", [x], [y], "SoftmaxOptions", {"Beta": beta})]


def spread(classes: int, scale: float) -> list[OpSpec]:
    """Many classes: rows avoid equal elements, of which TFLM can only add up 511."""
    peaks = np.full((1, classes), -128, np.int8)
    peaks[0, :: classes // 50] = np.random.default_rng(6).integers(-20, 128, peaks[0, :: classes // 50].shape)
    x, logits = activation((1, classes), "int8", scale / 20), activation((1, classes), "int8", scale)
    constant = TensorSpec((1, classes), "int8", scale=scale, data=peaks)
    y = activation((1, classes), "int8", 1 / 256, -128)
    return [
        OpSpec("ADD", [x, constant], [logits], "AddOptions", {}),
        OpSpec("SOFTMAX", [logits], [y], "SoftmaxOptions", {"Beta": 1.0}),
    ]


CASES = {
    **{f"{n} classes": softmax((1, n)) for n in (1, 2, 3, 10, 100, 511)},
    **{
        f"{n} spread classes, scale {scale}": spread(n, scale) for n in (512, 1000, 4095) for scale in (0.051, 0.1, 0.4)
    },
    **{f"scale {scale}": softmax((4, 10), scale=scale) for scale in SCALES},
    **{f"all differences, scale {scale}": softmax((1, 400), scale=scale) for scale in (0.004, 0.03, 0.06, 0.5)},
    **{f"zero point {z}": softmax((2, 10), zero_point=z) for z in (-128, 0, 127)},
    **{f"beta {beta}": softmax((2, 10), beta=beta) for beta in (0.1, 0.5, 3.0, 100.0)},
    "many rows, for rare roundings": softmax((4000, 7), scale=0.02),
    "rank 1": softmax((5,)),
    "rank 3": softmax((2, 3, 4)),
    "rank 4": softmax((2, 3, 2, 5)),
    "rank 5": softmax((2, 1, 3, 2, 5)),
    **{f"float, {n} classes": softmax((2, n), "float32") for n in (1, 2, 10, 1000)},
    **{f"float, beta {beta}": softmax((2, 10), "float32", beta=beta) for beta in (0.1, 3.0)},
    "float, rank 4": softmax((2, 3, 2, 5), "float32"),
}


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Result]:
    return run_cases(CASES, tmp_path_factory.mktemp("softmax"))


@pytest.mark.parametrize("name", CASES)
def test_equals_tflm(results: dict[str, Result], name: str) -> None:
    results[name].check()


@pytest.mark.parametrize("classes", [512, 1000, 4095])
def test_more_equal_classes_than_tflm_sums_up_are_all_improbable(classes: int, tmp_path: Path) -> None:
    """TFLM aborts there; the probability of each class is below half of 1/256 and rounds to 0."""
    rows = np.stack([np.full((1, classes), value, np.int8) for value in (-128, 0, 127)])
    (output,) = run_kerf(build(softmax((1, classes))), [rows], tmp_path)
    np.testing.assert_array_equal(output, np.full_like(output, -128))


def test_the_maximum_of_a_row_is_certain_where_it_stands_alone(tmp_path: Path) -> None:
    row = np.full((1, 1, 1000), -128, np.int8)
    row[0, 0, 300] = 127
    tensors = [activation((1, 1000), "int8", 0.15, 0)], [activation((1, 1000), "int8", 1 / 256, -128)]
    (output,) = run_kerf(single_op("SOFTMAX", *tensors, "SoftmaxOptions", Beta=1.0), [row], tmp_path)
    np.testing.assert_array_equal(output, np.where(row == 127, 127, -128))
