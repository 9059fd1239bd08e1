"""SVDF: the kernels equal TFLM's over a sequence of samples."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from against_tflm import Result, collected, run_cases
from cases import ACTIVATIONS, TIES, activation, summing_to
from single_op import OpSpec, TensorSpec, build

from tools.errors import UnsupportedModel
from tools.graph import passes, read

pytestmark = pytest.mark.compiler


def svdf(
    dtype: str = "int8",
    depth: int = 9,
    units: int = 4,
    rank: int = 2,
    memory: int = 5,
    batches: int = 1,
    fused: str = "NONE",
    zero_points: tuple[int, int, int] = (3, 0, -7),
    scales: tuple[float, float, float] = (0.02, 0.05, 0.09),
    wide_state: bool = False,
    seed: int = 7,
) -> list[OpSpec]:
    """``zero_points`` and ``scales`` are those of input, state and output."""
    rng = np.random.default_rng(seed)
    filters = units * rank
    shapes = ((filters, depth), (filters, memory), (units,))
    names = {"FusedActivationFunction": ACTIVATIONS[fused], "Rank": rank}
    if dtype == "float32":
        constants = [TensorSpec(s, "float32", data=rng.normal(0, 0.4, s).astype(np.float32)) for s in shapes]
        state = TensorSpec((batches, filters * memory), "float32", variable=True)
    else:
        narrow = "int16" if wide_state else "int8"
        limit = 2000 if wide_state else 127
        state_scale, time_scale = (scales[1] / 256, 1e-4) if wide_state else (scales[1], 0.01)
        constants = [
            TensorSpec(shapes[0], "int8", 0.01, data=rng.integers(-127, 127, shapes[0], np.int8, endpoint=True)),
            TensorSpec(shapes[1], narrow, time_scale, data=rng.integers(-limit, limit, shapes[1], narrow)),
            TensorSpec(shapes[2], "int32", state_scale * time_scale, data=rng.integers(-900, 900, shapes[2], np.int32)),
        ]
        zero_point = 0 if wide_state else zero_points[1]
        state = TensorSpec((batches, filters * memory), narrow, state_scale, zero_point, variable=True)
    x = activation((batches, depth), dtype, scales[0], zero_points[0])
    y = activation((batches, units), dtype, scales[2], zero_points[2])
    return [OpSpec("SVDF", [x, *constants, state], [y], "SVDFOptions", names)]


def generated(dtype: str, count: int, **more: Any) -> dict[str, list[OpSpec]]:
    rng = np.random.default_rng(29)
    cases = {}
    for i in range(count):
        pick: dict[str, Any] = {
            "depth": int(rng.integers(1, 40)),
            "units": int(rng.integers(1, 9)),
            "rank": int(rng.integers(1, 4)),
            "memory": int(rng.integers(1, 12)),
            "batches": int(rng.choice([1, 1, 1, 2, 3])),
            "scales": tuple(float(s) for s in np.exp(rng.uniform(np.log(0.004), np.log(0.3), 3))),
            "seed": i,
        }
        cases[f"{dtype} {more} generated {i}"] = svdf(dtype, **pick, **more)
    return cases


def in_a_row() -> list[OpSpec]:
    """Two layers, each with its own state."""
    (first,) = svdf(units=6)
    (second,) = svdf(depth=6, units=3, zero_points=(-7, 0, 4), scales=(0.09, 0.05, 0.2), seed=8)
    second = OpSpec(second.kind, [first.outputs[0], *second.inputs[1:]], second.outputs, "SVDFOptions", second.options)
    return [first, second]


def tie(scale1: float, scale2: float, scale: float, total: int) -> list[OpSpec]:
    """One feature, which is also the output."""
    x, feature = summing_to(total)
    inputs = [
        TensorSpec((1, x.size), "int8", scale1, data=x[np.newaxis]),
        TensorSpec((1, x.size), "int8", scale2, data=feature[np.newaxis]),
        TensorSpec((1, 1), "int8", 1.0, data=np.ones((1, 1), np.int8)),
        TensorSpec((1,), "int32", scale, data=np.zeros(1, np.int32)),
        TensorSpec((1, 1), "int8", scale, variable=True),
    ]
    return [OpSpec("SVDF", inputs, [TensorSpec((1, 1), "int8", scale)], "SVDFOptions", {"Rank": 1})]


CASES: dict[str, list[OpSpec]] = {
    **{f"tie of {each}": tie(*each) for each in TIES},
    **generated("int8", 35),
    **generated("int8", 35, wide_state=True),
    **generated("float32", 30),
    **{
        f"int8 zero points {i} {s} {o}": svdf(zero_points=(i, s, o))
        for i in (-128, 127)
        for s in (-128, 5, 127)
        for o in (-128, 0, 127)
    },
    **{f"{dtype} {name}": svdf(dtype, fused=name) for dtype in ("int8", "float32") for name in ACTIVATIONS},
    "two in a row": in_a_row(),
}


@pytest.fixture(scope="module")
def results(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Result]:
    return run_cases(collected(request, CASES), tmp_path_factory.mktemp("svdf"))


@pytest.mark.sampled(one_in=3)
@pytest.mark.parametrize("name", CASES)
def test_equals_tflm(results: dict[str, Result], name: str) -> None:
    results[name].check()


def test_bias_of_several_scales_is_refused() -> None:
    (layer,) = svdf(units=2)
    bias = layer.inputs[3]
    assert bias is not None
    layer = replace(layer, inputs=[*layer.inputs[:3], replace(bias, scale=[1e-4, 2e-4]), layer.inputs[4]])
    graph = read.read(build([layer]), "svdf")
    with pytest.raises(UnsupportedModel, match="quantized per channel"):
        passes.run(graph)
