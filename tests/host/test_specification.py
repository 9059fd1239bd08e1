"""Kernels that do not convert: every entry of the tables, verified in the interpreters, and the refusals it causes."""

from collections.abc import Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import tflite
from single_op import OpSpec, TensorSpec, build, single_op
from test_svdf import svdf

from tools import oracle, targets
from tools.errors import UnsupportedModel
from tools.graph import ops, read, specification
from tools.graph.ir import DType, Graph, Op, Quantization, Tensor
from tools.oracle import layers
from tools.runtimes import aot, tflm

needs_tflm = pytest.mark.skipif(
    not oracle.is_installed(oracle.TFLM), reason="tflite-micro has no wheel for this machine"
)

SHAPE = (1, 4, 4, 4)
X = np.random.default_rng(0).integers(-128, 128, (1, *SHAPE), np.int8)
POOL = {"Padding": 1, "StrideW": 2, "StrideH": 2, "FilterWidth": 2, "FilterHeight": 2}


def ints(*rows: Any) -> TensorSpec:
    values = np.array(rows, np.int32)
    return TensorSpec(values.shape, "int32", data=values)


# Of each operator: inputs beside the first, which "x" stands for; the output's shape; options.
ONE_QUANTIZATION: dict[str, tuple[Sequence[Any], Sequence[int], str | None, dict[str, Any]]] = {
    "BATCH_TO_SPACE_ND": ((ints(1, 1), ints([0, 0], [0, 0])), SHAPE, None, {}),
    "BROADCAST_TO": ((ints(2, 4, 4, 4),), (2, 4, 4, 4), None, {}),
    "DEPTH_TO_SPACE": ((), (1, 8, 8, 1), "DepthToSpaceOptions", {"BlockSize": 2}),
    "DYNAMIC_UPDATE_SLICE": (("x", ints(0, 0, 0, 0)), SHAPE, None, {}),
    "EXPAND_DIMS": ((ints(0),), (1, *SHAPE), None, {}),
    "GATHER": ((ints(1, 0),), (1, 2, 4, 4), "GatherOptions", {"Axis": 1}),
    "GATHER_ND": ((ints([0]),), (1, 4, 4, 4), None, {}),
    "MAXIMUM": (("x",), SHAPE, None, {}),
    "MINIMUM": (("x",), SHAPE, None, {}),
    "MIRROR_PAD": ((ints([0, 0], [1, 1], [1, 1], [0, 0]),), (1, 6, 6, 4), "MirrorPadOptions", {}),
    "PACK": (("x",), (2, *SHAPE), "PackOptions", {"ValuesCount": 2}),
    "PAD": ((ints([0, 0], [1, 1], [1, 1], [0, 0]),), (1, 6, 6, 4), None, {}),
    "RESHAPE": ((ints(1, 64),), (1, 64), None, {}),
    "RESIZE_BILINEAR": ((ints(8, 8),), (1, 8, 8, 4), "ResizeBilinearOptions", {}),
    "RESIZE_NEAREST_NEIGHBOR": ((ints(8, 8),), (1, 8, 8, 4), "ResizeNearestNeighborOptions", {}),
    "REVERSE_V2": ((ints(1),), SHAPE, None, {}),
    "SLICE": ((ints(0, 0, 0, 0), ints(1, 2, 2, 4)), (1, 2, 2, 4), None, {}),
    "SPACE_TO_BATCH_ND": ((ints(2, 2), ints([0, 0], [0, 0])), (4, 2, 2, 4), None, {}),
    "SPACE_TO_DEPTH": ((), (1, 2, 2, 16), "SpaceToDepthOptions", {"BlockSize": 2}),
    "SQUEEZE": ((), (4, 4, 4), "SqueezeOptions", {"SqueezeDims": [0]}),
    "STRIDED_SLICE": ((ints(0, 0, 0, 0), ints(1, 2, 2, 4), ints(1, 1, 1, 1)), (1, 2, 2, 4), "StridedSliceOptions", {}),
    "TRANSPOSE": ((ints(0, 3, 1, 2),), (1, 4, 4, 4), None, {}),
}
# TFLM refuses these itself where the quantization differs (CONCATENATION, pools, reductions), or has no int8 kernel
# that a model of one operator reaches.
CHECKED_BY_TFLM = {"AVERAGE_POOL_2D", "CONCATENATION", "MAX_POOL_2D", "REDUCE_MAX", "REDUCE_MIN"}
OTHERS = {"EMBEDDING_LOOKUP", "FILL", "PADV2", "SELECT", "SELECT_V2", "SPLIT", "SPLIT_V", "UNPACK", "TILE"}
VARIABLES = {"READ_VARIABLE", "ASSIGN_VARIABLE"}  # no operators of their own


