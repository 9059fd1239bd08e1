"""STRIDED_SLICE: kerf's kernel equals TFLM's, case by case."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from against_tflm import Result, run_cases
from single_op import OpSpec, TensorSpec

pytestmark = pytest.mark.compiler


def index(values: Sequence[int]) -> TensorSpec:
    return TensorSpec((len(values),), "int32", data=np.array(values, np.int32))


def strided_slice(
    shape: Sequence[int],
    begin: Sequence[int],
    end: Sequence[int],
    steps: Sequence[int],
    dtype: str = "int8",
    **masks: int,
) -> list[OpSpec]:
    scale, zero_point = (0.2, 5) if dtype == "int8" else (None, 0)
    where = []
    for i, bounds in enumerate(zip(begin, end, steps, strict=True)):
        if masks.get("ShrinkAxisMask", 0) >> i & 1:
            where.append(bounds[0])
            continue
        first = None if masks.get("BeginMask", 0) >> i & 1 else bounds[0]
        last = None if masks.get("EndMask", 0) >> i & 1 else bounds[1]
        where.append(slice(first, last, bounds[2]))
    out = np.empty(shape)[tuple(where)].shape
    x, y = (TensorSpec(s, dtype, scale, zero_point) for s in (shape, out))
    return [OpSpec("STRIDED_SLICE", [x, index(begin), index(end), index(steps)], [y], "StridedSliceOptions", masks)]


def generated(count: int) -> dict[str, list[OpSpec]]:
    rng, cases = np.random.default_rng(4), {}
    while len(cases) < count:
        rank = int(rng.integers(1, 5))  # TFLM takes no more dimensions
        shape = [int(n) for n in rng.integers(1, 6, rank)]
        begin, end = ([int(rng.integers(-n, n + 1)) for n in shape] for _ in range(2))
        steps = [int(rng.choice([1, 1, 1, 2, -1, -2])) for _ in shape]
        masks: dict[str, Any] = {"BeginMask": int(rng.integers(0, 32)), "EndMask": int(rng.integers(0, 32))}
        dtype = str(rng.choice(["int8", "int16", "float32", "int32"]))
        try:
            case = strided_slice(shape, begin, end, steps, dtype, **masks)
        except IndexError:
            continue
        if np.prod(case[0].outputs[0].shape) > 0:
            cases[f"generated {len(cases)}"] = case
    return cases


CASES = {
    "the last frames": strided_slice((1, 8, 1, 4), (0, 1, 0, 0), (0, 8, 0, 0), (1, 1, 1, 1), BeginMask=13, EndMask=15),
    "every second pixel": strided_slice((1, 6, 6, 3), (0, 0, 0, 0), (1, 6, 6, 3), (1, 2, 2, 1)),
    "backwards": strided_slice((7,), (0,), (0,), (-1,), BeginMask=1, EndMask=1),
    "one row without its dimension": strided_slice((3, 4), (1, 0), (2, 4), (1, 1), ShrinkAxisMask=1),
    "from the end": strided_slice((5, 6), (-2, -4), (5, -1), (1, 1), dtype="float32"),
    **generated(60),
}


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Result]:
    return run_cases(CASES, tmp_path_factory.mktemp("strided_slice"))


@pytest.mark.parametrize("name", CASES)
def test_equals_tflm(results: dict[str, Result], name: str) -> None:
    results[name].check()
