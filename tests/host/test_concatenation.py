"""CONCATENATION: kerf's kernels equal TFLM's, case by case."""

from collections.abc import Sequence

import numpy as np
import pytest
from against_tflm import Result, run_cases
from single_op import OpSpec, TensorSpec

pytestmark = pytest.mark.compiler


def tensor(shape: Sequence[int], dtype: str, data: np.ndarray | None = None) -> TensorSpec:
    return TensorSpec(shape, dtype, 0.2 if dtype == "int8" else None, 5 if dtype == "int8" else 0, data=data)


def concatenation(shape: Sequence[int], axis: int, sizes: Sequence[int], dtype: str = "int8") -> list[OpSpec]:
    """Tensors of ``shape``, except that their sizes along the axis are ``sizes``; bool ones are constants."""
    rng = np.random.default_rng(8)

    def part(size: int) -> TensorSpec:
        own = list(shape)
        own[axis] = size
        return tensor(own, dtype, rng.integers(0, 2, own).astype(bool) if dtype == "bool" else None)

    inputs, output = [part(size) for size in sizes], list(shape)
    output[axis] = sum(sizes)
    return [OpSpec("CONCATENATION", inputs, [tensor(output, dtype)], "ConcatenationOptions", {"Axis": axis})]


def with_constant_and_repetition() -> list[OpSpec]:
    x, constant = tensor((2, 3), "int8"), tensor((2, 1), "int8", np.array([[7], [-7]], np.int8))
    return [
        OpSpec("CONCATENATION", [x, constant, x], [tensor((2, 7), "int8")], "ConcatenationOptions", {"Axis": 1}),
    ]


CASES = {
    **{
        f"{dtype} rank {rank} axis {axis}": concatenation((2, 3, 4, 2, 3)[:rank], axis, (1, 3, 2), dtype)
        for dtype in ("int8", "float32", "int32", "int64", "bool")
        for rank, axis in ((1, 0), (2, 0), (2, 1), (4, 0), (4, 1), (4, 2), (4, 3), (4, -1), (4, -4), (5, 2))
    },
    "one input": concatenation((2, 3), 1, (3,)),
    "two inputs": concatenation((1, 4, 4, 8), 3, (8, 16)),
    "ten inputs": concatenation((2, 1), 1, range(1, 11)),
    "single elements": concatenation((1,), 0, (1, 1, 1)),
    "a constant, and one tensor twice": with_constant_and_repetition(),
}


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Result]:
    return run_cases(CASES, tmp_path_factory.mktemp("concatenation"))


@pytest.mark.parametrize("name", CASES)
def test_equals_tflm(results: dict[str, Result], name: str) -> None:
    results[name].check()