def test_every_operator_of_the_table_is_tried() -> None:
    kinds = {name for name in vars(tflite.BuiltinOperator) if name.isupper()}
    declared = {kind for kind in kinds if (known := ops.lookup(kind)) and known.one_quantization}
    assert set(ONE_QUANTIZATION) | CHECKED_BY_TFLM | OTHERS | VARIABLES == declared


@needs_tflm
def test_no_kernel_of_the_table_looks_at_the_scale() -> None:
    """The integers are the same whatever the output's scale, so the real numbers that they stand for would differ."""
    found = []
    for output_scale in (0.1, 0.061):
        x = TensorSpec(SHAPE, "int8", 0.1, 3)
        ops = []
        for kind, (others, shape, table, options) in ONE_QUANTIZATION.items():
            inputs = [x, *(x if other == "x" else other for other in others)]
            ops.append(OpSpec(kind, inputs, [TensorSpec(shape, "int8", output_scale, 3)], table, options))
        found.append(oracle.outputs(oracle.TFLM, build(ops), [X], "all"))
    for kind, same, other in zip(ONE_QUANTIZATION, *found, strict=True):
        np.testing.assert_array_equal(same, other, err_msg=kind)


def relu6(output_scale: float = 0.0235, output_zero_point: int = -128, input_scale: float = 0.1) -> bytes:
    source, output = (
        TensorSpec(SHAPE, "int8", input_scale, 3),
        TensorSpec(SHAPE, "int8", output_scale, output_zero_point),
    )
    return single_op("RELU6", [source], [output])


def steps_off(found: np.ndarray, real: np.ndarray, scale: float, zero_point: int) -> float:
    return float(np.abs(found - np.clip(real / scale + zero_point, -128, 127)).max())


def real_inputs(scale: float, zero_point: int) -> np.ndarray:
    return (X.astype(np.float64) - zero_point) * scale


LEFT_OUT = {  # operator → input (scale, zero point), output (scale, zero point), what it is, whether LiteRT has it
    "RELU6": ((0.1, 3), (0.0235, -128), lambda x: np.clip(x, 0, 6), True),
    "TANH": ((0.02, 3), (0.01, 0), np.tanh, True),
    "L2_NORMALIZATION": ((0.1, 3), (0.01, 0), lambda x: x / np.sqrt((x**2).sum(-1, keepdims=True)), False),
    "ZEROS_LIKE": ((0.1, 0), (0.1, 20), np.zeros_like, False),
    "CUMSUM": ((0.01, -20), (0.04, -20), lambda x: np.cumsum(x, 2), False),
    "ADD_N": ((0.01, -20), (0.04, -20), lambda x: 2 * x, False),
}


@needs_tflm
@pytest.mark.parametrize("kind", LEFT_OUT)
def test_what_tflm_leaves_out(kind: str) -> None:
    (scale, zero_point), (output_scale, output_zero_point), function, litert_has_it = LEFT_OUT[kind]
    source = TensorSpec(SHAPE, "int8", scale, zero_point)
    inputs = [source, *{"ADD_N": [source], "CUMSUM": [ints(1)]}.get(kind, [])]
    table = {"CUMSUM": "CumsumOptions", "L2_NORMALIZATION": "L2NormOptions"}.get(kind)
    model = single_op(kind, inputs, [TensorSpec(SHAPE, "int8", output_scale, output_zero_point)], table)
    real = function(real_inputs(scale, zero_point))
    tflm_found = oracle.outputs(oracle.TFLM, model, [X], "m")[0].reshape(X.shape)
    assert steps_off(tflm_found, real, output_scale, output_zero_point) > 4
    if litert_has_it:
        litert_found = oracle.outputs(oracle.LITERT, model, [X], "m")[0].reshape(X.shape)
        assert steps_off(litert_found, real, output_scale, output_zero_point) < 0.51

    graph = read.read(model, "m")
    assert specification.left_out_by_tflm(graph.ops[0], graph)
    with pytest.raises(UnsupportedModel, match=rf"operator 0 {kind} .*: TFLM's kernel .*its results would be wrong"):
        tflm.check(graph, targets.find("host"))


def test_relu6_of_two_scales_is_for_aot_alone() -> None:
    aot.compile(relu6(), "m", targets.find("stm32f4"))
    for name in ("stm32f4", "host"):
        with pytest.raises(UnsupportedModel, match=r"does not convert from 'tensor0' .int8, scale 0.1, zero point 3."):
            tflm.compile(relu6(), "m", targets.find(name))
        tflm.compile(relu6(0.1, 3), "m", targets.find(name))


