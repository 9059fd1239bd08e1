"""CONV_2D: kerf's kernels equal TFLM's, case by case."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from against_tflm import Result, run_cases
from cases import ACTIVATIONS, PADDINGS, activation, bias, channel_scales, fitting_scales, out_size, weights
from single_op import OpSpec, TensorSpec

pytestmark = pytest.mark.compiler


def conv(
    seed: int,
    dtype: str = "int8",
    size: tuple[int, int] = (5, 6),
    depth: int = 3,
    channels: int = 4,
    filter_size: tuple[int, int] = (3, 3),
    padding: str = "SAME",
    stride: tuple[int, int] = (1, 1),
    dilation: tuple[int, int] = (1, 1),
    groups: int = 1,
    batches: int = 1,
    fused: str = "NONE",
    zero_points: tuple[int, int] = (-5, 3),
    scales: tuple[float | None, float | None] = (None, None),
    weight_scale: float | Sequence[float] | None = None,
    fill: int | None = None,
    bias_limit: int | None = 2000,
    variable_weights: bool = False,
) -> list[OpSpec]:
    rng = np.random.default_rng(seed)
    out = [out_size(padding, *axis) for axis in zip(size, filter_size, stride, dilation, strict=True)]
    w_scale = channel_scales(rng, channels) if weight_scale is None else weight_scale
    in_scale, out_scale = fitting_scales(scales, w_scale, filter_size[0] * filter_size[1] * depth // groups)
    x = activation((batches, *size, depth), dtype, in_scale, zero_points[0])
    y = activation((batches, *out, channels), dtype, out_scale, zero_points[1])
    w = weights(rng, (channels, *filter_size, depth // groups), dtype, 0, w_scale, fill)
    if variable_weights:
        w = TensorSpec(w.shape, w.dtype, w.scale, w.zero_point, w.axis)
    inputs: list[Any] = [x, w]
    if bias_limit is not None:
        inputs.append(bias(rng, channels, dtype, 0.0005, bias_limit))
    options = {
        "Padding": PADDINGS[padding],
        "StrideH": stride[0],
        "StrideW": stride[1],
        "DilationHFactor": dilation[0],
        "DilationWFactor": dilation[1],
        "FusedActivationFunction": ACTIVATIONS[fused],
    }
    return [OpSpec("CONV_2D", inputs, [y], "Conv2DOptions", options)]


def generated(count: int, dtype: str) -> dict[str, list[OpSpec]]:
    rng = np.random.default_rng(20)
    cases = {}
    while len(cases) < count:
        pick = {
            "size": tuple(int(n) for n in rng.integers(1, 9, 2)),
            "filter_size": tuple(int(n) for n in rng.integers(1, 5, 2)),
            "stride": tuple(int(n) for n in rng.integers(1, 4, 2)),
            "dilation": tuple(int(n) for n in rng.choice([1, 1, 2, 3], 2)),
            "padding": str(rng.choice(["SAME", "VALID"])),
            "groups": int(rng.choice([1, 1, 1, 2, 3])),
            "batches": int(rng.choice([1, 1, 2])),
            "fused": str(rng.choice(list(ACTIVATIONS))),
            "zero_points": tuple(int(z) for z in rng.choice([-128, -7, 0, 44, 127], 2)),
            "bias_limit": (None, 0, 3000)[rng.integers(3)],
        }
        pick["depth"] = pick["groups"] * int(rng.integers(1, 6))
        pick["channels"] = pick["groups"] * int(rng.integers(1, 5))
        axes = zip(pick["size"], pick["filter_size"], pick["stride"], pick["dilation"], strict=True)
        if min(out_size(pick["padding"], *axis) for axis in axes) < 1:
            continue
        cases[f"{dtype}-generated-{len(cases)}"] = conv(len(cases), dtype, **pick)
    return cases


# One product of weight 1 and a small bias, so that a scale ratio above 1 does not saturate everything.
IDENTITY: dict[str, Any] = {"filter_size": (1, 1), "depth": 1, "fill": 1, "bias_limit": 9, "zero_points": (0, 0)}
BELOW_2 = float(np.nextafter(np.float32(2), np.float32(0)))

CASES = {
    "1x1 image": conv(1, size=(1, 1)),
    "pointwise": conv(2, filter_size=(1, 1), depth=17, channels=9),
    "filter larger than the image": conv(3, size=(2, 3), filter_size=(5, 7)),
    "dilation leaves no tap inside": conv(4, size=(1, 1), filter_size=(2, 2), dilation=(3, 3)),
    "dilation of a filter of one row": conv(5, filter_size=(1, 3), dilation=(9, 1)),
    "dilated and strided": conv(6, size=(9, 8), dilation=(2, 3), stride=(2, 1), padding="VALID"),
    "stride larger than the filter": conv(7, size=(9, 9), filter_size=(1, 2), stride=(4, 3)),
    "filter as large as the image": conv(8, size=(5, 6), filter_size=(5, 6), padding="VALID"),
    "two groups": conv(9, depth=4, channels=6, groups=2),
    "a group per channel": conv(10, depth=3, channels=6, groups=3),
    "batch of three": conv(11, batches=3, stride=(2, 2)),
    "one weight scale": conv(12, weight_scale=0.01),
    "no bias": conv(13, bias_limit=None),
    "weights that are an input": conv(14, variable_weights=True, weight_scale=0.01, bias_limit=None),
    "all weights -128": conv(15, fill=-128, depth=40, zero_points=(127, 0), scales=(0.05, 60.0)),
    "all weights 127": conv(16, fill=127, depth=40, zero_points=(-128, 0), scales=(0.05, 60.0)),
    "bias at the edge of int32": conv(17, bias_limit=2**31 - 1, scales=(0.05, 1e5)),
    "bias that overflows the sum": conv(18, bias_limit=2**31 - 1, fill=127, scales=(0.05, 2e4), weight_scale=0.01),
    "scale ratio above 1": conv(19, scales=(3.0, 2.0), weight_scale=1.0, **IDENTITY),
    "scale ratios far above 1": conv(20, scales=(9.0, 0.5), weight_scale=[0.2, 3.0, 40.0, 5e7], **IDENTITY),
    "scale ratio of exactly 1": conv(21, scales=(0.5, 0.25), weight_scale=0.5, **IDENTITY),
    "scale ratio just below a power of 2": conv(22, scales=(1.0, 1.0), weight_scale=BELOW_2, **IDENTITY),
    "tiny scale ratios": conv(23, scales=(1e-3, 1.0), weight_scale=[1e-4, 3e-5, 2e-6, 1e-9], bias_limit=2**31 - 1),
    "image of one row": conv(24, size=(1, 40), depth=1, filter_size=(1, 8), stride=(1, 2)),
    "depth of 32": conv(25, size=(6, 7), depth=32, channels=5),
    "depth of 16, dilated and strided": conv(26, size=(9, 8), depth=16, dilation=(2, 3), stride=(2, 1)),
    "window over more than 256 elements": conv(27, size=(5, 30), depth=5, channels=3),
    "row of more than 256 pixels": conv(28, size=(1, 300), depth=1, filter_size=(1, 3), channels=2),
    **{f"zero points {a} {b}": conv(30, zero_points=(a, b)) for a in (-128, 0, 127) for b in (-128, 0, 127)},
    **{
        f"{dtype} {name}": conv(40, dtype, fused=name, zero_points=(4, -30))
        for name in ACTIVATIONS
        for dtype in ("int8", "float32")
    },
    "float no bias": conv(50, "float32", bias_limit=None),
    "float groups": conv(51, "float32", depth=6, channels=4, groups=2, dilation=(2, 1)),
    "float weights that are an input": conv(52, "float32", variable_weights=True),
    **{f"float run of {3 * n}": conv(54, "float32", depth=n, channels=5, fused="RELU6") for n in (3, 4, 5, 7, 8, 13)},
    "float pointwise": conv(55, "float32", filter_size=(1, 1), depth=37, channels=11),
    "float groups of many": conv(56, "float32", depth=24, channels=10, groups=2, dilation=(1, 2)),
    "float filter larger than the image": conv(53, "float32", size=(2, 3), filter_size=(5, 7)),
    **generated(40, "int8"),
    **generated(20, "float32"),
}


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Result]:
    return run_cases(CASES, tmp_path_factory.mktemp("conv_2d"))


@pytest.mark.parametrize("name", CASES)
def test_equals_tflm(results: dict[str, Result], name: str) -> None:
    results[name].check()
