"""Data that do not match the model are refused: an accuracy computed with them would be meaningless."""

from pathlib import Path

import numpy as np
import pytest
import tflite
from raw_tflite import RawModel, RawOp, RawTensor

from tools import quantize
from tools.errors import QuantizeError
from tools.models import Data
from tools.values import Quantized, Trained

MODEL = Path(__file__).parent / "flatten.tflite"  # 6x6 grey pixels 0 … 1 → 3 classes, int8


def converted(folder: Path, **arrays: object) -> Quantized:
    np.savez(folder / "d.npz", **arrays)
    return quantize.quantize(Trained("insects", MODEL, None), None, folder / "d.npz", folder / "out")


X = np.zeros((4, 6, 6, 1), np.float32)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"y": [100, 101, 2, 3]}, "has 3 outputs and distinguishes 3 classes, but the data has class 101"),
        ({"y": [0, 1, 2, 3]}, "but the data has class 3: give data with the model's classes"),
        ({"y": [0, 1, 1, 0], "classes": ["cat", "dog"]}, "distinguishes 3 classes, but the data has 2"),
        ({"classes": ["a", "b", "c", "d"]}, "distinguishes 3 classes, but the data has 4"),
        ({"y": ["cat", "dog", "cat", "cat"]}, "y holds text: give the class index"),
        ({"y": [0, 1, 1j, 0]}, "y holds complex128: give the class index"),
    ],
)
def test_classes_that_the_model_does_not_have(tmp_path: Path, arrays: dict[str, object], message: str) -> None:
    with pytest.raises(QuantizeError) as caught:
        converted(tmp_path, x=X, **arrays)
    assert message in str(caught.value)
    assert not (tmp_path / "out" / "quantize.json").exists()


def test_a_folder_of_other_classes_than_the_model_has(tmp_path: Path) -> None:
    y = np.array([0, 1, 1, 0])
    with pytest.raises(QuantizeError, match="distinguishes 3 classes, but the data has 2"):
        quantize.quantize(Trained("insects", MODEL, None), None, Data(X, y, X, y), tmp_path, classes=("cat", "dog"))


@pytest.mark.parametrize(
    ("outputs", "labels", "names", "message"),
    [
        ((1,), [0, 1], ("no", "yes"), None),  # binary
        ((1,), [0, 7], (), "has 1 output and distinguishes 2 classes, but the data has class 7: .*real numbers"),
        ((1,), None, (), None),  # a regression
        ((1, 1, 3), [0, 2], (), None),  # the end of a network without dense layers
        ((4, 4, 3), [0, 2], (), r"has an output of shape \(4, 4, 3\), which is not one score per class"),
        ((4, 4, 3), None, (), None),
    ],
)
def test_outputs_that_are_no_list_of_scores(
    outputs: tuple[int, ...], labels: list[int] | None, names: tuple[str, ...], message: str | None
) -> None:
    given = None if labels is None else np.array(labels)
    if message is None:
        quantize._check_classes(given, names, outputs, "m")
        return
    with pytest.raises(QuantizeError, match=message):
        quantize._check_classes(given, names, outputs, "m")


def dying(scale: float, dtype: int = tflite.TensorType.INT8) -> bytes:
    tensors = (RawTensor("dead", type=dtype, scales=(scale,)), RawTensor("scores", type=dtype, scales=(1 / 256,)))
    return RawModel(tensors, (RawOp(kind="SOFTMAX", options="SoftmaxOptions"),)).data()


def test_a_softmax_of_nothing_but_zeros(tmp_path: Path) -> None:
    """TFLM and LiteRT abort on it without a message."""
    path = tmp_path / "dead.tflite"
    path.write_bytes(dying(7.843137e-09))
    with pytest.raises(QuantizeError, match=r"layer 'scores' of dead\.tflite gets the same input for every sample"):
        quantize.quantize(Trained("dead", path, None), None, None, tmp_path / "out")
    quantize._check_crashes(dying(2e-8), "alive")
    quantize._check_crashes(dying(7.843137e-09, tflite.TensorType.INT16), "alive")


def test_the_model_s_own_classes(tmp_path: Path) -> None:
    assert converted(tmp_path, x=X, y=[0, 1, 2, 0], classes=["a", "b", "c"]).vectors.classes == ("a", "b", "c")
