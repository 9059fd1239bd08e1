"""MAX_POOL_2D, AVERAGE_POOL_2D and L2_POOL_2D: kerf's kernels equal TFLM's, case by case."""

from typing import Any

import numpy as np
import pytest
from against_tflm import Result, run_cases
from cases import ACTIVATIONS, PADDINGS, activation, out_size
from single_op import OpSpec, TensorSpec

pytestmark = pytest.mark.compiler

KINDS = ("MAX_POOL_2D", "AVERAGE_POOL_2D")


def pool(
    kind: str,
    dtype: str = "int8",
    size: tuple[int, int] = (5, 6),
    depth: int = 3,
    filter_size: tuple[int, int] = (2, 2),
    padding: str = "VALID",
    stride: tuple[int, int] = (2, 2),
    batches: int = 1,
    fused: str = "NONE",
    zero_point: int = -5,
    scale: float = 0.04,
    source: TensorSpec | None = None,
) -> list[OpSpec]:
    out = [out_size(padding, *axis) for axis in zip(size, filter_size, stride, strict=True)]
    x = source or activation((batches, *size, depth), dtype, scale, zero_point)
    y = activation((batches, *out, depth), dtype, scale, zero_point)
    options = {
        "Padding": PADDINGS[padding],
        "StrideH": stride[0],
        "StrideW": stride[1],
        "FilterHeight": filter_size[0],
        "FilterWidth": filter_size[1],
        "FusedActivationFunction": ACTIVATIONS[fused],
    }
    return [OpSpec(kind, [x], [y], "Pool2DOptions", options)]


def chain(kind: str, dtype: str) -> list[OpSpec]:
    """Three pools in a row, whose outputs may reuse the memory of their inputs."""
    first = pool(kind, dtype, size=(13, 11), filter_size=(3, 3), stride=(1, 1), batches=2)
    second = pool(kind, dtype, size=(11, 9), filter_size=(3, 2), stride=(2, 1), batches=2, source=first[0].outputs[0])
    third = pool(kind, dtype, size=(5, 8), filter_size=(2, 2), padding="SAME", batches=2, source=second[0].outputs[0])
    return [*first, *second, *third]


def generated(kind: str, dtype: str, count: int) -> dict[str, list[OpSpec]]:
    rng = np.random.default_rng(23)
    cases: dict[str, list[OpSpec]] = {}
    while len(cases) < count:
        pick: dict[str, Any] = {
            "size": tuple(int(n) for n in rng.integers(1, 10, 2)),
            "filter_size": tuple(int(n) for n in rng.integers(1, 6, 2)),
            "stride": tuple(int(n) for n in rng.integers(1, 4, 2)),
            "padding": str(rng.choice(["SAME", "VALID"])),
            "depth": int(rng.integers(1, 7)),
            "batches": int(rng.choice([1, 1, 2])),
            "fused": str(rng.choice(list(ACTIVATIONS))),
            "zero_point": int(rng.choice([-128, -7, 0, 44, 127])),
        }
        axes = zip(pick["size"], pick["filter_size"], pick["stride"], strict=True)
        if min(out_size(pick["padding"], *axis) for axis in axes) >= 1:
            cases[f"{kind} {dtype} generated {len(cases)}"] = pool(kind, dtype, **pick)
    return cases


def of_kind(kind: str, dtype: str) -> dict[str, list[OpSpec]]:
    cases = {
        "1x1 image": pool(kind, dtype, size=(1, 1), filter_size=(1, 1)),
        "whole image": pool(kind, dtype, filter_size=(5, 6)),
        "filter larger than the image": pool(kind, dtype, size=(2, 3), filter_size=(5, 7), padding="SAME"),
        "overlapping windows in padding": pool(kind, dtype, filter_size=(3, 4), stride=(1, 1), padding="SAME"),
        "stride larger than the filter": pool(kind, dtype, size=(9, 9), filter_size=(1, 2), stride=(4, 3)),
        "uneven padding": pool(kind, dtype, filter_size=(2, 3), stride=(2, 2), padding="SAME", size=(5, 7)),
        "batch of three": pool(kind, dtype, batches=3),
        "one channel": pool(kind, dtype, depth=1, stride=(1, 1)),
        "three in a row": chain(kind, dtype),
        **{name: pool(kind, dtype, fused=name) for name in ACTIVATIONS},
        **{f"zero point {z} RELU6": pool(kind, dtype, zero_point=z, fused="RELU6") for z in (-128, 0, 127)},
    }
    return {f"{kind} {dtype} {name}": case for name, case in cases.items()}


CASES: dict[str, list[OpSpec]] = {}
for _kind in KINDS:
    CASES |= of_kind(_kind, "int8") | of_kind(_kind, "float32")
    CASES |= generated(_kind, "int8", 20) | generated(_kind, "float32", 10)
CASES |= of_kind("L2_POOL_2D", "float32") | generated("L2_POOL_2D", "float32", 20)


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Result]:
    return run_cases(CASES, tmp_path_factory.mktemp("pool_2d"))


@pytest.mark.parametrize("name", CASES)
def test_equals_tflm(results: dict[str, Result], name: str) -> None:
    results[name].check()
