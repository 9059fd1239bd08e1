"""Pictures → inputs → classes: which files, what is done to a picture, what is refused, what counts as probability."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tools import classify, oracle, pipeline
from tools.errors import TrainError, UsageError
from tools.oracle import signature
from tools.pipeline import places
from tools.progress import Progress
from tools.values import Quantized, Request, Vectors

MODEL = Path(__file__).parent / "flatten.tflite"  # 6x6 grey pixels 0 … 1 → 3 classes, int8


def model(classes: tuple[str, ...] = ("ant", "bee", "cat"), path: Path = MODEL) -> Quantized:
    nothing = np.zeros((0,), np.int8)
    return Quantized(
        "insects", "int8", path.read_bytes(), "", path, Vectors((nothing,), (nothing,), None, classes, "none", True)
    )


def picture(path: Path, pixels: np.ndarray) -> Path:
    Image.fromarray(pixels.astype(np.uint8)).save(path)
    return path


def test_files_folders_and_patterns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a.png", "b.png", "c.jpg", ".hidden"):
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    assert [p.name for p in classify.find(["c.jpg", "a.png"])] == ["c.jpg", "a.png"]
    assert [p.name for p in classify.find(["*.png"])] == ["a.png", "b.png"]
    assert [p.name for p in classify.find([str(tmp_path)])] == ["a.png", "b.png", "c.jpg"]
    for wanted, message in (
        (["a.png", "d.png"], "there is no image d.png"),
        (["*.gif"], "there is no image"),
        ([], "give at least one image"),
    ):
        with pytest.raises(UsageError) as caught:
            classify.find(wanted)
        assert message in str(caught.value)


def test_a_picture_of_the_right_size_is_scaled_and_quantized(tmp_path: Path) -> None:
    pixels = np.arange(36).reshape(6, 6) * 7
    found = classify.prepare([picture(tmp_path / "a.png", pixels)], model(), "0..1")
    port = signature.read(MODEL.read_bytes(), "m").inputs[0]
    assert found.notes == ("",) and found.inputs.dtype == np.int8
    np.testing.assert_array_equal(found.inputs[0, ..., 0], port.quantize(pixels.astype(np.float32) / np.float32(255)))


def test_larger_pictures_are_cropped_and_shrunk(tmp_path: Path) -> None:
    tile = np.arange(36).reshape(6, 6) * 7
    double = tile.repeat(2, axis=0).repeat(2, axis=1)
    wide = np.concatenate([np.full((12, 5), 255), double, np.full((12, 5), 255)], axis=1)
    colour = np.stack([tile] * 3, axis=-1)
    paths = [picture(tmp_path / f"{i}.png", p) for i, p in enumerate((tile, double, wide, colour))]
    found = classify.prepare(paths, model(), "0..1")
    assert found.notes == ("", "12x12 shrunk to 6x6", "22x12 cropped to 12x12 and shrunk to 6x6", "")
    for i in (1, 2, 3):
        np.testing.assert_array_equal(found.inputs[i], found.inputs[0])


def test_what_is_refused(tmp_path: Path) -> None:
    small = picture(tmp_path / "small.png", np.zeros((6, 5)))
    with pytest.raises(UsageError, match=r"small\.png has 5x6 pixels, but the model takes 6x6: give a larger image"):
        classify.prepare([small], model(), "0..1")
    text = tmp_path / "notes.txt"
    text.write_text("no picture")
    with pytest.raises(TrainError, match=r"notes\.txt is not an image that kerf can read"):
        classify.prepare([text], model(), "0..1")


def test_bad_files_are_left_out_if_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    good = picture(tmp_path / "b.png", np.arange(36).reshape(6, 6) * 7)
    picture(tmp_path / "c.png", np.zeros((6, 5)))
    (tmp_path / "a.txt").write_text("no picture")
    monkeypatch.setattr(places, "BUILD", tmp_path / "build")
    heard: list[str] = []

    class Heard(Progress):
        def warn(self, text: str) -> None:
            heard.append(text)

    ask = Request(model=str(MODEL), target=pipeline.INTERPRETER, skip_bad=True)
    (found,) = pipeline.classify(ask, [str(tmp_path)], Heard())
    assert found.image == str(good)
    assert heard[-1].startswith(f"skipped 2 files; the first: {tmp_path / 'a.txt'} is not an image that kerf can read")
    with pytest.raises(TrainError, match="is not an image that kerf can read"):
        classify.prepare([tmp_path / "a.txt"], model(), "0..1", skip_bad=True)


def test_probabilities() -> None:
    sure = np.array([[0.99609375, 0.0, 0.0]])  # int8 softmax ends at 255/256
    np.testing.assert_array_equal(classify._probabilities(sure, "SOFTMAX"), sure)
    logits = classify._probabilities(np.array([[2.0, 0.0, -800.0]]), "FULLY_CONNECTED")
    assert logits[0].tolist() == [1 / (1 + np.exp(-2.0)), np.exp(-2.0) / (1 + np.exp(-2.0)), 0]
    second = classify._probabilities(np.array([[0.25], [0.75]]), "LOGISTIC")
    assert second.tolist() == [[0.75, 0.25], [0.25, 0.75]]


def test_a_logit_is_one_whatever_its_neighbours_are() -> None:
    alone = classify._probabilities(np.array([[0.3]]), "FULLY_CONNECTED")
    beside = classify._probabilities(np.array([[0.3], [5.0]]), "FULLY_CONNECTED")
    assert alone[0].tolist() == beside[0].tolist() and alone[0, 1] == pytest.approx(1 / (1 + np.exp(-0.3)))


def test_pixels_that_the_input_cannot_hold(tmp_path: Path) -> None:
    path = picture(tmp_path / "a.png", np.zeros((6, 6)))
    with pytest.raises(UsageError, match=r"the input of insects only reaches .* but the pixels are 0\.\.255"):
        classify.prepare([path], model(), "0..255")


def test_names_of_classes(tmp_path: Path) -> None:
    pictures = classify.prepare([picture(tmp_path / "a.png", np.zeros((6, 6)))], model(), "0..1")
    outputs = np.array([[-128, 127, -128]], np.int8)
    (named,) = classify.predict(pictures, outputs, model(), "here")
    assert (named.image, named.label, named.index, named.where) == (str(tmp_path / "a.png"), "bee", 1, "here")
    assert named.row()["pixels"] == "0..1"
    assert classify.predict(pictures, outputs, model(()), "here")[0].label == "1"
    with pytest.raises(UsageError, match="distinguishes 3 classes, but 2 have names"):
        classify.predict(pictures, outputs, model(("a", "b")), "here")


def test_the_whole_way_in_an_interpreter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "BUILD", tmp_path / "build")
    path = picture(tmp_path / "a.png", np.arange(36).reshape(6, 6) * 7)
    ask = Request(model=str(MODEL), target=pipeline.INTERPRETER)
    (found,) = pipeline.classify(ask, [str(path)], Progress())
    inputs = classify.prepare([path], model(), "0..1").inputs
    expected = oracle.expected(MODEL.read_bytes(), [inputs])
    assert (found.where, found.index) == (expected.oracle, expected.outputs[0].argmax())
    with pytest.raises(UsageError, match="--port, --emulator and --any-firmware need --target"):
        pipeline.classify(Request(model=str(MODEL), target=pipeline.INTERPRETER, port="auto"), [str(path)], Progress())
