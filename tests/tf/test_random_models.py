"""Models with random weights: the same bytes on every machine, no constant channels, their originals' shapes."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tools import models, quantize, train
from tools.cores import HOST
from tools.errors import TrainError
from tools.graph import passes, read
from tools.graph.ir import Graph
from tools.graph.schedule import schedule
from tools.inspect import macs
from tools.models import _random
from tools.oracle import layers as interpreted
from tools.pipeline import origin
from tools.progress import Progress
from tools.values import MODES, Quantized, Request

pytestmark = pytest.mark.tf
RANDOM = [name for name in models.known() if not models.find(name).EPOCHS]
SHARED = Path(__file__).resolve().parents[3] / "shared" / "models"
SMALL = "wake_word_mixed"
MACS = {
    "autoencoder": 264_192,
    "ds_cnn": 2_656_768,
    "mobilenet_v1_96": 7_489_664,
    "resnet8_random": 12_501_632,
    "wake_word": 826_368,
    "wake_word_mixed": 1_186_112,
}
# The first digits of each model's SHA-256 in int8, with TensorFlow 2.21.0 on any machine.
SHA256 = {
    "autoencoder": "6d5a61f2d54a",
    "ds_cnn": "9a4971665ceb",
    "mobilenet_v1_96": "ae0ec78c3ca2",
    "resnet8_random": "03c2ef5f2cde",
    "wake_word": "365a2eb09f15",
    "wake_word_mixed": "6a648c06a6db",
}


def converted(name: str, directory: Path, mode: str = "int8", seed: int = train.SEED) -> Quantized:
    trained = train.train(name, directory, seed=seed)
    assert trained.accuracy is None
    return quantize.quantize(trained, mode, models.find(name).data(), directory / mode)


@pytest.fixture(scope="module")
def int8(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Quantized]:
    return {name: converted(name, tmp_path_factory.mktemp(name)) for name in RANDOM}


def layers(graph: Graph) -> list[tuple[Any, ...]]:
    """Everything that determines how long a layer takes: operator, shapes, options, MACs.

    Newer converters leave out the RESHAPE before a dense layer, which takes the last axis of any shape.
    """

    def shape(index: int | None, kind: str) -> tuple[int, ...] | None:
        if index is None:
            return None
        found = graph.tensors[index].shape
        return (1, found[-1]) if kind == "FULLY_CONNECTED" and found[:-1] == (1, 1, 1) else found

    return [
        (op.kind, [shape(i, op.kind) for i in (*op.inputs, *op.outputs)], op.attributes, macs(graph, op))
        for op in graph.ops
        if op.kind != "RESHAPE"
    ]


@pytest.mark.parametrize(
    ("name", "reference"), [("ds_cnn", "kws"), ("mobilenet_v1_96", "vww"), ("resnet8_random", "ic")]
)
def test_equals_mlperf_tinys_network_layer_by_layer(int8: dict[str, Quantized], name: str, reference: str) -> None:
    path = SHARED / f"{reference}.tflite"
    if not path.exists():
        pytest.skip(f"the MLPerf Tiny reference model is not at {path}")
    files = int8[name].tflite, path.read_bytes()
    ours, theirs = (read.read(data, reference) for data in files)  # as in the file, nothing pruned
    assert layers(ours) == layers(theirs)


@pytest.mark.parametrize("name", RANDOM)
def test_same_multiplications_and_same_bytes_everywhere(int8: dict[str, Quantized], name: str) -> None:
    graph = read.read(int8[name].tflite, name)
    assert sum(macs(graph, op) for op in graph.ops) == MACS[name]
    assert int8[name].sha256.startswith(SHA256[name])


@pytest.mark.parametrize("name", RANDOM)
def test_no_scale_depends_on_rounding(int8: dict[str, Quantized], name: str) -> None:
    """Each activation's range is a multiple of 1/256, because a pilot decides it; no processor rounds that."""
    graph = read.read(int8[name].tflite, name)
    fixed = graph.outputs if models.find(name).CLASSES else ()  # of SOFTMAX and LOGISTIC, 1/256
    scales = {
        tensor.name: tensor.quantization.scales[0]
        for tensor in graph.tensors
        if tensor.data is None and tensor.quantization is not None and tensor.index not in fixed
    }
    assert len(scales) > 3
    exact = {tensor: np.float32(round(scale * 255 * 256) / 256 / 255) for tensor, scale in scales.items()}
    assert {tensor: np.float32(scale) for tensor, scale in scales.items()} == exact


@pytest.mark.parametrize("name", RANDOM)
def test_every_channel_is_alive(int8: dict[str, Quantized], name: str) -> None:
    """Nothing is pruned or stored as sparse, and each channel but the pilots varies; so do the outputs."""
    model = int8[name]
    graph = passes.run(read.read(model.tflite, name))
    assert [tensor.name for tensor in graph.tensors if tensor.kept is not None] == []
    assert schedule(graph, HOST).variants == ("portable",)
    found = interpreted.outputs(model.vectors.oracle.split()[0], model.tflite, graph, model.vectors.inputs, name)
    for op, values in zip(graph.ops, found, strict=True):
        channels = values.reshape(-1, values.shape[-1])[:, 2:]
        assert (channels != channels[0]).any(axis=0).all(), f"{op.name} has a channel that is always the same"
    assert len(np.unique(found[-1], axis=0)) > len(found[-1]) // 4


@pytest.mark.parametrize("mode", MODES)
def test_every_mode_converts(tmp_path: Path, mode: str) -> None:
    made = converted(SMALL, tmp_path, mode)
    assert made.mode == mode and made.trained_accuracy is None and made.vectors.labels is None
    passes.run(read.read(made.tflite, SMALL))


def test_weights_are_the_seeds(tmp_path: Path) -> None:
    made = {seed: train.train("autoencoder", tmp_path / str(seed), seed=seed).path.read_bytes() for seed in (1, 2)}
    assert made[1] != made[2]
    assert train.train("autoencoder", tmp_path / "again", seed=1).path.read_bytes() == made[1]


def test_weights_are_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = train.train("autoencoder", tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(train, "_fill", None)  # calling it would be an error
        assert train.train("autoencoder", tmp_path) == first
    edited = tmp_path / "_random.py"
    edited.write_text("# edited")
    monkeypatch.setattr(_random, "__file__", str(edited))
    heard: list[str] = []
    monkeypatch.setattr(Progress, "say", lambda _, text: heard.append(text))
    assert train.train("autoencoder", tmp_path) == first
    assert heard[0] == "giving autoencoder random weights again: _random.py has changed"


def test_nothing_trains_them(tmp_path: Path) -> None:
    said = "ds_cnn is for measuring only: it has random weights and cannot be trained; try: cifar10, digit_rows, "
    with pytest.raises(TrainError, match=said):
        train.train("ds_cnn", tmp_path, epochs=1)
    with pytest.raises(TrainError, match=said):
        train.train("ds_cnn", tmp_path, data=models.find("digits").data())
    with pytest.raises(TrainError, match=said):
        origin.quantize(Request("ds_cnn", data=str(tmp_path)), Progress())
    with pytest.raises(TrainError, match=said):
        origin.compress(Request("ds_cnn"), Progress(), sparsity=0.5)
