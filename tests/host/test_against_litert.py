"""float16 and hybrid (dynamic range) layers, which TFLM refuses: kerf's kernels equal LiteRT's, bit for bit."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
from against_tflm import Result, run_cases, run_litert
from cases import with_float16_widened
from single_op import OpSpec, TensorSpec
from test_conv_2d import conv
from test_conv_2d import generated as convs
from test_depthwise_conv_2d import depthwise
from test_depthwise_conv_2d import generated as depthwises
from test_fully_connected import dense
from test_fully_connected import generated as denses

pytestmark = pytest.mark.compiler


def asymmetric(case: list[OpSpec]) -> list[OpSpec]:
    """FULLY_CONNECTED as TensorFlow's converter writes it since 2.3."""
    return [replace(op, options={**op.options, "AsymmetricQuantizeInputs": True}) for op in case]


def biased(cases: Mapping[str, list[OpSpec]]) -> dict[str, list[OpSpec]]:
    """Those with a bias: LiteRT does not support a convolution without one."""
    return {name: case for name, case in cases.items() if len(case[0].inputs) == 3}


def named(prefix: str, cases: Mapping[str, list[OpSpec]]) -> dict[str, list[OpSpec]]:
    return {f"{prefix} {name}": case for name, case in cases.items()}


def spread(case: list[OpSpec], low: float, high: float) -> list[OpSpec]:
    """The same layers behind an ADD and a clamp, so that inputs lie between ``low`` and ``high``."""
    source = case[0].inputs[0]
    assert source is not None
    fed, moved = TensorSpec(source.shape, "float32"), TensorSpec(source.shape, "float32")
    middle = np.float32((low + high) / 2)
    offset = TensorSpec((), "float32", data=np.array(middle))
    add = OpSpec("ADD", [fed, offset], [moved], "AddOptions", {})
    first = replace(case[0], inputs=[moved, *case[0].inputs[1:]])
    return [add, first, *case[1:]]


DYNAMIC = {
    "conv, one weight scale": conv(1, "dynamic", weight_scale=0.013),
    "conv, one weight scale, batch of three": conv(2, "dynamic", weight_scale=0.013, batches=3, stride=(2, 1)),
    "conv, equal weight scales": conv(3, "dynamic", weight_scale=[0.02] * 4),
    "conv, batch of three": conv(4, "dynamic", batches=3),
    "conv, groups": conv(5, "dynamic", depth=4, channels=6, groups=2),
    "conv, inputs all positive": spread(conv(6, "dynamic"), 20, 40),
    "conv, inputs all negative": spread(conv(7, "dynamic"), -40, -20),
    "conv, inputs mostly positive": spread(conv(8, "dynamic"), -1, 12),
    "conv, inputs far from 0": spread(conv(9, "dynamic"), 1e30, 1e30),
    "depthwise": depthwise(10, "dynamic"),
    "depthwise, multiplier": depthwise(11, "dynamic", multiplier=3, batches=2),
    "depthwise, inputs mostly negative": spread(depthwise(12, "dynamic"), -12, 1),
    "dense": dense(13, "dynamic", shape=(3, 12), weight_scale=None),
    "dense, one weight scale": dense(14, "dynamic", shape=(3, 12)),
    "dense, asymmetric": asymmetric(dense(15, "dynamic", shape=(3, 12), weight_scale=None)),
    "dense, asymmetric, one weight scale": asymmetric(dense(16, "dynamic", shape=(3, 12))),
    "dense, all weights -127": asymmetric(dense(17, "dynamic", shape=(1, 600), depth=600, fill=-127)),
    "dense, inputs mostly positive": spread(asymmetric(dense(18, "dynamic")), -1, 12),
    **named("conv", biased(convs(30, "dynamic"))),
    **named("depthwise", depthwises(30, "dynamic")),
    **named("dense", denses(20, "dynamic")),
    **named("asymmetric dense", {name: asymmetric(case) for name, case in denses(20, "dynamic").items()}),
}
FLOAT16 = {
    "conv": conv(1, "float16"),
    "conv, groups": conv(2, "float16", depth=4, channels=6, groups=2),
    "depthwise": depthwise(3, "float16"),
    "depthwise, multiplier": depthwise(4, "float16", multiplier=2),
    "dense": dense(5, "float16", shape=(2, 12)),
    **named("conv", biased(convs(15, "float16"))),
    **named("depthwise", depthwises(15, "float16")),
    **named("dense", denses(10, "float16")),
}


def every_float16() -> list[OpSpec]:
    """One dense layer whose weights are all finite float16 numbers, one per output."""
    values = np.arange(1 << 16, dtype=np.uint16).view(np.float16)
    finite = values[np.isfinite(values)].reshape(-1, 1)
    x, y = TensorSpec((1, 1), "float32"), TensorSpec((1, len(finite)), "float32")
    w = TensorSpec(finite.shape, "float16", data=finite)
    return [OpSpec("FULLY_CONNECTED", [x, w], [y], "FullyConnectedOptions", {})]


LITERT_CASES = {
    **{f"dynamic {name}": case for name, case in DYNAMIC.items()},
    **{f"float16 {name}": with_float16_widened(case[0]) for name, case in FLOAT16.items()},
    "float16 every number": with_float16_widened(every_float16()[0]),
}


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Result]:
    return run_cases(LITERT_CASES, tmp_path_factory.mktemp("litert"), oracle=run_litert)


@pytest.mark.parametrize("name", LITERT_CASES)
def test_equals_litert(results: dict[str, Result], name: str) -> None:
    results[name].check()
