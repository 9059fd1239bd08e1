"""Two chained convolutions, with only some rows in memory between them, compute the same as one after the other."""

from pathlib import Path

import numpy as np
import pytest
from against_tflm import Result, run_cases
from cases import ACTIVATIONS, PADDINGS, activation, bias, channel_scales, out_size, weights
from single_op import OpSpec, TensorSpec, build

from tools.cores import HOST
from tools.graph import chain, passes, read
from tools.graph.schedule import schedule

pytestmark = pytest.mark.compiler

KINDS = ("CONV_2D", "DEPTHWISE_CONV_2D")


def layer(rng: np.random.Generator, source: TensorSpec, kind: str) -> OpSpec | None:
    """A random convolution on ``source``; None where its filter does not fit."""
    _, height, width, depth = source.shape
    size, stride = (tuple(int(n) for n in rng.integers(1, most + 1, 2)) for most in (4, 3))
    dilation = tuple(int(n) for n in rng.choice([1, 1, 2], 2))
    padding = str(rng.choice(list(PADDINGS)))
    out = [out_size(padding, *axis) for axis in zip((height, width), size, stride, dilation, strict=True)]
    if min(out) < 1:
        return None
    depthwise = kind == "DEPTHWISE_CONV_2D"
    multiplier = int(rng.integers(1, 3))
    channels = depth * multiplier if depthwise else int(rng.integers(1, 7))
    shape = (1, *size, channels) if depthwise else (channels, *size, depth)
    w = weights(rng, shape, "int8", 3 if depthwise else 0, channel_scales(rng, channels, 1e-3, 4e-3))
    output = activation((1, *out, channels), "int8", 0.04, int(rng.integers(-128, 128)))
    options = {
        "Padding": PADDINGS[padding],
        "StrideH": stride[0],
        "StrideW": stride[1],
        "DilationHFactor": dilation[0],
        "DilationWFactor": dilation[1],
        "FusedActivationFunction": ACTIVATIONS[str(rng.choice(list(ACTIVATIONS)))],
        **({"DepthMultiplier": multiplier} if depthwise else {}),
    }
    table = "DepthwiseConv2DOptions" if depthwise else "Conv2DOptions"
    return OpSpec(kind, [source, w, bias(rng, channels, "int8", 1e-4)], [output], table, options)


def pair(seed: int) -> list[OpSpec]:
    """Two layers of random kinds, of which the first makes the largest tensor, so that chaining them saves memory."""
    rng = np.random.default_rng(seed)
    while True:
        size = rng.integers(3, 11, 2)
        source = activation((1, *(int(n) for n in size), int(rng.integers(1, 4))), "int8", 0.05, 7)
        first = layer(rng, source, str(rng.choice(KINDS)))
        second = None if first is None else layer(rng, first.outputs[0], str(rng.choice(KINDS)))
        if first is not None and second is not None:
            return [first, second]


SHORT, LONG = 50, 120


def pairs(count: int) -> dict[str, list[OpSpec]]:
    return {f"pair {seed}": pair(seed) for seed in range(count)}


CASES = pairs(SHORT)


@pytest.fixture
def chain_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """Chains wherever it can be done, whether or not it takes memory."""

    def chained(found: object) -> object:
        at = 0
        while at < len(found.steps) - 1:
            found, at = chain.chain(found, at) or found, at + 1
        return found

    monkeypatch.setattr("tools.graph.schedule._chained", chained)


@pytest.mark.parametrize("count", [SHORT, pytest.param(LONG, marks=pytest.mark.soak)])
def test_chained_pairs_equal_tflm(chain_all: None, count: int, tmp_path: Path) -> None:
    results: dict[str, Result] = run_cases(pairs(count), tmp_path, goal="ram")
    assert len(results) == count
    for name, result in results.items():
        np.testing.assert_array_equal(*result.kerf, *result.oracle, err_msg=name)


def test_all_of_them_are_chained(chain_all: None) -> None:
    for name, case in CASES.items():
        found = schedule(passes.run(read.read(build(case), "pair")), HOST, "ram")
        assert found.variants == ("chained",) and len(found.steps) == 1, name


def test_only_what_takes_memory_off_the_fullest_moment_is_chained() -> None:
    rng = np.random.default_rng(1)
    x = activation((1, 8, 8, 2), "int8", 0.05, 0)
    y = activation((1, 8, 8, 16), "int8", 0.05, 0)
    z = activation((1, 8, 8, 2), "int8", 0.05, 0)

    def pointwise(source: TensorSpec, output: TensorSpec) -> OpSpec:
        w = weights(rng, (output.shape[3], 1, 1, source.shape[3]), "int8", 0, 0.01)
        options = {"StrideH": 1, "StrideW": 1, "DilationHFactor": 1, "DilationWFactor": 1}
        return OpSpec("CONV_2D", [source, w], [output], "Conv2DOptions", options)

    wide = build([pointwise(x, y), pointwise(y, z)])
    graph = passes.run(read.read(wide, "wide between"))
    assert schedule(graph, HOST, "ram").variants == ("chained",)
    assert schedule(graph, HOST, "speed").variants == ("portable",)
    narrow = build([pointwise(x, z)])
    assert schedule(passes.run(read.read(narrow, "one")), HOST, "ram").variants == ("portable",)


def test_dense_layers_are_not_chained() -> None:
    rng = np.random.default_rng(1)
    x, y, z = (activation((1, depth), "int8", 0.05, 0) for depth in (8, 64, 8))

    def dense(source: TensorSpec, output: TensorSpec) -> OpSpec:
        w = weights(rng, (output.shape[1], source.shape[1]), "int8", 0, 0.01)
        return OpSpec("FULLY_CONNECTED", [source, w], [output], "FullyConnectedOptions", {})

    graph = passes.run(read.read(build([dense(x, y), dense(y, z)]), "dense"))
    assert schedule(graph, HOST, "ram").variants == ("portable",)
