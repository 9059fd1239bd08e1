"""MEAN: kerf's kernels equal TFLM's, case by case."""

from collections.abc import Sequence

import numpy as np
import pytest
from against_tflm import Result, run_cases
from cases import activation
from single_op import OpSpec, TensorSpec

pytestmark = pytest.mark.compiler


def mean(
    shape: Sequence[int],
    axes: Sequence[int],
    keep_dims: bool = True,
    dtype: str = "int8",
    scales: tuple[float, float] = (0.1, 0.07),
    zero_points: tuple[int, int] = (3, -4),
) -> list[OpSpec]:
    reduced = {axis % len(shape) for axis in axes}
    out = [1 if d in reduced else n for d, n in enumerate(shape) if keep_dims or d not in reduced]
    x, y = activation(shape, dtype, scales[0], zero_points[0]), activation(out, dtype, scales[1], zero_points[1])
    constant = TensorSpec((len(axes),), "int32", data=np.array(axes, np.int32))
    return [OpSpec("MEAN", [x, constant], [y], "ReducerOptions", {"KeepDims": keep_dims})]


REDUCTIONS = {
    "height and width": ((1, 4, 5, 3), [1, 2]),
    "width and height": ((2, 4, 5, 3), [2, 1]),
    "height and width from the end": ((1, 4, 5, 3), [-3, -2]),
    "height and width of a pixel": ((1, 1, 1, 4), [1, 2]),
    "everything": ((2, 4, 5, 3), [0, 1, 2, 3]),
    "channels": ((2, 4, 5, 3), [3]),
    "last": ((2, 4, 5, 3), [-1]),
    "batch and width": ((2, 4, 5, 3), [0, 2]),
    "height and channels": ((2, 4, 5, 3), [1, 3]),
    "an axis twice": ((2, 3, 4), [1, 1, -2]),
    "rank 1": ((7,), [0]),
    "one element": ((1,), [0]),
    "rows": ((3, 4), [0]),
    "middle of three": ((3, 4, 2), [1]),
    "odd ones of five": ((2, 3, 2, 3, 2), [0, 2, 4]),
    "even ones of five": ((2, 3, 2, 3, 2), [1, 3]),
    "many": ((1, 120, 90, 2), [1, 2]),
    "a prime number": ((1, 31, 1, 2), [1, 2]),
}
CASES = {
    **{
        f"{dtype} {name}, keep_dims {keep_dims}": mean(*reduction, keep_dims, dtype)
        for name, reduction in REDUCTIONS.items()
        for keep_dims in (True, False)
        for dtype in ("int8", "float32")
    },
    **{
        f"zero points {a} {b}": mean((2, 5, 6, 3), [1, 2], zero_points=(a, b))
        for a in (-128, 0, 127)
        for b in (-128, 0, 127)
    },
    **{
        f"scales {scales} of {n}": mean((n, 3), [0], scales=scales)
        for scales in (
            (0.1, 0.1),
            (0.1, 0.02),
            (0.003, 2.0),
            (10.0, 0.001),
            (1e-9, 5.0),
            (1e-10, 5.0),
            (3e-10, 1.0),
            (3e5, 0.1),
        )
        for n in (1, 6, 64, 1000)
    },
    "ties": mean((64, 800), [0], scales=(0.1, 0.1), zero_points=(-1, 0)),
}


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Result]:
    return run_cases(CASES, tmp_path_factory.mktemp("mean"))


@pytest.mark.parametrize("name", CASES)
def test_equals_tflm(results: dict[str, Result], name: str) -> None:
    results[name].check()
