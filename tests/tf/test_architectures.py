"""The architectures that come with kerf: sizes, names, other data than their own, data that need a download."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tools import model_files, models, train
from tools.errors import TrainError
from tools.models import Data

pytestmark = pytest.mark.tf
TRAINABLE = [name for name in models.known() if models.find(name).EPOCHS]
CLASSIFIERS = [name for name in TRAINABLE if models.find(name).CLASSES]


@pytest.fixture(scope="module", autouse=True)
def tf(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return model_files.import_tensorflow(tmp_path_factory.mktemp("tf") / "log")


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("autoencoder", 265_864),
        ("cifar10", 167_562),  # the lecture's
        ("digit_rows", 5_578),
        ("digits", 6_090),
        ("ds_cnn", 22_604),
        ("empty", 0),
        ("mobilenet_v1", 221_114),
        ("mobilenet_v1_96", 210_850),
        ("mobilenet_v2", 44_186),
        ("resnet8", 78_666),  # MLPerf Tiny's
        ("resnet8_random", 77_706),  # the same, batch normalization folded
        ("sine", 321),
        ("wake_word", 46_883),
        ("wake_word_mixed", 24_744),
    ],
)
def test_number_of_parameters(name: str, parameters: int) -> None:
    assert models.find(name).build().count_params() == parameters


def test_a_model_without_weights_is_trained_too(tmp_path: Path) -> None:
    assert train.train("empty", tmp_path).accuracy == 1


@pytest.mark.parametrize("name", models.known())
def test_layers_are_named_and_the_batch_is_free(name: str) -> None:
    model = models.find(name).build()
    names = [layer.name for layer in model.layers]
    assert len(set(names)) == len(names)
    automatic = [n for layer, n in zip(model.layers, names, strict=True) if n.startswith(type(layer).__name__.lower())]
    # Keras calls its own dense, dense_1 …; a layer that someone named dense is no accident where there is one of them
    assert [n for n in automatic if "_" in n and n.rpartition("_")[2].isdecimal()] == []
    assert model.input_shape[0] is None and None not in model.input_shape[1:]


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_classifier_for_other_shapes_and_classes(name: str) -> None:
    model = models.find(name).build((48, 40, 1), 3)
    assert model.input_shape == (None, 48, 40, 1) and model.output_shape == (None, 3)


def test_residuals_and_global_pooling() -> None:
    for name, additions in (("mobilenet_v2", 5), ("resnet8", 3)):
        kinds = [type(layer).__name__ for layer in models.find(name).build().layers]
        assert kinds.count("Add") == additions
        assert any("AveragePooling2D" in kind for kind in kinds)


def test_cifar10_of_keras(monkeypatch: pytest.MonkeyPatch) -> None:
    from tensorflow.keras.datasets import cifar10 as source

    x = np.array([[[[0, 51, 255]]], [[[1, 2, 3]]]], np.uint8)
    monkeypatch.setattr(source, "load_data", lambda: ((x, np.array([[3], [9]])), (x[1:], np.array([[9]]))))
    data = models.find("cifar10").data()
    assert (data.train_x.dtype, data.train_y.dtype) == (np.float32, np.int64)
    np.testing.assert_array_equal(data.train_x[0, 0, 0], np.array([0, 51, 255], np.float32) / np.float32(255))
    assert data.train_y.tolist() == [3, 9] and data.test_y.tolist() == [9]


def test_no_network_says_how_to_give_the_data(monkeypatch: pytest.MonkeyPatch) -> None:
    from tensorflow.keras.datasets import cifar10 as source

    def refuse() -> None:
        raise Exception("URL fetch failure: no route\nto host")

    monkeypatch.setattr(source, "load_data", refuse)
    with pytest.raises(TrainError, match=r"cannot be downloaded \(URL fetch failure: no route\): give --data a folder"):
        models.find("cifar10").data()


def _pictures(count: int, shape: tuple[int, ...], classes: int) -> Data:
    random = np.random.default_rng(0)
    x, y = random.random((count, *shape), np.float32), np.arange(count) % classes
    return Data(x, y, x[:classes], y[:classes], classes=tuple("abcdefgh"[:classes]))


def test_training_on_other_data(tmp_path: Path) -> None:
    data = _pictures(12, (10, 12, 1), 3)
    trained = train.train("digits", tmp_path, epochs=1, data=data)
    assert trained.accuracy is not None  # random pictures of other classes: no floor applies
    assert train.train("digits", tmp_path, epochs=1, data=data) == trained
    stamp = trained.path.stat().st_mtime_ns
    train.train("digits", tmp_path, epochs=1, data=_pictures(15, (10, 12, 1), 3))
    assert trained.path.stat().st_mtime_ns != stamp


def test_training_with_augmentation_is_repeatable(tmp_path: Path) -> None:
    data = _pictures(10, (12, 12, 3), 2)  # the last batch of an epoch is a smaller one
    module = models.find("cifar10")
    assert models.Augmentation() != module.AUGMENTATION
    made = [train.train("cifar10", tmp_path / n, epochs=2, data=data).path.read_bytes() for n in ("a", "b")]
    assert made[0] == made[1]


def test_data_that_do_not_fit_the_model(tmp_path: Path) -> None:
    for size in (3, 8):
        said = rf"cifar10 cannot be built for samples of shape \({size}, {size}, 1\): .* size would be zero or negative"
        with pytest.raises(TrainError, match=said):
            train.train("cifar10", tmp_path, epochs=1, data=_pictures(4, (size, size, 1), 2))
    with pytest.raises(TrainError, match="sine is a regression, but the data has 2 classes"):
        train.train("sine", tmp_path, epochs=1, data=_pictures(4, (1,), 2))
