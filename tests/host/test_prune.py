"""Channels with a constant value are removed, and the outputs equal those of the interpreter for the whole model."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from against_tflm import Oracle, Result, run_kerf, run_litert, run_tflm
from cases import ACTIVATIONS, PADDINGS, bias, channel_scales
from single_op import OpSpec, TensorSpec, build

from tools.graph import check, passes, read
from tools.graph.ir import Graph
from tools.graph.passes.prune import prune


class Layers:
    """Builds a chain of layers; ``dead`` are output channels whose weights are all zero."""

    def __init__(self, dtype: str, shape: Sequence[int], scale: float = 0.02, zero_point: int = -5) -> None:
        self.dtype, self.rng, self.ops = dtype, np.random.default_rng(7), []
        self.last = self.made = self._activation(shape, scale, zero_point)

    def _activation(self, shape: Sequence[int], scale: float = 0.02, zero_point: int = 3) -> TensorSpec:
        if self.dtype in ("float32", "dynamic"):
            return TensorSpec(shape, "float32")
        return (
            TensorSpec(shape, "int8", scale, zero_point) if self.dtype == "int8" else TensorSpec(shape, "int16", scale)
        )

    def _weights(self, shape: Sequence[int], axis: int, dead: Sequence[int]) -> TensorSpec:
        if self.dtype == "float32":
            data: Any = self.rng.normal(0, 0.3, shape).astype(np.float32)
        else:
            data = self.rng.integers(-127, 128, shape, np.int8)
        np.moveaxis(data, axis, 0)[list(dead)] = 0
        scales = None if self.dtype == "float32" else channel_scales(self.rng, shape[axis], 1e-3, 4e-3)
        return TensorSpec(shape, data.dtype.name, scales, 0, axis, data)

    def _bias(self, channels: int, values: Mapping[int, float]) -> TensorSpec:
        made = bias(self.rng, channels, "int16x8" if self.dtype == "int16x8" else self.dtype, 1e-4, 9000)
        for channel, value in values.items():
            made.data[channel] = value
        return made

    def add(
        self, kind: str, inputs: Sequence[Any], output: TensorSpec, table: str | None = None, **options: Any
    ) -> "Layers":
        self.ops.append(OpSpec(kind, [self.last, *inputs], [output], table, options))
        self.last = output
        return self

    def conv(
        self, channels: int, dead: Sequence[int] = (), biases: Mapping[int, float] | None = None, size: int = 3,
        padding: str = "SAME", fused: str = "RELU", zero_point: int = -128, bias: bool = True,
    ) -> "Layers":  # fmt: skip
        n, h, w, depth = self.last.shape
        h, w = (h, w) if padding == "SAME" else (h - size + 1, w - size + 1)
        weights = self._weights((channels, size, size, depth), 0, dead)
        inputs = [weights, self._bias(channels, biases or {})] if bias else [weights]
        options = {
            "Padding": PADDINGS[padding],
            "StrideH": 1,
            "StrideW": 1,
            "FusedActivationFunction": ACTIVATIONS[fused],
        }
        options |= {"DilationHFactor": 1, "DilationWFactor": 1}
        return self.add(
            "CONV_2D", inputs, self._activation((n, h, w, channels), 0.02, zero_point), "Conv2DOptions", **options
        )

    def depthwise(
        self, dead: Sequence[int] = (), biases: Mapping[int, float] | None = None, multiplier: int = 1
    ) -> "Layers":
        n, h, w, depth = self.last.shape
        weights = self._weights((1, 3, 3, depth * multiplier), 3, dead)
        options = {
            "Padding": 0,
            "StrideH": 1,
            "StrideW": 1,
            "DepthMultiplier": multiplier,
            "FusedActivationFunction": 1,
        }
        options |= {"DilationHFactor": 1, "DilationWFactor": 1}
        inputs = [weights, self._bias(depth * multiplier, biases or {})]
        output = self._activation((n, h, w, depth * multiplier), 0.02, -128)
        return self.add("DEPTHWISE_CONV_2D", inputs, output, "DepthwiseConv2DOptions", **options)

    def pool(self, kind: str = "MAX_POOL_2D") -> "Layers":
        n, h, w, depth = self.last.shape
        options = {"Padding": 1, "StrideH": 2, "StrideW": 2, "FilterHeight": 2, "FilterWidth": 2}
        output = TensorSpec((n, h // 2, w // 2, depth), self.last.dtype, self.last.scale, self.last.zero_point)
        return self.add(kind, [], output, "Pool2DOptions", **options)

    def flatten(self) -> "Layers":
        size = int(np.prod(self.last.shape))
        output = TensorSpec((1, size), self.last.dtype, self.last.scale, self.last.zero_point)
        return self.add("RESHAPE", [], output, "ReshapeOptions", NewShape=[1, size])

    def mean(self) -> "Layers":
        axes = TensorSpec((2,), "int32", data=np.array([1, 2], np.int32))
        return self.add(
            "MEAN", [axes], self._activation((1, self.last.shape[3]), 0.01, 7), "ReducerOptions", KeepDims=False
        )

    def dense(self, channels: int, dead: Sequence[int] = (), biases: Mapping[int, float] | None = None) -> "Layers":
        inputs = [self._weights((channels, self.last.shape[1]), 0, dead), self._bias(channels, biases or {})]
        options = {"FusedActivationFunction": 0, "AsymmetricQuantizeInputs": True}
        return self.add("FULLY_CONNECTED", inputs, self._activation((1, channels)), "FullyConnectedOptions", **options)

    def file(self) -> bytes:
        return build(self.ops)


ZERO = {1: 0, 3: -500}  # biases that RELU makes 0
SOME = {1: 4000, 3: -500}
DEAD = (1, 3)


def chain(dtype: str, **options: Any) -> Layers:
    return Layers(dtype, (1, 8, 8, 3)).conv(6, DEAD, **options)


# name: the layers, and how many constants they lose
NETWORKS: dict[str, tuple[Layers, int]] = {
    "zeros into a padded convolution": (chain("int8", biases=ZERO).conv(4), 2 * 27 + 2 + 2 * 36),
    "numbers into an unpadded one": (chain("int8", biases=SOME).conv(4, padding="VALID"), 2 * 27 + 2 + 2 * 36),
    "numbers into a pointwise one": (chain("int8", biases=SOME).conv(4, size=1), 2 * 27 + 2 + 2 * 4),
    "one number stays before padding": (chain("int8", biases=SOME).conv(4), 27 + 1 + 36),
    "numbers need a bias": (chain("int8", biases=SOME).conv(4, padding="VALID", bias=False), 27 + 1 + 36),
    "pools and a dense layer": (
        chain("int8", biases=SOME).pool().pool("AVERAGE_POOL_2D").flatten().dense(5),
        2 * 27 + 2 + 2 * 4 * 5,
    ),
    "depthwise": (chain("int8", biases=ZERO).depthwise(biases=SOME).conv(4, size=1), 2 * 27 + 2 + 2 * 9 + 2 + 2 * 4),
    "depthwise multiplier": (
        chain("int8", biases=ZERO).depthwise(multiplier=2).conv(4, size=1),
        2 * 27 + 2 + 4 * 9 + 4 + 4 * 4,
    ),
    "mean": (chain("int8", biases=ZERO).mean().dense(4), 2 * 27 + 2 + 2 * 4),
    "dense": (Layers("int8", (1, 20)).dense(7, (0, 6), {0: 99, 6: -99}).dense(3), 2 * 20 + 2 + 2 * 3),
    "all dead": (Layers("int8", (1, 8, 8, 3)).conv(3, (0, 1, 2)).conv(2, size=1), 2 * 27 + 2 + 2 * 2),
    "the output is left alone": (chain("int8", biases=ZERO), 0),
    "nothing is dead": (Layers("int8", (1, 8, 8, 3)).conv(6).conv(4), 0),
    "float32": (chain("float32", biases=ZERO).pool().conv(4).mean().dense(2), 2 * 27 + 2 + 2 * 36),
    "float32 numbers stay": (chain("float32", biases={1: 4, 3: 5}).conv(4), 0),
    "dynamic": (chain("dynamic", biases=ZERO).pool().conv(4).mean().dense(2), 2 * 27 + 2 + 2 * 36),
    "dynamic, one scale would be left": (
        Layers("dynamic", (1, 8, 8, 3)).conv(2, (1,), {1: 0}).conv(4),
        0,
    ),
    "int16x8": (chain("int16x8", biases=ZERO).pool().conv(4).mean().dense(2), 2 * 27 + 2 + 2 * 36),
}


def constants(graph: Graph) -> int:
    return sum(t.elements for t in graph.tensors if t.data is not None)


@pytest.mark.parametrize("name", NETWORKS)
def test_constants_that_go(name: str) -> None:
    layers, lost = NETWORKS[name]
    whole = passes.simplify(read.read(layers.file(), "m"))
    pruned = prune(whole)
    assert constants(whole) - constants(pruned) == lost
    assert (pruned is whole) == (lost == 0)
    check.check(pruned)
    assert constants(passes.run(read.read(layers.file(), "m"))) == constants(pruned), "run() does not prune"


def test_a_tensor_knows_what_is_left_of_it() -> None:
    pruned = prune(passes.simplify(read.read(chain("int8", biases=ZERO).pool().flatten().dense(3).file(), "m")))
    conv, pool, flat, dense = (pruned.output(op) for op in pruned.ops)
    assert conv.kept == pool.kept == (0, 2, 4, 5) and conv.shape == (1, 8, 8, 4)
    assert flat.kept == tuple(i for i in range(4 * 4 * 6) if i % 6 not in DEAD) and flat.shape == (1, 4 * 4 * 4)
    assert dense.kept is None


@pytest.mark.compiler
@pytest.mark.parametrize("name", [name for name, (_, lost) in NETWORKS.items() if lost])
def test_outputs_stay(name: str, tmp_path: Any) -> None:
    layers, _ = NETWORKS[name]
    data = layers.file()
    oracle: Oracle = run_litert if layers.dtype in ("float32", "dynamic") else run_tflm
    fed, rng = layers.made, np.random.default_rng(3)
    if fed.dtype == "float32":
        samples = rng.normal(0, 3, (6, *fed.shape)).astype(np.float32)
    else:
        limits = np.iinfo(fed.dtype)
        samples = rng.integers(limits.min, limits.max, (6, *fed.shape), fed.dtype, endpoint=True)
    ours = run_kerf(data, [samples], tmp_path)
    Result(ours, oracle(data, [samples], 1)).check()
    assert len({row.tobytes() for row in ours[0]}) > 1 or name == "all dead", "the inputs make no difference"


@pytest.mark.parametrize("shape", [(3,), (1, 3), (3, 1)])
def test_a_bias_of_any_shape_loses_its_dead_channel(shape: tuple[int, ...]) -> None:
    """TFLite counts a bias's elements and does not look at its dimensions."""
    weights = np.array([[1, 2], [0, 0], [3, 4]], np.int8)
    x, hidden, y = (TensorSpec((1, n), scale=0.5) for n in (2, 3, 2))
    first = [
        x,
        TensorSpec((3, 2), scale=0.01, data=weights),
        TensorSpec(shape, "int32", data=np.zeros(shape, np.int32)),
    ]
    second = [hidden, TensorSpec((2, 3), scale=0.01, data=np.ones((2, 3), np.int8)), None]
    table = "FullyConnectedOptions"
    model = build([OpSpec("FULLY_CONNECTED", first, [hidden], table), OpSpec("FULLY_CONNECTED", second, [y], table)])
    graph = passes.run(read.read(model, "m"))
    assert [graph.input(op, 1).shape for op in graph.ops] == [(2, 2), (2, 2)]
