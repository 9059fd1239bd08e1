"""A model that cannot be compressed is refused before anything is trained, and the message says why and what to do."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tools import compress, model_files, pipeline
from tools.compress import Recipe, Step, tuning
from tools.errors import CompressError
from tools.models import Data
from tools.pipeline import places
from tools.progress import Progress
from tools.quiet import without_warnings
from tools.values import Request, Trained

pytestmark = pytest.mark.tf

X, Y = np.zeros((20, 8, 8, 1), np.float32), np.arange(20) % 10
IMAGES = Data(X, Y, X, Y)


@pytest.fixture(scope="module")
def keras(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return model_files.import_tensorflow(tmp_path_factory.mktemp("tf") / "log").keras


def save(keras: Any, path: Path, *layers: Any) -> Trained:
    with without_warnings():
        keras.Sequential([keras.Input((8, 8, 1), name="image"), *layers], name="mine").save(path)
    return Trained("mine", path, None)


def dense_only(of: Any) -> list[Any]:
    return [of.Flatten(), of.Dense(10)]


def one_filter(of: Any) -> list[Any]:
    return [of.Conv2D(1, 3), of.Flatten(), of.Dense(10)]


def grouped(of: Any) -> list[Any]:
    return [of.Conv2D(4, 3), of.Conv2D(8, 3, groups=2), of.Flatten(), of.Dense(10)]


def few_filters(of: Any) -> list[Any]:
    return [of.Conv2D(4, 3), of.Flatten(), of.Dense(10)]


def no_weights(of: Any) -> list[Any]:
    return [of.AveragePooling2D((8, 4)), of.ReLU(), of.Flatten()]


@pytest.mark.parametrize(
    ("make", "step", "message"),
    [
        (dense_only, Step("channels", 0.5), "mine has no filters that can be removed: its last layer, grouped"),
        (one_filter, Step("channels", 0.5), "and every layer keeps at least one"),
        (grouped, Step("channels", 0.5), ", grouped convolutions and"),
        (
            few_filters,
            Step("channels", 0.1),
            "0.1 of the 4 filters in the largest layer of mine is less than one filter",
        ),
        (
            no_weights,
            Step("sparse", 0.5),
            "mine.keras has no layer whose weights can be pruned; these can: Conv2D, Dense",
        ),
    ],
)
def test_nothing_to_remove(
    keras: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    make: Callable[[Any], list[Any]],
    step: Step,
    message: str,
) -> None:
    monkeypatch.setattr(tuning, "fit", lambda *arguments: pytest.fail("trained in vain"))
    source = save(keras, tmp_path / "mine.keras", *make(keras.layers))
    y = Y if make is not no_weights else Y % 2
    with pytest.raises(CompressError) as caught:
        compress.compress(source, step, Data(X, y, X, y), Recipe(epochs=1), tmp_path / "out")
    assert message in str(caught.value)


def test_batch_normalization_that_training_for_int8_cannot_take(keras: Any, tmp_path: Path) -> None:
    layers = keras.layers
    image = keras.Input((8, 8, 1), name="image")
    one, other = (layers.Conv2D(2, 3, name=name)(image) for name in "ab")
    sums = layers.BatchNormalization(name="after_sum")(layers.Add(name="sum")([one, other]))
    with without_warnings():
        keras.Model(image, layers.Dense(10)(layers.Flatten()(sums)), name="mine").save(tmp_path / "mine.keras")
    with pytest.raises(CompressError) as caught:
        source = Trained("mine", tmp_path / "mine.keras", None)
        compress.compress(source, Step("qat"), IMAGES, Recipe(epochs=1), tmp_path / "out")
    assert str(caught.value) == (
        "layer 'after_sum' (BatchNormalization) of mine does not support quantization-aware training where it is: put "
        "it directly after a convolution, or convert without training, `inv quantize --mode int8`"
    )


@pytest.mark.parametrize("name", ["done.tflite", "saved"])
def test_a_model_that_cannot_be_trained_on_is_refused_before_the_data_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(places, "BUILD", tmp_path / "build")
    monkeypatch.setattr(pipeline.origin.images, "load", lambda *arguments: pytest.fail("read in vain"))
    path = tmp_path / name
    path.write_bytes(b"") if path.suffix else path.mkdir()
    with pytest.raises(CompressError, match="cannot be fine-tuned: compress the"):
        pipeline.compress(Request(model=str(path), data=str(tmp_path)), Progress(), qat=True)


def test_a_regression_is_measured_by_r2(keras: Any, tmp_path: Path) -> None:
    said: list[str] = []

    class Heard(Progress):
        def say(self, text: str) -> None:
            said.append(text)

    y = np.linspace(0, 1, 20, dtype=np.float32).reshape(-1, 1)
    source = save(keras, tmp_path / "mine.keras", keras.layers.Flatten(), keras.layers.Dense(1))
    step, data = Step("sparse", 0.5), Data(X, y, X, y)
    made = compress.compress(source, step, data, Recipe(epochs=1), tmp_path / "out", Heard())
    assert made.measure == "R²" and said[-1].startswith("mine+sparse0.5: R² ")
    assert compress.compress(source, step, data, Recipe(epochs=1), tmp_path / "out") == made
