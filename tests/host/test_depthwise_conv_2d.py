"""DEPTHWISE_CONV_2D: kerf's kernels equal TFLM's, case by case."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from against_tflm import Result, run_cases
from cases import ACTIVATIONS, PADDINGS, activation, bias, channel_scales, fitting_scales, out_size, weights
from single_op import OpSpec, TensorSpec, build

from tools.errors import UnsupportedModel
from tools.graph import passes, read

pytestmark = pytest.mark.compiler


def depthwise(
    seed: int,
    dtype: str = "int8",
    size: tuple[int, int] = (5, 6),
    depth: int = 6,
    multiplier: int = 1,
    filter_size: tuple[int, int] = (3, 3),
    padding: str = "SAME",
    stride: tuple[int, int] = (1, 1),
    dilation: tuple[int, int] = (1, 1),
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
    channels = depth * multiplier
    out = [out_size(padding, *axis) for axis in zip(size, filter_size, stride, dilation, strict=True)]
    w_scale = channel_scales(rng, channels) if weight_scale is None else weight_scale
    in_scale, out_scale = fitting_scales(scales, w_scale, filter_size[0] * filter_size[1])
    x = activation((batches, *size, depth), dtype, in_scale, zero_points[0])
    y = activation((batches, *out, channels), dtype, out_scale, zero_points[1])
    w = weights(rng, (1, *filter_size, channels), dtype, 3, w_scale, fill)
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
        "DepthMultiplier": multiplier,
        "FusedActivationFunction": ACTIVATIONS[fused],
    }
    return [OpSpec("DEPTHWISE_CONV_2D", inputs, [y], "DepthwiseConv2DOptions", options)]


def generated(count: int, dtype: str) -> dict[str, list[OpSpec]]:
    rng = np.random.default_rng(21)
    cases: dict[str, list[OpSpec]] = {}
    while len(cases) < count:
        pick: dict[str, Any] = {
            "size": tuple(int(n) for n in rng.integers(1, 9, 2)),
            "filter_size": tuple(int(n) for n in rng.integers(1, 5, 2)),
            "stride": tuple(int(n) for n in rng.integers(1, 4, 2)),
            "dilation": tuple(int(n) for n in rng.choice([1, 1, 2, 3], 2)),
            "padding": str(rng.choice(["SAME", "VALID"])),
            "depth": int(rng.integers(1, 12)),
            "multiplier": int(rng.choice([1, 1, 2, 3, 8])),
            "batches": int(rng.choice([1, 1, 2])),
            "fused": str(rng.choice(list(ACTIVATIONS))),
            "zero_points": tuple(int(z) for z in rng.choice([-128, -7, 0, 44, 127], 2)),
            "bias_limit": (None, 0, 3000)[rng.integers(3)],
        }
        axes = zip(pick["size"], pick["filter_size"], pick["stride"], pick["dilation"], strict=True)
        if min(out_size(pick["padding"], *axis) for axis in axes) >= 1:
            cases[f"{dtype}-generated-{len(cases)}"] = depthwise(len(cases), dtype, **pick)
    return cases


# One product of weight 1 and a small bias, so that a scale ratio above 1 does not saturate everything.
IDENTITY: dict[str, Any] = {"filter_size": (1, 1), "depth": 4, "fill": 1, "bias_limit": 9, "zero_points": (0, 0)}

CASES = {
    "1x1 image": depthwise(1, size=(1, 1)),
    "1x1 filter": depthwise(2, filter_size=(1, 1)),
    "filter larger than the image": depthwise(3, size=(2, 3), filter_size=(5, 7)),
    "dilation leaves no tap inside": depthwise(4, size=(1, 1), filter_size=(2, 2), dilation=(3, 3)),
    "dilated and strided": depthwise(5, size=(9, 8), dilation=(2, 3), stride=(2, 1), padding="VALID"),
    "stride larger than the filter": depthwise(6, size=(9, 9), filter_size=(1, 2), stride=(4, 3)),
    **{f"{n} channels": depthwise(7, depth=n) for n in range(1, 10)},
    **{f"depth multiplier {n}": depthwise(8, depth=3, multiplier=n) for n in (2, 3, 4, 5)},
    "one channel multiplied": depthwise(9, depth=1, multiplier=8, size=(9, 7), filter_size=(5, 4), stride=(2, 2)),
    "batch of three": depthwise(10, batches=3, stride=(2, 2)),
    **{
        f"one column, {taps} taps, stride {stride}, {padding}": depthwise(
            61, size=(20, 1), filter_size=(taps, 1), stride=(stride, stride), padding=padding
        )
        for taps, stride, padding in ((1, 1, "SAME"), (5, 1, "SAME"), (8, 1, "VALID"), (6, 3, "SAME"), (5, 2, "VALID"))
    },
    "one column, dilated": depthwise(62, size=(20, 1), filter_size=(5, 1), dilation=(3, 1)),
    "one column, three images": depthwise(63, size=(9, 1), filter_size=(4, 1), batches=3),
    "one column, depth multiplier": depthwise(64, size=(9, 1), filter_size=(4, 1), depth=3, multiplier=2),
    "one weight scale": depthwise(11, weight_scale=0.01),
    "no bias": depthwise(12, bias_limit=None),
    "weights that are an input": depthwise(13, variable_weights=True, weight_scale=0.01, bias_limit=None),
    "all weights -128": depthwise(14, fill=-128, zero_points=(127, 0), scales=(0.05, 6.0)),
    "all weights 127": depthwise(15, fill=127, zero_points=(-128, 0), scales=(0.05, 6.0)),
    "bias at the edge of int32": depthwise(16, bias_limit=2**31 - 1, scales=(0.05, 1e5)),
    "bias that overflows the sum": depthwise(17, bias_limit=2**31 - 1, scales=(0.05, 2e4), weight_scale=0.01),
    "scale ratio above 1": depthwise(18, scales=(3.0, 2.0), weight_scale=1.0, **IDENTITY),
    "scale ratios far above 1": depthwise(19, scales=(9.0, 0.5), weight_scale=[0.2, 3.0, 40.0, 5e7], **IDENTITY),
    "tiny scale ratios": depthwise(
        20, depth=4, scales=(1e-3, 1.0), weight_scale=[1e-4, 3e-5, 2e-6, 1e-9], bias_limit=2**31 - 1
    ),
    **{f"zero points {a} {b}": depthwise(30, zero_points=(a, b)) for a in (-128, 0, 127) for b in (-128, 0, 127)},
    **{
        f"{dtype} {name}": depthwise(40, dtype, fused=name, zero_points=(4, -30))
        for name in ACTIVATIONS
        for dtype in ("int8", "float32")
    },
    "float no bias": depthwise(50, "float32", bias_limit=None),
    "float depth multiplier": depthwise(51, "float32", depth=5, multiplier=3),
    **{f"float {n} channels": depthwise(53, "float32", depth=n, fused="RELU6") for n in (8, 15, 21)},
    "float dilation leaves no tap inside": depthwise(
        54, "float32", size=(1, 1), depth=8, filter_size=(2, 2), dilation=(3, 3)
    ),
    "float dilated and strided": depthwise(55, "float32", size=(9, 8), depth=16, dilation=(2, 3), stride=(2, 1)),
    "float filter larger than the image": depthwise(52, "float32", size=(2, 3), filter_size=(5, 7)),
    **generated(40, "int8"),
    **generated(20, "float32"),
}


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Result]:
    return run_cases(CASES, tmp_path_factory.mktemp("depthwise_conv_2d"))


@pytest.mark.parametrize("name", CASES)
def test_equals_tflm(results: dict[str, Result], name: str) -> None:
    results[name].check()


def test_an_input_that_is_also_the_filter_is_kept_until_the_end(tmp_path: Path) -> None:
    (layer,) = depthwise(1, filter_size=(5, 6), zero_points=(0, 3), weight_scale=0.02, scales=(0.02, None))
    source = layer.inputs[0]
    layer = replace(layer, inputs=[source, source, layer.inputs[2]])
    run_cases({"square": [layer]}, tmp_path)["square"].check()


@pytest.mark.parametrize("option", ["stride", "dilation"])
def test_steps_of_more_than_16_bits_are_refused(option: str) -> None:
    """TFLM keeps the lowest 16 bits, LiteRT refuses them."""
    far: dict[str, Any] = {option: (1, 1 << 16), "filter_size": (3, 1)}
    with pytest.raises(UnsupportedModel, match=f"{option} 1x65536 is above 32767"):
        passes.run(read.read(build(depthwise(1, size=(5, 1), **far)), "net"))
