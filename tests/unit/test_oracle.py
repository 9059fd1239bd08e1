"""The oracle: TFLM and LiteRT in their own process, and what happens if they cannot run a model."""

import re
import sys
from pathlib import Path

import numpy as np
import pytest
import tflite
from raw_tflite import RawModel, RawOp, RawTensor

from tools import oracle
from tools.errors import MissingTool, ModelError
from tools.graph import read
from tools.oracle import layers, parts

RELU = RawModel().data()  # int8 (1, 4), scale 0.5, zero point 0 on both sides
FLOAT = {"type": tflite.TensorType.FLOAT32, "scales": (), "zero_points": ()}
X = np.array([[-128, -1, 0, 127], [1, 2, -3, 4], [5, -6, 7, -8]], np.int8)

needs_tflm = pytest.mark.skipif(
    not oracle.is_installed(oracle.TFLM), reason="tflite-micro has no wheel for this machine"
)


@needs_tflm
def test_integer_model_is_exact_and_every_sample_is_run() -> None:
    found = oracle.expected(RELU, [X])
    assert found.exact and found.note is None and found.oracle.startswith("tflite-micro ")
    assert [a.dtype for a in found.outputs] == [np.int8]
    np.testing.assert_array_equal(found.outputs[0], np.maximum(X, 0))


@needs_tflm
def test_several_inputs_and_outputs_keep_their_order() -> None:
    tensors = [RawTensor(name) for name in ("a", "b", "ra", "rb")]
    model = RawModel(tensors, [RawOp((0,), (2,)), RawOp((1,), (3,))], inputs=(1, 0), outputs=(2, 3)).data()
    found = oracle.expected(model, [X, np.negative(X[::-1])])
    np.testing.assert_array_equal(found.outputs[0], np.maximum(np.negative(X[::-1]), 0))
    np.testing.assert_array_equal(found.outputs[1], np.maximum(X, 0))


def test_float_model_is_left_to_litert() -> None:
    model = RawModel([RawTensor("in", **FLOAT), RawTensor("out", **FLOAT)]).data()
    x = np.array([[-1.5, 0, 2.25, 1e30]], np.float32)
    found = oracle.expected(model, [x])
    assert not found.exact and found.note is None and found.oracle.startswith("ai-edge-litert ")
    np.testing.assert_array_equal(found.outputs[0], np.maximum(x, 0))


