"""Doubts about the oracle: operators that LiteRT defines, and what a second opinion finds in a wrong oracle."""

from pathlib import Path

import numpy as np
import pytest
import tflite
from single_op import OpSpec, TensorSpec, build

from tools import oracle, quantize
from tools.graph import read, specification
from tools.oracle import layers, opinion, parts, signature
from tools.progress import Progress
from tools.values import Quantized, SecondOpinion, Trained

RNG = np.random.default_rng(0)
SHAPE = (1, 8, 8, 2)
X = RNG.integers(-128, 128, (6, *SHAPE), np.int8)

needs_both = pytest.mark.skipif(
    not (oracle.is_installed(oracle.TFLM) and oracle.is_installed(oracle.LITERT)),
    reason="tflite-micro has no wheel for this machine",
)


def relu6_before_a_convolution() -> bytes:
    """How the converter writes ReLU(max_value=6) → Conv2D → GlobalAveragePooling2D: the RELU6 has two scales."""
    x = TensorSpec(SHAPE, "int8", 0.13, 2, name="x")
    clipped = TensorSpec(SHAPE, "int8", 6 / 255, -128, name="clipped")
    weights = TensorSpec((4, 3, 3, 2), "int8", [0.004] * 4, data=RNG.integers(-127, 128, (4, 3, 3, 2), np.int8))
    bias = TensorSpec((4,), "int32", [0.004 * 6 / 255] * 4, data=np.zeros(4, np.int32))
    made = TensorSpec((1, 6, 6, 4), "int8", 0.12, 5, name="made")
    mean = TensorSpec((1, 4), "int8", 0.08, 5, name="mean")
    axes = TensorSpec((2,), "int32", data=np.array([1, 2], np.int32))
    window = {"Padding": tflite.Padding.VALID, "StrideW": 1, "StrideH": 1, "DilationWFactor": 1, "DilationHFactor": 1}
    return build(
        [
            OpSpec("RELU6", [x], [clipped]),
            OpSpec("CONV_2D", [clipped, weights, bias], [made], "Conv2DOptions", window),
            OpSpec("MEAN", [made, axes], [mean], "ReducerOptions"),
        ]
    )


MODEL = relu6_before_a_convolution()


@needs_both
def test_litert_defines_one_operator_and_tflm_the_others() -> None:
    graph = read.read(MODEL, "m")
    assert [(part.package, part.ops) for part in parts.split(graph)] == [(oracle.LITERT, (0,)), (oracle.TFLM, (1, 2))]
    found = oracle.expected(MODEL, [X], "m")
    assert found.exact and found.note is None
    assert found.oracle.startswith("tflite-micro ") and found.oracle.endswith(" for RELU6")

    clipped, made, mean = layers.outputs(oracle.TFLM, MODEL, graph, [X], "m")
    real = np.clip((X.astype(np.float64) - 2) * 0.13, 0, 6)
    np.testing.assert_allclose((clipped.astype(np.float64) + 128) * 6 / 255, real, atol=0.51 * 6 / 255)
    np.testing.assert_array_equal(mean.reshape(found.outputs[0].shape), found.outputs[0])
    rest = parts.cut(MODEL, graph, (1, 2), graph.outputs, "m")
    assert rest.reads == graph.ops[1].inputs[:1] and rest.gives == graph.outputs
    np.testing.assert_array_equal(oracle.outputs(oracle.TFLM, rest.tflite, [clipped], "m")[0], found.outputs[0])
    assert made.shape == (6, 1, 6, 6, 4)


@needs_both
def test_an_oracle_that_agrees_gets_no_doubt() -> None:
    found = opinion.of_litert(MODEL, [X], "m")
    assert found is not None and found.max_steps <= 1 and not found.is_beyond_rounding
    assert found.reference.startswith("ai-edge-litert ")