@pytest.mark.parametrize(
    ("change", "refused"),
    [
        ({}, False),
        ({"scales": (0.1000000001,)}, False),  # another float32 on the way
        ({"scales": (0.1001,)}, True),
        ({"zero_points": (1,)}, True),
        ({"scales": (0.1, 0.1), "zero_points": (0, 0)}, True),
    ],
)
@pytest.mark.parametrize(("kind", "position"), [("RESHAPE", 0), ("CONCATENATION", 1), ("SELECT_V2", 2), ("SPLIT", 1)])
def test_different_quantization_is_refused_by_name(
    kind: str, position: int, change: dict[str, Any], refused: bool
) -> None:
    same = Quantization((0.1,), (0,))
    tensors = [Tensor(i, f"t{i}", (2, 3), DType.INT8, same) for i in range(4)]
    tensors[position] = replace(tensors[position], quantization=replace(same, **change))
    op = Op(7, kind, "block/layer", (0, 1, 2), (3,), SimpleNamespace(activation="NONE"))
    graph = Graph("m", "", 0, tuple(tensors), (op,), (0, 1, 2), (3,))
    if not refused:
        specification.check(op, graph)
        return
    with pytest.raises(UnsupportedModel) as caught:
        specification.check(op, graph)
    assert str(caught.value).startswith(f"operator 7 {kind} 'block/layer': 't{position}' (int8, ")
    assert f"have different quantization, but no {kind} kernel converts" in str(caught.value)


@pytest.mark.parametrize("kind", ["RESHAPE", "PAD", "MAX_POOL_2D", "AVERAGE_POOL_2D"])
def test_both_runtimes_refuse_what_no_interpreter_converts(kind: str) -> None:
    others, shape, table, options = ONE_QUANTIZATION.get(kind, ((), (1, 2, 2, 4), "Pool2DOptions", POOL))
    source, output = TensorSpec(SHAPE, "int8", 0.1, 3), TensorSpec(shape, "int8", 0.061, 3)
    model = single_op(kind, [source, *others], [output], table, **options)
    for runtime in (aot, tflm):
        with pytest.raises(UnsupportedModel, match=f"operator 0 {kind} .* have different quantization, but no {kind}"):
            runtime.compile(model, "m", targets.find("stm32f4"))


def test_a_fused_activation_that_interpreters_leave_out_is_refused() -> None:
    x, y = TensorSpec(SHAPE, "int8", 0.1), TensorSpec((1, 2, 2, 4), "int8", 0.1)
    model = single_op("MAX_POOL_2D", [x], [y], "Pool2DOptions", **POOL, FusedActivationFunction=4)
    for runtime in (aot, tflm):
        with pytest.raises(UnsupportedModel, match="the fused activation TANH has no kernel"):
            runtime.compile(model, "m", targets.find("stm32f4"))


def with_state(*beside: OpSpec) -> tuple[bytes, list[np.ndarray]]:
    """A layer that keeps state, with another operator beside it, and three samples of both inputs."""
    (layer,) = svdf("int8")
    inputs = [layer.inputs[0], beside[0].inputs[0]]
    data = build([layer, *beside], inputs, [layer.outputs[0], beside[-1].outputs[0]])
    return data, [np.ones((3, *tensor.shape), tensor.dtype) for tensor in inputs if tensor is not None]


@needs_tflm
def test_in_a_model_with_state_litert_still_defines_what_tflm_leaves_out() -> None:
    x, y = TensorSpec((2, 3), "int8", 0.1, 3), TensorSpec((2, 3), "int8", 0.05, -9)
    found = oracle.expected(*with_state(OpSpec("RELU6", [x], [y])), "net")
    assert found.oracle.endswith("for RELU6") and found.exact


@needs_tflm
def test_tflm_runs_all_of_a_model_of_integers_and_floats_that_keeps_state() -> None:
    x, y = TensorSpec((2, 3), "float32"), TensorSpec((2, 3), "float32")
    data, inputs = with_state(OpSpec("EXP", [x], [y]))
    found = oracle.expected(data, inputs, "net")
    assert found.oracle.startswith(oracle.TFLM) and oracle.LITERT not in found.oracle
    layers_of = layers.outputs(oracle.TFLM, data, read.read(data, "net"), inputs, "net")
    for whole, layer in zip(found.outputs, layers_of, strict=True):
        assert layer is not None
        np.testing.assert_array_equal(layer.reshape(whole.shape), whole)
