"""int16 activations with int8 weights: kerf's kernels equal TFLM's, case by case."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from against_tflm import Result, run_cases
from cases import ACTIVATIONS
from single_op import OpSpec, TensorSpec
from test_conv_2d import conv
from test_conv_2d import generated as convs
from test_depthwise_conv_2d import depthwise
from test_depthwise_conv_2d import generated as depthwises
from test_fully_connected import dense
from test_fully_connected import generated as denses

pytestmark = pytest.mark.compiler

MODE = "int16x8"
INT32 = 2  # tflite.TensorType


def int16(shape: Sequence[int], scale: float = 1e-3, zero_point: int = 0) -> TensorSpec:
    return TensorSpec(shape, "int16", scale=scale, zero_point=zero_point)


def one(kind: str, inputs: list[Any], output: TensorSpec, table: str | None = None, **options: Any) -> list[OpSpec]:
    return [OpSpec(kind, inputs, [output], table, options)]


def named(prefix: str, cases: Mapping[str, list[OpSpec]]) -> dict[str, list[OpSpec]]:
    return {f"{prefix} {name}": case for name, case in cases.items()}


def with_int32_bias(case: list[OpSpec]) -> list[OpSpec]:
    """The same layer with a bias of 32 bits, for which TFLM adds and rescales in 32 bits."""
    (op,) = case
    x, w, b = op.inputs
    assert b is not None
    narrow = replace(b, dtype="int32", data=(b.data >> 4).astype(np.int32))
    return [replace(op, inputs=[x, w, narrow], options={**op.options, "QuantizedBiasType": INT32})]


def add(seed: int, shapes: Sequence[Sequence[int]], scales: Sequence[float], fused: str = "NONE") -> list[OpSpec]:
    first, second = (int16(shape, scale) for shape, scale in zip(shapes, scales, strict=False))
    output = int16(np.broadcast_shapes(*map(tuple, shapes)), scales[2])
    return one("ADD", [first, second], output, "AddOptions", FusedActivationFunction=ACTIVATIONS[fused])


def pool(kind: str, fused: str = "NONE", padding: int = 0, size: int = 2) -> list[OpSpec]:
    out = 4 if padding == 0 else (7 - size) // 2 + 1
    options = {"Padding": padding, "StrideH": 2, "StrideW": 2, "FilterHeight": size, "FilterWidth": size}
    activation = {"FusedActivationFunction": ACTIVATIONS[fused]}
    return one(kind, [int16((2, 7, 7, 3))], int16((2, out, out, 3)), "Pool2DOptions", **options, **activation)


def mean(axes: list[int], source: float, output: float) -> list[OpSpec]:
    axis = TensorSpec((len(axes),), "int32", data=np.array(axes, np.int32))
    shape = [1 if d in axes else n for d, n in enumerate((1, 5, 6, 7))]
    return one("MEAN", [int16((1, 5, 6, 7), source), axis], int16(shape, output), "ReducerOptions", KeepDims=True)


def softmax(depth: int, scale: float, beta: float = 1.0, rows: int = 3) -> list[OpSpec]:
    shape = (rows, depth)
    return one("SOFTMAX", [int16(shape, scale)], int16(shape, 2.0**-15), "SoftmaxOptions", Beta=beta)


def many(kind: str, source: float, output: float) -> list[OpSpec]:
    """An elementwise operator on so many random values that most int16 are among them."""
    return one(kind, [int16((256, 256), source)], int16((256, 256), output))


def pad() -> list[OpSpec]:
    paddings = TensorSpec((4, 2), "int32", data=np.array([[0, 0], [1, 2], [0, 3], [0, 0]], np.int32))
    return one("PAD", [int16((1, 3, 4, 2)), paddings], int16((1, 6, 7, 2)))


def with_scale_0(case: list[OpSpec]) -> list[OpSpec]:
    """One filter with the scale 0, which the converter writes for a filter of zeros."""
    (op,) = case
    x, w, b = op.inputs
    assert w is not None and isinstance(w.scale, list)
    return [replace(op, inputs=[x, replace(w, scale=[w.scale[0], 0.0, *w.scale[2:]]), b])]


CASES: dict[str, list[OpSpec]] = {
    "conv": conv(1, MODE),
    "conv, one weight scale": conv(2, MODE, weight_scale=0.01),
    "conv, no bias": conv(3, MODE, bias_limit=None),
    "conv, int32 bias": with_int32_bias(conv(4, MODE)),
    "conv, int32 bias, one weight scale": with_int32_bias(conv(5, MODE, weight_scale=0.01)),
    "conv, all weights 127 in 64 bits": conv(6, MODE, fill=127, depth=60, scales=(1e-3, 90.0)),
    "conv, all weights -127 in 32 bits": conv(7, MODE, fill=-127, depth=57, scales=(1e-3, 90.0)),
    "conv, bias far above the products": conv(8, MODE, bias_limit=2**31 - 1, scales=(1e-3, 3e3)),
    "conv, scale 0": with_scale_0(conv(19, MODE)),
    "depthwise, scale 0": with_scale_0(depthwise(20, MODE)),
    "dense, scale 0": with_scale_0(dense(21, MODE, shape=(3, 12), weight_scale=None)),
    "conv, scale ratio 100": conv(9, MODE, filter_size=(1, 1), depth=1, fill=1, scales=(9.0, 0.09), weight_scale=1.0),
    "depthwise": depthwise(10, MODE),
    "depthwise, multiplier": depthwise(11, MODE, multiplier=3, batches=2),
    "dense": dense(12, MODE, shape=(3, 12)),
    "dense per channel": dense(13, MODE, shape=(3, 12), weight_scale=None),
    "dense, no bias": dense(14, MODE, bias_limit=None),
    "dense, int32 bias": with_int32_bias(dense(15, MODE, shape=(3, 12))),
    "dense, 515 products": dense(16, MODE, shape=(1, 515), depth=515, fill=127, scales=(1e-3, 90.0)),
    "dense, 516 products": dense(17, MODE, shape=(1, 516), depth=516, fill=127, scales=(1e-3, 90.0)),
    **named("conv", convs(25, MODE)),
    **named("depthwise", depthwises(25, MODE)),
    **named("dense", denses(25, MODE)),
    **{f"conv {name}": conv(30, MODE, fused=name, scales=(1e-4, 1e-3)) for name in ACTIVATIONS},
    **{f"add {n}": add(40, [(2, 3, 4)] * 2, (1e-3, 3e-4, 2e-3), n) for n in ACTIVATIONS},
    "add, broadcast": add(41, [(2, 3, 4), (3, 1)], (1e-3, 2e-3, 1.7e-3)),
    "add, one scale": add(42, [(50,), (50,)], (1e-3, 1e-3, 1e-3)),
    "add, far scales": add(43, [(50,), (50,)], (1e-3, 1e-7, 1.3e-3)),
    **{f"{k} {n}": pool(k, n) for k in ("MAX_POOL_2D", "AVERAGE_POOL_2D") for n in ACTIVATIONS},
    "MAX_POOL_2D VALID": pool("MAX_POOL_2D", padding=1, size=3),
    "AVERAGE_POOL_2D VALID": pool("AVERAGE_POOL_2D", padding=1, size=3),
    "mean of images": mean([1, 2], 1e-3, 7e-4),
    "mean of channels": mean([3], 1e-3, 1e-3),
    "mean of all": mean([1, 2, 3], 1e-3, 2e-4),
    **{f"softmax {d} {s}": softmax(d, s) for d in (1, 2, 10, 300) for s in (1e-5, 2e-4, 1e-3, 0.02)},
    "softmax, beta": softmax(10, 1e-3, beta=0.37),
    **{f"many LOGISTIC {s}": many("LOGISTIC", s, 2.0**-15) for s in (2.0**-12, 2e-5, 1e-3, 0.4, 2.6)},
    "many RELU": many("RELU", 1e-3, 1e-3),
    "many RELU, other scale": many("RELU", 1e-3, 1.7e-3),
    "many RELU6": many("RELU6", 1e-3, 1e-3),
    "many QUANTIZE": many("QUANTIZE", 1e-3, 0.7e-3),
    "dequantize": one("DEQUANTIZE", [int16((1, 64))], TensorSpec((1, 64), "float32")),
    "quantize": one("QUANTIZE", [TensorSpec((1, 64), "float32")], int16((1, 64))),
    "reshape": one("RESHAPE", [int16((1, 8, 8))], int16((1, 64)), "ReshapeOptions", NewShape=[1, 64]),
    "pad": pad(),
    "concatenation": one(
        "CONCATENATION", [int16((2, 3, 4)), int16((2, 1, 4))], int16((2, 4, 4)), "ConcatenationOptions", Axis=1
    ),
}


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Result]:
    return run_cases(CASES, tmp_path_factory.mktemp("int16"))


@pytest.mark.parametrize("name", CASES)
def test_equals_tflm(results: dict[str, Result], name: str) -> None:
    results[name].check()
