"""--stateful: a recurrent Keras model that computes one step per inference and keeps its state."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tools import oracle, pipeline, quantize
from tools.errors import QuantizeError, UsageError
from tools.oracle import signature
from tools.pipeline import places
from tools.progress import Progress
from tools.quiet import without_warnings
from tools.values import Quantized, Request, Trained

pytestmark = pytest.mark.tf
SEQUENCES, STEPS, DEPTH = 12, 5, 3


def network(keras: Any) -> Any:
    """Layers whose state is kept by an operator and by variables, some of which return all steps."""
    layers = keras.layers
    x = keras.Input((None, DEPTH))
    branches = [
        layers.LSTM(3)(layers.LSTM(4, return_sequences=True)(x)),
        layers.LSTM(2, activation="relu")(x),
        layers.GRU(3)(layers.TimeDistributed(layers.Dense(4))(x)),
        layers.SimpleRNN(3)(x),
    ]
    model = keras.Model(x, layers.Dense(2)(layers.Concatenate()(branches)))
    rng = np.random.default_rng(0)
    model.set_weights([rng.normal(0, 0.5, array.shape) for array in model.get_weights()])
    return model


@pytest.fixture(scope="module")
def folder(keras: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """model.keras of an open length, samples.npz whose first two sequences are the same, and the outputs for them."""
    folder = tmp_path_factory.mktemp("stateful")
    model = network(keras)
    x = np.random.default_rng(1).normal(size=(SEQUENCES, STEPS, DEPTH)).astype(np.float32)
    x[1] = x[0]
    with without_warnings():
        model.save(folder / "model.keras")
        np.savez(folder / "samples.npz", x=x)
        np.save(folder / "wanted.npy", model.predict(x, verbose=0))
    return folder


def converted(folder: Path, mode: str, stateful: bool = True) -> Quantized:
    source = Trained("model", folder / "model.keras", None)
    return quantize.quantize(source, mode, folder / "samples.npz", folder / mode, stateful=stateful)


@pytest.mark.soak
def test_float32_computes_what_keras_does_for_whole_sequences(folder: Path) -> None:
    vectors = converted(folder, "float32").vectors
    assert (vectors.samples, vectors.steps, len(vectors.sequences)) == (SEQUENCES * STEPS, STEPS, SEQUENCES)
    last = vectors.labelled(vectors.expected[0])
    np.testing.assert_allclose(last, np.load(folder / "wanted.npy"), rtol=1e-4, atol=1e-5)
    some = vectors.spread(3)
    assert np.array_equal(some.inputs[0][STEPS : 2 * STEPS], vectors.inputs[0][4 * STEPS : 5 * STEPS])


@pytest.mark.compiler
@pytest.mark.parametrize("mode", ["int8", pytest.param("int16x8", marks=pytest.mark.soak)])
def test_integers_run_with_tflms_numbers(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    cache = places.cache()
    monkeypatch.setattr(places, "BUILD", tmp_path)
    monkeypatch.setattr(places, "cache", lambda: cache)
    model, data = str(folder / "model.keras"), str(folder / "samples.npz")
    ask = Request(model, data=data, mode=mode, target="host", stateful=True, samples=SEQUENCES)
    outcome = pipeline.run(ask, Progress())
    measurement = outcome.measurement
    assert (measurement.samples, measurement.mismatches) == (SEQUENCES * STEPS, 0)
    assert measurement.quantities["sequence_length"] == STEPS
    assert outcome.built is not None
    quantized = outcome.built.rendered.compiled.quantized
    vectors = quantized.vectors
    assert vectors.oracle.startswith(oracle.TFLM)
    steps = vectors.expected[0].reshape(SEQUENCES, STEPS, -1)
    assert np.array_equal(steps[0], steps[1]), "the state is reset before each sequence"
    kept = oracle.run(oracle.TFLM, quantized.tflite, vectors.inputs, "model", period=0).outputs[0]
    assert np.array_equal(kept[:STEPS], steps[0]) and not np.array_equal(kept[STEPS : 2 * STEPS], steps[1])
    (output,), wanted = signature.read(quantized.tflite, "model").outputs, np.load(folder / "wanted.npy")
    found = output.dequantize(vectors.labelled(vectors.expected[0]))
    assert np.abs(found - wanted).max() < 0.15 * np.abs(wanted).max()


@pytest.mark.parametrize(
    ("recurrent", "reason"),
    [
        (False, "has no recurrent layer"),
        pytest.param(True, "does not give the same result step by step", marks=pytest.mark.soak),
    ],
)
def test_what_cannot_be_stepped_is_refused(keras: Any, tmp_path: Path, recurrent: bool, reason: str) -> None:
    layers = keras.layers
    path = tmp_path / "model.keras"
    layer = layers.Bidirectional(layers.LSTM(2)) if recurrent else layers.Dense(2)
    with without_warnings():
        keras.Sequential([layers.Input((4, 3)), layer]).save(path)
    with pytest.raises(QuantizeError, match=rf"model.keras {reason}.*omit --stateful"):
        quantize.quantize(Trained("model", path, None), "float32", None, tmp_path, stateful=True)


def test_a_converted_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "made.tflite").write_bytes(b"")
    with pytest.raises(UsageError, match=r"made\.tflite"):
        pipeline.quantize(Request(str(tmp_path / "made.tflite"), stateful=True), Progress())