@needs_both
def test_an_oracle_that_errs_is_found_with_layer_and_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If kerf knew nothing about RELU6, TFLM's numbers would be the oracle's."""
    monkeypatch.setattr(specification, "is_defined_by_litert", lambda op, graph: False)
    found = opinion.of_litert(MODEL, [X], "m")
    assert found is not None and found.is_beyond_rounding
    assert found.layer == "clipped" and found.max_steps > 50

    (tmp_path / "relu6.tflite").write_bytes(MODEL)
    heard = Heard()
    made = adopt(tmp_path, heard)
    assert made.second_opinion == found
    (warning,) = [text for text in heard.warned if "WRONG" in text]
    assert "in layer 'clipped' of relu6.tflite, the oracle differs from ai-edge" in warning
    assert f"by up to {found.max_steps:.0f} steps" in warning
    again = Heard()
    assert adopt(tmp_path, again).second_opinion == found, "kept with the vectors"
    assert warning in again.warned


class Heard(Progress):
    def __init__(self) -> None:
        self.warned: list[str] = []

    def warn(self, text: str) -> None:
        self.warned.append(text)

    def say(self, text: str) -> None:
        pass


def adopt(folder: Path, progress: Progress) -> Quantized:
    source = Trained("relu6", folder / "relu6.tflite", None)
    return quantize.quantize(source, None, None, folder / "made", progress)


@needs_both
def test_litert_errs_itself_and_its_other_kernel_is_asked() -> None:
    """LiteRT's reference SUM of int8 is wrong; its optimized one and TFLM's are not."""
    x, y = TensorSpec((1, 4, 4, 3), "int8", 0.1, 3), TensorSpec((1, 1, 1, 3), "int8", 0.4, 3)
    axes = TensorSpec((2,), "int32", data=np.array([1, 2], np.int32))
    model = build([OpSpec("SUM", [x, axes], [y], "ReducerOptions", {"KeepDims": True})])
    inputs = [RNG.integers(-20, 20, (3, 1, 4, 4, 3), np.int8)]
    ours, theirs = (oracle.outputs(package, model, inputs, "m")[0] for package in (oracle.TFLM, oracle.LITERT))
    assert np.abs(ours.astype(int) - theirs).max() > SecondOpinion.ROUNDING_STEPS
    found = opinion.of_litert(model, inputs, "m")
    assert found is not None and not found.is_beyond_rounding


@needs_both
def test_an_operator_that_only_litert_has() -> None:
    x, low = TensorSpec(SHAPE, "int8", 0.1, 3), TensorSpec(SHAPE, "int8", 1 / 128, 0)
    model = build([OpSpec("RELU_N1_TO_1", [x], [low]), OpSpec("RELU", [low], [TensorSpec(SHAPE, "int8", 1 / 200, 5)])])
    found = oracle.expected(model, [X], "m")
    assert found.exact and found.oracle.endswith(" for RELU_N1_TO_1")
    real = np.clip((X.astype(np.float64) - 3) * 0.1, 0, 1)
    wanted = np.clip(real * 200 + 5, -128, 127).reshape(found.outputs[0].shape)
    assert np.abs(found.outputs[0] - wanted).max() < 1.5


OUTPUT = signature.TensorSpec("y", (1, 4), "int8", 0.1, 0)
SIGNAL = RNG.normal(0, 4, (8, 4))


@pytest.mark.parametrize(
    ("floats", "quantized", "doubted"),
    [
        (SIGNAL, SIGNAL, False),
        (SIGNAL, SIGNAL + RNG.normal(0, 2, (8, 4)), False),  # poor, and still nearer than a constant
        (SIGNAL, SIGNAL[::-1], True),
        (5 + SIGNAL / 1000, 5.4 + SIGNAL / 1000, False),  # hardly varies: a few steps are all of it
        (5 + SIGNAL / 1000, 7 + SIGNAL / 1000, True),
    ],
)
def test_the_float_model_is_contradicted_where_noise_exceeds_signal(
    floats: np.ndarray, quantized: np.ndarray, doubted: bool
) -> None:
    stored = OUTPUT.quantize(quantized)
    found = opinion.of_floats(stored, floats.astype(np.float32), OUTPUT)
    assert (found is not None) == doubted
    if found is not None:
        assert (found.reference, found.layer, found.is_beyond_rounding) == ("float32", "y", True)
        assert found.max_steps == pytest.approx(np.abs(OUTPUT.dequantize(stored) - floats).max() / 0.1, abs=0.06)
