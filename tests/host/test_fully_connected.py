"""FULLY_CONNECTED: kerf's kernels equal TFLM's, case by case."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from against_tflm import Result, run_cases
from cases import ACTIVATIONS, activation, bias, channel_scales, fitting_scales, weights
from single_op import OpSpec, TensorSpec

pytestmark = pytest.mark.compiler


def dense(
    seed: int,
    dtype: str = "int8",
    shape: Sequence[int] = (1, 12),
    depth: int = 12,
    channels: int = 5,
    keep_num_dims: bool = False,
    fused: str = "NONE",
    zero_points: tuple[int, int] = (-5, 3),
    scales: tuple[float | None, float | None] = (None, None),
    weight_scale: float | Sequence[float] | None = 0.01,
    weight_zero_point: int = 0,
    fill: int | None = None,
    bias_limit: int | None = 2000,
    bias_absent: bool = False,
    variable_weights: bool = False,
) -> list[OpSpec]:
    """``weight_scale`` None: per channel. ``bias_limit`` None: no bias, ``bias_absent`` as input -1."""
    rng = np.random.default_rng(seed)
    rows = int(np.prod(shape)) // depth
    w_scale = channel_scales(rng, channels) if weight_scale is None else weight_scale
    in_scale, out_scale = fitting_scales(scales, w_scale, depth)
    x = activation(shape, dtype, in_scale, zero_points[0])
    out_shape = (*shape[:-1], channels) if keep_num_dims else (rows, channels)
    y = activation(out_shape, dtype, out_scale, zero_points[1])
    w = weights(rng, (channels, depth), dtype, 0, w_scale, fill, weight_zero_point)
    if variable_weights:
        w = TensorSpec(w.shape, w.dtype, w.scale, w.zero_point, w.axis)
    inputs: list[Any] = [x, w]
    if bias_limit is not None:
        # TFLM refuses a bias whose scale is not that of the products.
        inputs.append(bias(rng, channels, dtype, in_scale * float(np.mean(w_scale)), bias_limit))
    elif bias_absent:
        inputs.append(None)
    options = {"FusedActivationFunction": ACTIVATIONS[fused], "KeepNumDims": keep_num_dims}
    return [OpSpec("FULLY_CONNECTED", inputs, [y], "FullyConnectedOptions", options)]


def generated(count: int, dtype: str) -> dict[str, list[OpSpec]]:
    rng = np.random.default_rng(22)
    cases: dict[str, list[OpSpec]] = {}
    for i in range(count):
        depth, rows = int(rng.integers(1, 70)), int(rng.integers(1, 4))
        cases[f"{dtype}-generated-{i}"] = dense(
            i,
            dtype,
            shape=(rows, depth),
            depth=depth,
            channels=int(rng.integers(1, 12)),
            keep_num_dims=bool(rng.integers(2)),
            fused=str(rng.choice(list(ACTIVATIONS))),
            zero_points=tuple(int(z) for z in rng.choice([-128, -7, 0, 44, 127], 2)),  # type: ignore[arg-type]
            # Scales with many digits show whether products of scales are rounded where TFLM rounds them.
            weight_scale=None if rng.integers(2) else float(rng.uniform(1e-3, 5e-2)),
            scales=(None, float(rng.uniform(1e-2, 1e-1))),
            bias_limit=(None, 0, 3000)[rng.integers(3)],
        )
    return cases


# One product of weight 1 and a small bias, so that a scale ratio above 1 does not saturate everything.
IDENTITY: dict[str, Any] = {"shape": (50, 1), "depth": 1, "fill": 1, "bias_limit": 9, "zero_points": (0, 0)}
EDGE = 2**31 - 1

CASES = {
    "one by one": dense(1, shape=(1, 1), depth=1, channels=1),
    **{f"depth {n}": dense(2, shape=(1, n), depth=n) for n in (2, 3, 4, 5, 7, 8, 9)},
    "batch of three": dense(3, shape=(3, 12)),
    "image": dense(4, shape=(1, 2, 3, 2)),
    "image of two rows": dense(5, shape=(2, 3, 2, 2)),
    "rank 3, dimensions kept": dense(6, shape=(2, 3, 12), keep_num_dims=True),
    "rank 4, dimensions kept": dense(7, shape=(2, 1, 3, 12), keep_num_dims=True),
    "rank 1": dense(8, shape=(12,)),
    "per channel": dense(9, weight_scale=None),
    "per channel, batch of three": dense(10, shape=(3, 12), weight_scale=None),
    "no bias": dense(11, bias_limit=None),
    "absent bias": dense(12, bias_limit=None, bias_absent=True),
    "weights that are an input": dense(13, variable_weights=True, bias_limit=None),
    **{f"weights zero point {z}": dense(14, shape=(2, 12), weight_zero_point=z) for z in (-128, -3, 1, 127)},
    "weights zero point, no bias": dense(15, weight_zero_point=-128, zero_points=(127, 0), bias_limit=None),
    "all weights -128": dense(16, shape=(1, 600), depth=600, fill=-128, zero_points=(127, 0), scales=(0.05, 80.0)),
    "all weights 127": dense(17, shape=(1, 600), depth=600, fill=127, zero_points=(-128, 0), scales=(0.05, 80.0)),
    "bias at the edge of int32": dense(18, bias_limit=EDGE, scales=(0.05, 1e4)),
    "bias that overflows the sum": dense(19, bias_limit=EDGE, scales=(0.05, 1e4), fill=127, zero_points=(-128, 0)),
    "scale ratio above 1": dense(20, scales=(3.0, 2.0), weight_scale=1.0, **IDENTITY),
    "scale ratios far above 1": dense(
        21, channels=4, scales=(9.0, 0.5), weight_scale=[0.2, 3.0, 40.0, 5e7], **IDENTITY
    ),
    "tiny scale ratio": dense(22, scales=(1e-3, 1.0), weight_scale=1e-4, bias_limit=EDGE),
    "tiny scale ratios": dense(
        23, channels=4, scales=(1e-3, 1.0), weight_scale=[1e-4, 3e-5, 2e-6, 1e-9], bias_limit=EDGE
    ),
    # The exact product is 2^-27 below 0.5, in float32 it would be 0.5: negative odd sums then round otherwise.
    "scales with an inexact product": dense(24, scales=(1 + 2**-13, 1.0), weight_scale=(1 - 2**-13) / 2, **IDENTITY),
    **{f"zero points {a} {b}": dense(30, zero_points=(a, b)) for a in (-128, 0, 127) for b in (-128, 0, 127)},
    **{
        f"{dtype} {name}": dense(40, dtype, fused=name, zero_points=(4, -30))
        for name in ACTIVATIONS
        for dtype in ("int8", "float32")
    },
    "float no bias": dense(50, "float32", bias_limit=None),
    "float rank 3": dense(51, "float32", shape=(2, 3, 12), keep_num_dims=True),
    "float weights that are an input": dense(52, "float32", variable_weights=True),
    **generated(50, "int8"),
    **generated(20, "float32"),
}


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Result]:
    return run_cases(CASES, tmp_path_factory.mktemp("fully_connected"))


@pytest.mark.parametrize("name", CASES)
def test_equals_tflm(results: dict[str, Result], name: str) -> None:
    results[name].check()
