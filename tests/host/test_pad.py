"""PAD: kerf's kernels equal TFLM's, case by case."""

from collections.abc import Sequence

import numpy as np
import pytest
from against_tflm import Result, run_cases
from cases import activation
from single_op import OpSpec, TensorSpec

pytestmark = pytest.mark.compiler


def pad(shape: Sequence[int], paddings: Sequence[tuple[int, int]], dtype: str, zero_point: int) -> list[OpSpec]:
    amounts = TensorSpec((len(shape), 2), "int32", data=np.array(paddings, np.int32))
    out = [before + n + after for n, (before, after) in zip(shape, paddings, strict=True)]
    x, y = activation(shape, dtype, 0.1, zero_point), activation(out, dtype, 0.1, zero_point)
    return [OpSpec("PAD", [x, amounts], [y], "PadOptions")]


SHAPES = {
    "rank 1": ((4,), [(1, 2)]),
    "one element": ((1,), [(0, 1)]),
    "last dimension only": ((2, 3), [(0, 0), (2, 1)]),
    "first dimension only": ((2, 3), [(1, 0), (0, 0)]),
    "nothing": ((1, 3, 4, 2), [(0, 0)] * 4),
    "image": ((1, 3, 4, 2), [(0, 0), (1, 2), (3, 0), (0, 0)]),
    "images": ((3, 3, 4, 2), [(0, 0), (0, 1), (1, 1), (0, 0)]),
    "channels": ((1, 3, 4, 2), [(0, 0), (0, 0), (0, 0), (0, 5)]),
    "height only": ((2, 3, 4, 2), [(0, 0), (2, 2), (0, 0), (0, 0)]),
    "all four": ((2, 3, 4, 2), [(1, 1), (1, 2), (3, 0), (2, 1)]),
    "wider than the tensor": ((1, 2, 2, 1), [(0, 0), (5, 6), (7, 8), (0, 0)]),
    "rank 3": ((2, 3, 4), [(1, 0), (0, 0), (0, 1)]),
    "all five": ((2, 1, 3, 2, 2), [(1, 0), (0, 2), (1, 1), (0, 1), (2, 0)]),
    "every other of five": ((2, 3, 3, 2, 2), [(1, 0), (0, 0), (1, 1), (0, 0), (2, 0)]),
}
CASES = {
    **{f"int8 {name} {z}": pad(*shape, "int8", z) for name, shape in SHAPES.items() for z in (-128, 3, 127)},
    **{f"float {name}": pad(*shape, "float32", 0) for name, shape in SHAPES.items()},
}


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Result]:
    return run_cases(CASES, tmp_path_factory.mktemp("pad"))


@pytest.mark.parametrize("name", CASES)
def test_equals_tflm(results: dict[str, Result], name: str) -> None:
    results[name].check()
