"""RESHAPE: kerf's kernels equal TFLM's, case by case."""

from collections.abc import Sequence

import numpy as np
import pytest
from against_tflm import Result, run_cases
from cases import activation
from single_op import OpSpec, TensorSpec

pytestmark = pytest.mark.compiler

DTYPES = ("int8", "uint8", "int16", "int32", "int64", "float32")


def tensor(shape: Sequence[int], dtype: str) -> TensorSpec:
    quantized = dtype in ("int8", "uint8", "int16")
    return TensorSpec(shape, dtype, scale=0.5 if quantized else None)


def reshape(source: Sequence[int], shape: Sequence[int], dtype: str = "int8", by_input: bool = True) -> list[OpSpec]:
    new_shape = TensorSpec((len(shape),), "int32", data=np.array([*shape[:-1], -1], np.int32))
    inputs = [tensor(source, dtype), new_shape] if by_input else [tensor(source, dtype)]
    return [OpSpec("RESHAPE", inputs, [tensor(shape, dtype)], "ReshapeOptions", {"NewShape": list(shape)})]


def needed_later() -> list[OpSpec]:
    """The input is still needed, so its elements must be copied."""
    x, y = tensor((2, 6), "int8"), tensor((3, 4), "int8")
    clipped, sum_ = activation((3, 4), "int8", 0.5, 0), activation((2, 6), "int8", 0.5, 0)
    return [
        OpSpec("RESHAPE", [x], [y], "ReshapeOptions", {"NewShape": [3, 4]}),
        OpSpec("RELU", [y], [clipped]),
        OpSpec("ADD", [x, x], [sum_], "AddOptions", {}),
    ]


def constant_bool() -> list[OpSpec]:
    bits = TensorSpec((2, 4), "bool", data=np.array([[True, False, False, True], [True, True, False, False]]))
    return [OpSpec("RESHAPE", [bits], [TensorSpec((8,), "bool")], "ReshapeOptions", {"NewShape": [8]})]


CASES = {
    **{dtype: reshape((2, 3, 4), (6, 4), dtype) for dtype in DTYPES},
    "bool": constant_bool(),
    "flatten": reshape((1, 4, 5, 3), (1, 60)),
    "to rank 5": reshape((12,), (1, 2, 3, 1, 2)),
    "one element": reshape((1,), (1, 1, 1)),
    "same shape": reshape((3, 3), (3, 3)),
    "without a shape input": reshape((3, 4), (2, 6), by_input=False),
    "input needed later": needed_later(),
}


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Result]:
    return run_cases(CASES, tmp_path_factory.mktemp("reshape"))


@pytest.mark.parametrize("name", CASES)
def test_equals_tflm(results: dict[str, Result], name: str) -> None:
    results[name].check()
