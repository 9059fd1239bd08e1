"""Reductions other than MEAN, ARG_MAX, ARG_MIN, CUMSUM and L2_NORMALIZATION: kerf's kernels equal TFLM's."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from against_tflm import Result, collected, run_cases
from cases import activation
from single_op import OpSpec, TensorSpec
from test_mean import REDUCTIONS

pytestmark = [pytest.mark.compiler, pytest.mark.sampled(one_in=4)]

ZERO_POINTS = (-128, 0, 127)
SCALES = ((0.1, 0.1), (0.1, 0.7), (0.003, 2.0), (0.1, 0.02), (1e-9, 5.0))
ALIKE = {"REDUCE_MAX": ("int8", "float32"), "REDUCE_MIN": ("int8", "float32"), "REDUCE_ALL": ("bool",)}
SHAPES = ((1,), (7,), (5, 1), (1, 5), (4, 9), (2, 3, 4), (3, 2, 2, 5), (2, 1, 3, 2, 2), (1, 300))

IMAGES = tuple(shape for shape in SHAPES if len(shape) <= 4)  # the most that TFLM normalizes


def ints(values: Sequence[int]) -> TensorSpec:
    return TensorSpec((len(values),), "int32", data=np.array(values, np.int32))


def tensor(shape: Sequence[int], dtype: str, scale: float = 0.1, zero_point: int = 0) -> TensorSpec:
    return activation(shape, dtype, scale, zero_point) if dtype.startswith("int") else TensorSpec(shape, dtype)


def reduction(
    kind: str,
    shape: Sequence[int],
    axes: Sequence[int],
    keep_dims: bool,
    dtype: str,
    scales: tuple[float, float] = (0.1, 0.1),
    zero_points: tuple[int, int] = (3, 3),
) -> list[OpSpec]:
    reduced = {axis % len(shape) for axis in axes}
    out = [1 if d in reduced else n for d, n in enumerate(shape) if keep_dims or d not in reduced]
    zero_points = (0, 0) if dtype == "int16" else zero_points
    x, y = tensor(shape, dtype, scales[0], zero_points[0]), tensor(out, dtype, scales[1], zero_points[1])
    return [OpSpec(kind, [x, ints(axes)], [y], "ReducerOptions", {"KeepDims": keep_dims})]


def along(kind: str, shape: Sequence[int], axis: int, dtype: str) -> list[OpSpec]:
    """ARG_MAX or ARG_MIN."""
    out = [n for d, n in enumerate(shape) if d != axis % len(shape)]
    table = "ArgMaxOptions" if kind == "ARG_MAX" else "ArgMinOptions"
    output = TensorSpec(out, "int32")
    return [OpSpec(kind, [tensor(shape, dtype), ints([axis])], [output], table, {"OutputType": 2})]


def running(
    shape: Sequence[int], axis: int, dtype: str, scales: tuple[float, float] = (0.1, 0.3), **options: bool
) -> list[OpSpec]:
    x, y = tensor(shape, dtype, scales[0]), tensor(shape, dtype, scales[1])
    return [OpSpec("CUMSUM", [x, ints([axis])], [y], "CumsumOptions", options)]


def normalized(shape: Sequence[int], dtype: str, zero_point: int = 0) -> list[OpSpec]:
    x, y = tensor(shape, dtype, 0.1, zero_point), tensor(shape, dtype, 1 / 128)
    return [OpSpec("L2_NORMALIZATION", [x], [y], "L2NormOptions", {})]


def every_axis() -> list[tuple[Sequence[int], int]]:
    return [(shape, axis) for shape in SHAPES for axis in range(-1, len(shape))]


FLAGS: tuple[dict[str, Any], ...] = ({}, {"Exclusive": True}, {"Reverse": True}, {"Exclusive": True, "Reverse": True})
CASES = {
    **{
        f"{kind} {dtype} {name}, keep_dims {keep_dims}": reduction(kind, *case, keep_dims, dtype)
        for kind, dtypes in {**ALIKE, "SUM": ("int8", "int16", "float32")}.items()
        for dtype in dtypes
        for name, case in REDUCTIONS.items()
        for keep_dims in (True, False)
    },
    **{
        f"SUM {dtype} {scales} {a} {b}": reduction("SUM", (2, 5, 6, 3), [1, 2], True, dtype, scales, (a, b))
        for dtype in ("int8", "int16")
        for scales in SCALES
        for a, b in ([(z, w) for z in ZERO_POINTS for w in ZERO_POINTS] if dtype == "int8" else [(0, 0)])
    },
    **{
        f"{kind} {dtype} {shape} {axis}": along(kind, shape, axis, dtype)
        for kind in ("ARG_MAX", "ARG_MIN")
        for dtype in ("int8", "float32")
        for shape, axis in every_axis()
    },
    **{
        f"CUMSUM {dtype} {shape} {axis} {n}": running(shape, axis, dtype, **FLAGS[n % 4])
        for dtype in ("int8", "float32")
        for n, (shape, axis) in enumerate(every_axis())
    },
    **{
        f"CUMSUM {scales} {flags}": running((3, 20), 1, "int8", scales, **flags)
        for scales in ((0.1, 0.1), (0.1, 3.0), (0.1, 1e-6))
        for flags in FLAGS
    },
    **{
        f"L2_NORMALIZATION int8 {shape} {z}": normalized(shape, "int8", z)
        for shape in IMAGES
        for z in (-128, 0, 3, 127)
    },
    **{f"L2_NORMALIZATION float32 {shape}": normalized(shape, "float32") for shape in IMAGES},
    **{f"L2_NORMALIZATION float32 of {n}": normalized((2, n), "float32") for n in range(2, 24)},
}


@pytest.fixture(scope="module")
def results(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Result]:
    return run_cases(collected(request, CASES), tmp_path_factory.mktemp("reductions"))


@pytest.mark.parametrize("name", CASES)
def test_equals_tflm(results: dict[str, Result], name: str) -> None:
    results[name].check()
