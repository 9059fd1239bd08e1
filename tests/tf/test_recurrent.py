"""Recurrent layers of Keras 3 and Keras 2, rolled or not: converted, and run with TFLM's numbers."""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tools import model_files, pipeline, quantize
from tools.errors import QuantizeError
from tools.graph import read
from tools.pipeline import places
from tools.progress import Progress
from tools.quiet import without_warnings
from tools.values import Quantized, Request, Trained

pytestmark = pytest.mark.tf
LSTM = "UNIDIRECTIONAL_SEQUENCE_LSTM"
FUSED = 5  # LSTM layers of network() that become a single operator
STEPS, DEPTH = 4, 3


def network(keras: Any) -> Any:
    """Every kind of recurrent layer side by side, with no weight equal to 0."""
    layers = keras.layers
    x = keras.Input((STEPS, DEPTH))
    branches = [
        layers.LSTM(3)(layers.LSTM(4, return_sequences=True)(x)),
        layers.LSTM(2, unroll=True)(x),
        layers.Bidirectional(layers.LSTM(2))(x),
        layers.LSTM(2, activation="relu")(x),
        layers.GRU(3)(x),
        # TensorFlow writes an invalid file for Keras 2's GRU without reset_after, which is refused.
        layers.GRU(2, unroll=True, reset_after=keras.__name__ == "tf_keras")(x),
        layers.SimpleRNN(3)(x),
        layers.RNN([layers.GRUCell(2), layers.LSTMCell(2)])(x),
    ]
    model = keras.Model(x, layers.Dense(2)(layers.Concatenate()(branches)))
    rng = np.random.default_rng(0)
    model.set_weights([rng.normal(0, 0.5, array.shape) for array in model.get_weights()])
    return model


@pytest.fixture(scope="module")
def folder(keras: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """model.keras, samples.npz and the model's outputs for them."""
    folder = tmp_path_factory.mktemp("recurrent")
    model, x = network(keras), np.random.default_rng(1).normal(size=(40, STEPS, DEPTH)).astype(np.float32)
    with without_warnings():
        model.save(folder / "model.keras")
        np.savez(folder / "samples.npz", x=x)
        np.save(folder / "wanted.npy", model.predict(x, verbose=0))
    return folder


def converted(folder: Path, mode: str) -> Quantized:
    source = Trained("model", folder / "model.keras", None)
    return quantize.quantize(source, mode, folder / "samples.npz", folder / mode)


@pytest.mark.soak
def test_float32_computes_what_keras_does(folder: Path) -> None:
    made = converted(folder, "float32")
    np.testing.assert_allclose(made.vectors.expected[0], np.load(folder / "wanted.npy"), rtol=1e-4, atol=1e-5)
    graph = read.read(made.tflite, "model")
    assert graph.subgraphs == () and Counter(op.kind for op in graph.ops)[LSTM] == FUSED
    assert not made.vectors.in_sequence  # each sample is a whole sequence


@pytest.mark.compiler
def test_int8_runs_with_tflms_numbers(
    keras: Any, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = places.cache()
    monkeypatch.setattr(places, "BUILD", tmp_path)
    monkeypatch.setattr(places, "cache", lambda: cache)
    model, data = str(folder / "model.keras"), str(folder / "samples.npz")
    ask = Request(model=model, data=data, mode="int8", target="host")
    outcome = pipeline.run(ask, Progress())
    assert outcome.measurement.mismatches == 0
    made = outcome.built.rendered.compiled.quantized
    graph = read.read(made.tflite, "model")
    assert Counter(op.kind for op in graph.ops)[LSTM] == FUSED
    output, wanted = graph.tensors[graph.outputs[0]], np.load(folder / "wanted.npy")
    found = (made.vectors.expected[0].astype(np.float32) - output.zero_point) * output.scale
    assert np.abs(found - wanted).max() < 0.15 * np.abs(wanted).max()


def test_an_open_sequence_length_is_refused(tmp_path: Path) -> None:
    keras = pytest.importorskip("keras")
    model = keras.Sequential([keras.layers.Input((None, DEPTH)), keras.layers.GRU(4)])
    with without_warnings():
        model.save(tmp_path / "open.keras")
    with pytest.raises(QuantizeError, match=r"has no fixed sequence length.*Input\(\(LENGTH, 3\)\)"):
        model_files.load(tmp_path / "open.keras", tmp_path / "log")


def test_what_tensorflow_cannot_convert_is_refused_in_one_sentence(tmp_path: Path) -> None:
    """TensorFlow 2.21 gives up on the sum of a recurrent layer of one unit and its input."""
    keras = pytest.importorskip("keras")
    x = keras.Input((6, 1))
    model = keras.Model(x, keras.layers.Add()([keras.layers.GRU(1, return_sequences=True)(x), x]))
    with without_warnings():
        model.save(tmp_path / "sum.keras")
    with pytest.raises(QuantizeError) as caught:
        quantize.quantize(Trained("sum", tmp_path / "sum.keras", None), "float32", None, tmp_path / "float32")
    assert str(caught.value).startswith("TensorFlow cannot convert sum.keras: ") and "\n" not in str(caught.value)