@needs_tflm
def test_each_interpreter_defines_its_operators_of_a_model_of_integers_and_floats() -> None:
    """As the converter writes it where it has no integer kernel."""
    tensors = [RawTensor(name) for name in ("in", "relu")]
    tensors += [RawTensor(name, **FLOAT) for name in ("float", "rounded")] + [RawTensor("out"), RawTensor("last")]
    kinds = ("RELU", "DEQUANTIZE", "FLOOR", "QUANTIZE", "RELU6")
    ops = [RawOp((i,), (i + 1,), kind) for i, kind in enumerate(kinds)]
    model = RawModel(tensors, ops, outputs=(5,)).data()
    found = oracle.expected(model, [X])
    assert re.fullmatch(r"tflite-micro \S+, ai-edge-litert \S+ for FLOOR", found.oracle)
    assert not found.exact and found.note is None
    np.testing.assert_array_equal(found.outputs[0], np.minimum(np.maximum(X, 0) // 2 * 2, 12))
    rows = layers.outputs(oracle.TFLM, model, read.read(model, "m"), [X], "m")
    assert [None if row is None else row.dtype.name for row in rows] == ["int8", "float32", "float32", "int8", "int8"]
    np.testing.assert_array_equal(rows[-1].reshape(X.shape), found.outputs[0])


def test_whose_integers_are_defined_by_tflm() -> None:
    floats = RawModel([RawTensor("in", **FLOAT), RawTensor("out", **FLOAT)]).data()
    assert oracle.is_defined_by_tflm(RELU, "m") and not oracle.is_defined_by_tflm(floats, "m")


@needs_tflm
def test_every_layer_of_a_float_model_is_computed_by_whom_it_is_asked_of(monkeypatch: pytest.MonkeyPatch) -> None:
    model = RawModel([RawTensor("in", **FLOAT), RawTensor("out", **FLOAT)]).data()
    monkeypatch.setattr(oracle, "defined", lambda *_: pytest.fail("LiteRT defines floats, so this is LiteRT's result"))
    (row,) = layers.outputs(oracle.TFLM, model, read.read(model, "m"), [X.astype(np.float32)], "m")
    np.testing.assert_array_equal(row.reshape(X.shape), np.maximum(X, 0).astype(np.float32))


def test_without_tflm_the_difference_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(oracle, "is_installed", lambda package: package == oracle.LITERT)
    found = oracle.expected(RELU, [X])
    assert not found.exact and found.oracle.startswith("ai-edge-litert ")
    assert found.note is not None and "there is no tflite-micro package" in found.note
    np.testing.assert_array_equal(found.outputs[0], np.maximum(X, 0))


def test_without_any_interpreter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(oracle, "is_installed", lambda package: False)
    with pytest.raises(MissingTool, match="pip install ai-edge-litert"):
        oracle.expected(RELU, [X])


@pytest.mark.parametrize(
    "x",
    [X.astype(np.float32), X.astype(np.uint8), X[:, :3], X.reshape(3, 2, 2)],
    ids=["float", "uint8", "short", "other shape"],
)
def test_inputs_that_do_not_fit(x: np.ndarray) -> None:
    with pytest.raises(ModelError, match=r"input 'in' of m takes int8 of shape \(4,\) per sample"):
        oracle.expected(RELU, [x], "m")


def test_operator_nobody_has() -> None:
    model = RawModel(ops=[RawOp(kind="CUSTOM", custom="NobodyHasIt")]).data()
    with pytest.raises(ModelError, match=r"it has no kernel for the custom operator NobodyHasIt$"):
        oracle.expected(model, [X], "m")


@pytest.mark.skipif(not oracle.is_installed(oracle.LITERT), reason="needs the ai-edge-litert package")
def test_an_operator_without_a_reference_kernel_is_run_by_the_default_kernels() -> None:
    tensors = [RawTensor(name, type=tflite.TensorType.FLOAT32, scales=(), zero_points=()) for name in ("in", "out")]
    found = oracle.expected(RawModel(tensors, [RawOp(kind="ELU")]).data(), [X.astype(np.float32)], "m")
    assert found.oracle.startswith("ai-edge-litert (optimized kernels) ") and not found.exact
    np.testing.assert_allclose(
        found.outputs[0], np.where(X < 0, np.expm1(np.minimum(X, 0).astype(np.float32)), X), rtol=1e-5
    )


@needs_tflm
def test_the_least_arena_computes_the_same_and_needs_no_samples() -> None:
    roomy, tight = (oracle.run(oracle.TFLM, RELU, [X], "m", least_arena=least) for least in (False, True))
    assert tight.arena_bytes < roomy.arena_bytes and len(tight.invoke_us) == len(X)
    np.testing.assert_array_equal(tight.outputs[0], roomy.outputs[0])
    none = oracle.run(oracle.TFLM, RELU, [X[:0]], "m", least_arena=True)
    assert none.arena_bytes == tight.arena_bytes and none.invoke_us == ()


@needs_tflm
def test_an_operator_that_tflm_has_no_kernel_for_is_named() -> None:
    model = RawModel(ops=[RawOp(kind="TOPK_V2")]).data()
    with pytest.raises(ModelError, match=r"^tflite-micro cannot run m: it has no kernel for TOPK_V2$"):
        oracle.run(oracle.TFLM, model, [X], "m", least_arena=True)


def test_time_limit() -> None:
    with pytest.raises(ModelError, match=r"did not finish m within 0\.001 s"):
        oracle.expected(RELU, [X], "m", timeout_s=0.001)


def test_abort_of_the_interpreter_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    aborts = tmp_path / "python"
    aborts.write_text("#!/bin/sh\necho 'check failed: tensor != nullptr' >&2\nkill -ABRT $$\n")
    aborts.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(aborts))
    with pytest.raises(ModelError, match=r"crashed on m, exit code -6: check failed: tensor != nullptr"):
        oracle.expected(RELU, [X], "m")


@pytest.mark.skipif(not oracle.is_installed(oracle.LITERT), reason="needs the ai-edge-litert package")
def test_state_is_not_an_input_of_a_part() -> None:
    """No operator computes the state: in each part, the interpreter keeps it, as in the whole model."""
    tensors = [RawTensor("in"), RawTensor("out"), RawTensor("state", variable=True)]
    model = RawModel(tensors, [RawOp((0, 2), (1,), "ADD", options="AddOptions")]).data()
    graph = read.read(model, "m")
    for piece in (parts.cut(model, graph, [0], [1], "m"), parts.apart(model, graph, "m")):
        assert (piece.reads, piece.gives) == ((0,), (1,))
        again = read.read(piece.tflite, "piece")
        assert [tensor.name for tensor in again.states] == ["state"] and len(again.inputs) == 1
