"""Compression: removed filters leave no trace, zeros stay zeros, training for int8, and every refusal."""

import itertools
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tflite

from tools import compress, files, model_files, models, pipeline, quantize, train
from tools.compress import Recipe, Step, channels, network, sparsity
from tools.errors import CompressError, QuantizeError
from tools.models import Data
from tools.oracle import signature
from tools.pipeline import places
from tools.progress import Progress
from tools.quiet import without_warnings
from tools.values import Request, Trained, Vectors

pytestmark = pytest.mark.tf
ROOT = Path(__file__).resolve().parents[2]
QUICK = Recipe(epochs=1, learning_rate=1e-3)


class Heard(Progress):
    """Keeps the messages."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, text: str) -> None:
        self.said.append(text)


@pytest.fixture(scope="module")
def tf(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return model_files.import_tensorflow(tmp_path_factory.mktemp("tf") / "log")


@pytest.fixture(scope="module")
def data() -> Data:
    return models.find("digits").data()


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return train.train("digits", tmp_path_factory.mktemp("digits"), epochs=3)


def seeded(tf: Any) -> Any:
    tf.keras.utils.set_random_seed(1)
    return tf.keras


def residual(tf: Any) -> Any:
    """Additions of a stem, a branch and a widened shortcut, as in ResNet-8."""
    keras = seeded(tf)
    layers = keras.layers
    image = keras.Input((8, 8, 3), name="image")
    x = layers.ReLU(name="stem_relu")(
        layers.BatchNormalization(name="stem_norm")(layers.Conv2D(8, 3, padding="same", name="stem")(image))
    )
    y = layers.Conv2D(8, 3, padding="same", activation="relu", name="a")(x)
    y = layers.BatchNormalization(name="b_norm")(layers.Conv2D(8, 3, padding="same", name="b")(y))
    x = layers.ReLU(name="sum1")(layers.Add(name="add1")([x, y]))
    y = layers.Conv2D(12, 3, 2, padding="same", activation="relu", name="c")(x)
    z = layers.Conv2D(12, 1, 2, name="shortcut")(x)
    x = layers.AveragePooling2D(2, name="pool")(layers.Add(name="add2")([z, y]))
    return keras.Model(image, layers.Dense(4, activation="softmax", name="scores")(layers.Flatten(name="flatten")(x)))


def separable(tf: Any) -> Any:
    """Depthwise convolutions (one with a multiplier) between pointwise ones, as in MobileNet, and a concatenation."""
    keras = seeded(tf)
    layers = keras.layers
    image = keras.Input((8, 8, 3), name="image")
    x = layers.Conv2D(8, 3, padding="same", use_bias=False, name="stem")(image)
    x = layers.ReLU(6.0, name="stem_relu")(layers.BatchNormalization(scale=False, name="stem_norm")(x))
    x = layers.DepthwiseConv2D(3, padding="same", depth_multiplier=2, use_bias=False, name="depthwise")(x)
    x = layers.ReLU(6.0, name="depthwise_relu")(layers.BatchNormalization(name="depthwise_norm")(x))
    x = layers.Conv2D(10, 1, name="pointwise")(x)
    y = layers.SeparableConv2D(6, 3, depth_multiplier=2, padding="same", activation="relu", name="separable")(x)
    x = layers.Concatenate(name="both")([layers.MaxPooling2D(name="left")(x), layers.MaxPooling2D(name="right")(y)])
    x = layers.GlobalAveragePooling2D(name="mean")(layers.SpatialDropout2D(0.1, name="dropout")(x))
    return keras.Model(image, layers.Dense(3, name="scores")(layers.Dense(7, activation="relu", name="hidden")(x)))


def nested(tf: Any) -> Any:
    """A chain that holds a chain, with a layer of the same name in both."""
    keras = seeded(tf)
    layers = keras.layers
    inside = keras.Sequential(
        [keras.Input((6, 6, 4)), layers.Conv2D(8, 3, name="conv"), layers.ReLU(name="relu")], name="inside"
    )
    return keras.Sequential(
        [
            keras.Input((8, 8, 1), name="image"),
            layers.Conv2D(4, 3, name="conv"),
            inside,
            layers.Flatten(name="flatten"),
            layers.Dense(2, name="scores"),
        ]
    )


def zero_filters(net: network.Network, share: float) -> network.Network:
    """The network in which ``share`` of the filters of every layer but the last, at odd places, give zero.

    The same places in all layers, as additions need it; batch normalization there gives zero, too.
    """
    changed = []
    for layer in net.layers:
        size = layer.shape[-1]
        dead = np.arange(size) % 2 == 1
        dead &= np.cumsum(dead) <= int(share * size)
        weights = list(layer.weights)
        if layer.kind in channels.PRODUCERS and layer is not net.layers[-1]:
            for i in range(1 if layer.kind == "SeparableConv2D" else 0, len(weights)):
                weights[i] = np.where(dead, 0, weights[i]).astype(np.float32)
        elif layer.kind == "BatchNormalization":
            if layer.name.startswith("depthwise"):  # its channel 2 c + m is the stem's channel c
                dead = np.repeat(dead_of_stem(net, share), 2)
            for i in range(len(weights) - 1):
                weights[i] = np.where(dead, 0, weights[i]).astype(np.float32)
        changed.append(replace(layer, weights=tuple(weights)))
    return network.Network(net.name, tuple(changed))


def dead_of_stem(net: network.Network, share: float) -> Any:
    size = next(layer.shape[-1] for layer in net.layers if layer.name == "stem")
    odd = np.arange(size) % 2 == 1
    return odd & (np.cumsum(odd) <= int(share * size))


@pytest.mark.parametrize("make", [residual, separable, nested])
def test_filters_that_give_zero_go_without_a_trace(tf: Any, make: Any) -> None:
    dead = zero_filters(network.read(make(tf), "mine"), 0.5)
    smaller = channels.prune(dead, 0.5)
    sizes = {layer.name: layer.shape[-1] for layer in dead.layers}
    for layer in smaller.layers[:-1]:
        if layer.kind in channels.PRODUCERS:
            assert layer.shape[-1] == sizes[layer.name] - int(0.5 * sizes[layer.name])
    x = np.random.default_rng(0).random((16, *dead.layers[0].shape), np.float32)
    before, after = (network.build(net, tf.keras).predict(x, verbose=0) for net in (dead, smaller))
    np.testing.assert_allclose(after, before, rtol=1e-5, atol=1e-6)
    assert np.ptp(before, axis=0).max() > 1e-3, "a network that always says the same proves nothing"


@pytest.mark.parametrize("name", ["digits", "resnet8", "mobilenet_v1", "mobilenet_v2"])
@pytest.mark.parametrize("share", [0.25, 0.75])
def test_every_model_becomes_smaller_everywhere(tf: Any, name: str, share: float) -> None:
    del tf
    before = network.read(models.find(name).build(), name)
    after = channels.prune(before, share)
    assert after.layers[-1].shape == before.layers[-1].shape
    for old, new in zip(before.layers, after.layers, strict=True):
        if old.kind == "Conv2D":
            assert new.shape[-1] == old.shape[-1] - int(share * old.shape[-1]), old.name
    assert after.parameters < before.parameters * (1 - share)


def test_pruned_network_is_a_keras_file_like_any_other(tf: Any, tmp_path: Path) -> None:
    """A network that is built, saved, loaded and read again is the same."""
    smaller = channels.prune(network.read(residual(tf), "mine"), 0.5)
    train.save_keras(network.build(smaller, tf.keras), tmp_path / "small.keras")
    again = network.read(model_files.load_keras(tmp_path / "small.keras", tmp_path / "log"), "small.keras")
    assert [(a.name, a.kind, a.inputs, a.shape) for a in again.layers] == [
        (a.name, a.kind, a.inputs, a.shape) for a in smaller.layers
    ]
    for a, b in zip(again.layers, smaller.layers, strict=True):
        for one, other in zip(a.weights, b.weights, strict=True):
            np.testing.assert_array_equal(one, other)


def int8_kernels(data: bytes) -> dict[str, Any]:
    """The constant int8 tensors of a .tflite, by shape in words: they are its kernels."""
    model = tflite.Model.GetRootAs(data, 0)
    graph = model.Subgraphs(0)
    found = {}
    for i in range(graph.TensorsLength()):
        tensor = graph.Tensors(i)
        values = model.Buffers(tensor.Buffer()).DataAsNumpy()
        if tensor.Type() == tflite.TensorType.INT8 and not isinstance(values, int):
            found["x".join(map(str, tensor.ShapeAsNumpy()))] = values.view(np.int8)
    return found


def zeros(tflite_bytes: bytes) -> int:
    """The number of weights that are 0 in an int8 model of digits."""
    kernels = int8_kernels(tflite_bytes)
    assert len(kernels) == 3
    return sum(int((kernel == 0).sum()) for kernel in kernels.values())


def test_sparsity_is_reached_and_kept_through_conversion(digits: Trained, data: Data, tmp_path: Path, tf: Any) -> None:
    del tf
    made = compress.compress(digits, Step("sparse", 0.7), data, replace(QUICK, epochs=2), tmp_path / "digits+sparse0.7")
    assert made.trained.model == "digits+sparse0.7"
    total = sum(layer["weights"] for layer in made.layers)
    assert [layer["layer"] for layer in made.layers] == ["conv1", "conv2", "scores"]
    assert made.sparsity * total == pytest.approx(round(0.7 * total))
    assert made.zip_bytes[1] < 0.7 * made.zip_bytes[0]
    assert made.accuracy[1] > 0.8, "most of the digits are still known"
    plain = quantize.quantize(made.trained, "int8", data, tmp_path / "int8")
    assert zeros(plain.tflite) >= round(0.7 * total)


@pytest.mark.soak
def test_sparsity_is_kept_through_training_for_int8(digits: Trained, data: Data, tmp_path: Path) -> None:
    sparse = compress.compress(digits, Step("sparse", 0.7), data, QUICK, tmp_path / "digits+sparse0.7")
    aware = compress.compress(sparse.trained, Step("qat"), data, QUICK, tmp_path / "qat")
    total = sum(layer["weights"] for layer in sparse.layers)
    assert zeros(aware.trained.path.read_bytes()) >= round(0.7 * total)


def accuracy(vectors: Vectors) -> float:
    assert vectors.labels is not None
    return float(np.mean(vectors.expected[0].argmax(axis=-1) == vectors.labels))


def test_training_for_int8_loses_nothing_and_gives_an_integer_model(
    digits: Trained, data: Data, tmp_path: Path
) -> None:
    made = compress.compress(digits, Step("qat"), data, QUICK, tmp_path / "digits+qat")
    assert made.trained.path.name == "digits+qat.tflite"
    read = signature.read(made.trained.path.read_bytes(), "digits+qat.tflite")
    assert (read.mode, read.is_integer, read.inputs[0].shape) == ("int8", True, (1, 8, 8, 1))
    after, before = (
        quantize.quantize(source, "int8", data, tmp_path / source.path.suffix[1:]).vectors
        for source in (made.trained, digits)
    )
    noise = 2 / len(data.test_x)
    assert accuracy(after) >= accuracy(before) - noise
    assert made.accuracy[1] == pytest.approx(accuracy(after), abs=noise), "what is said is what the file does"


@pytest.mark.soak
def test_training_for_int8_wins_where_conversion_alone_loses(
    digits: Trained, data: Data, tmp_path: Path, tf: Any
) -> None:
    """Channels of very different magnitude share one scale: conversion rounds small ones to zero, training copes."""
    net = network.read(model_files.load_keras(digits.path, tmp_path / "log"), "digits")
    factors = np.where(np.arange(16) % 2, 1.0, 1 / 300).astype(np.float32)  # ReLU lets factors through
    layers = []
    for layer in net.layers:
        first, *rest = layer.weights or (None,)
        if layer.name == "conv1":
            layer = replace(layer, weights=(first * factors, rest[0] * factors))
        if layer.name == "conv2":
            layer = replace(layer, weights=(first / factors[:, np.newaxis], *rest))
        layers.append(layer)
    train.save_keras(network.build(network.Network("hard", tuple(layers)), tf.keras), tmp_path / "hard.keras")
    hard = Trained("hard", tmp_path / "hard.keras", None)
    plain = quantize.quantize(hard, "int8", data, tmp_path / "int8")
    aware = compress.compress(hard, Step("qat"), data, replace(QUICK, epochs=2), tmp_path / "hard+qat")
    assert aware.accuracy[0] - accuracy(plain.vectors) > 0.1, "the case is hard"
    assert aware.accuracy[1] > accuracy(plain.vectors) + 0.05


def test_later_stages_keep_the_epochs_that_the_user_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "BUILD", tmp_path)
    ask = Request("sine")
    pipeline.train(ask, Progress(), epochs=1)
    (made,) = pipeline.compress(ask, Progress(), sparsity=0.5, epochs=2)
    content = made.trained.path.read_bytes()
    heard = Heard()
    (again,) = pipeline.compress(replace(ask, model="sine+sparse0.5"), heard)
    assert again == made and made.trained.path.read_bytes() == content
    assert heard.said[-1] == f"sine+sparse0.5 is already compressed: {made.trained.path}"


def test_result_is_the_same_again_and_reused_until_something_changes(
    digits: Trained, data: Data, tmp_path: Path
) -> None:
    heard = Heard()
    step = Step("channels", 0.5)
    first = compress.compress(digits, step, data, QUICK, tmp_path / "a")
    stamp = first.trained.path.stat().st_mtime_ns
    assert compress.compress(digits, step, data, QUICK, tmp_path / "a", heard) == first
    assert heard.said[-1] == f"digits+channels0.5 is already compressed: {first.trained.path}"
    assert first.trained.path.stat().st_mtime_ns == stamp
    content = first.trained.path.read_bytes()
    first.trained.path.write_bytes(b"damaged")
    assert compress.compress(digits, step, data, QUICK, tmp_path / "a", heard) == first
    assert first.trained.path.read_bytes() == content
    compress.compress(digits, Step("channels", 0.25), data, QUICK, tmp_path / "a", heard)
    assert first.trained.path.read_bytes() != content


def test_a_checkout_that_was_updated_compresses_again(
    digits: Trained, data: Data, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    step, heard = Step("sparse", 0.5), Heard()
    first = compress.compress(digits, step, data, QUICK, tmp_path)
    monkeypatch.setattr(files, "own_digest", lambda *parts: "/".join(parts))
    assert compress.compress(digits, step, data, QUICK, tmp_path, heard) == first
    assert heard.said[0] == "compressing digits+sparse0.5 again: the code of this stage has changed"


def test_refusals_name_the_layer_and_the_way_out(tf: Any, data: Data, tmp_path: Path) -> None:
    keras = seeded(tf)
    layers = keras.layers

    def refusal(model: Any, step: Step = Step("channels", 0.5), data: Data = data) -> str:  # noqa: B008
        with without_warnings():
            model.save(tmp_path / "mine.keras")
        with pytest.raises(CompressError) as caught:
            compress.compress(Trained("mine", tmp_path / "mine.keras", None), step, data, QUICK, tmp_path / "out")
        assert sorted(p.suffix for p in (tmp_path / "out").iterdir()) in ([], [".log"])
        return str(caught.value)

    chain = keras.Sequential
    image = keras.Input((8, 8, 1), name="image")
    text = refusal(chain([image, layers.Reshape((8, 8)), layers.LSTM(4, name="memory")]))
    assert "mine.keras has the layer 'memory' (LSTM)" in text and "Conv2D" in text
    shared = layers.Conv2D(1, 3, padding="same", name="twice")
    text = refusal(keras.Model(image, layers.Flatten()(shared(shared(image)))))
    assert "uses the layer 'twice' more than once" in text
    text = refusal(keras.Model([image, keras.Input((8, 8, 1))], layers.Flatten()(image)))
    assert "has 2 inputs and 1 outputs" in text
    text = refusal(chain([image, layers.Flatten(), layers.Dense(4)]))
    assert text == "mine.keras has an output of shape (4,), but the data has class 9"
    text = refusal(chain([keras.Input((4, 4, 1)), layers.Flatten(), layers.Dense(10)]))
    assert text == "a sample of the data has the shape (8, 8, 1), but mine.keras takes (4, 4, 1)"
    text = refusal(chain([image, layers.Rescaling(2.0), layers.Flatten(), layers.Dense(10)]), Step("qat"))
    assert "quantization-aware training" in text and "escaling" in text


def test_what_is_no_keras_file_is_refused(data: Data, tmp_path: Path) -> None:
    (tmp_path / "done.tflite").write_bytes(b"any")
    (tmp_path / "text.keras").write_bytes(b"not a model")
    with pytest.raises(CompressError, match=r"done\.tflite is a \.tflite and cannot be fine-tuned"):
        compress.compress(Trained("a", tmp_path / "done.tflite", None), Step("qat"), data, QUICK, tmp_path / "out")
    with pytest.raises(QuantizeError, match=r"text\.keras is not a \.keras file"):
        compress.compress(Trained("a", tmp_path / "text.keras", None), Step("qat"), data, QUICK, tmp_path / "out")


def test_regressions_and_binary_classifiers_are_trained_on(tf: Any, tmp_path: Path) -> None:
    keras = seeded(tf)
    random = np.random.default_rng(0)
    x = random.random((200, 4), np.float32)
    targets = {"none": x.sum(axis=1, keepdims=True), "sigmoid": (x[:, 0] > 0.5).astype(np.int64)}
    for activation, y in targets.items():
        data = Data(x[:160], y[:160], x[160:], y[160:])
        hidden = keras.layers.Dense(16, activation="relu", name="hidden")
        last = keras.layers.Dense(1, activation=None if activation == "none" else activation, name="last")
        train.save_keras(keras.Sequential([keras.Input((4,), name="x"), hidden, last]), tmp_path / "mine.keras")
        source = Trained("mine", tmp_path / "mine.keras", None)
        recipe = Recipe(epochs=30, learning_rate=1e-2)
        made = compress.compress(source, Step("sparse", 0.3), data, recipe, tmp_path / activation)
        assert made.accuracy[1] > 0.8 > made.accuracy[0]


@pytest.mark.soak
@pytest.mark.parametrize("sig", [signal.SIGINT, signal.SIGKILL])
def test_interrupt_in_the_middle_leaves_no_model(digits: Trained, tmp_path: Path, sig: signal.Signals) -> None:
    code = (
        "import sys; from pathlib import Path; from tools import compress, models; from tools.values import Trained;"
        "from tools.progress import TerminalProgress; from tools.compress import Recipe, Step;"
        "source = Trained('digits', Path(sys.argv[1]), None); data = models.find('digits').data();"
        "compress.compress(source, Step('qat'), data, Recipe(8), Path(sys.argv[2]), TerminalProgress())"
    )
    out, elsewhere = tmp_path / "out", tmp_path / "tmp"
    elsewhere.mkdir()
    command = [sys.executable, "-c", code, str(digits.path), str(out)]
    with subprocess.Popen(
        command, cwd=ROOT, stderr=subprocess.PIPE, text=True, env={**os.environ, "TMPDIR": str(elsewhere)}
    ) as child:
        assert child.stderr is not None
        while "2/8" not in child.stderr.readline():
            assert child.poll() is None
        child.send_signal(sig)
        child.stderr.read()
        assert child.wait() != 0
    assert [p.name for p in out.iterdir() if p.name[0] != "." and p.suffix != ".log"] == []
    assert list(elsewhere.iterdir()) == [], "what training for int8 writes is where the next start removes it"
    assert len(list(out.glob(".*"))) == (sig == signal.SIGKILL)
    with files.temporary(out / "out.qat"):
        assert list(out.glob(".*")) == []


def test_little_by_little() -> None:
    """The schedule starts at 0, ends at the full share, and prunes most at the beginning."""
    taken = [sparsity.at(step, 100, 0.8) for step in range(101)]
    assert (taken[0], taken[-1]) == (0.0, 0.8)
    assert all(a < b for a, b in itertools.pairwise(taken))
    assert taken[50] == pytest.approx(0.8 * 0.875)
