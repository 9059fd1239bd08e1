"""The range of pixel values that a model's file implies, and images scaled to it."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tflite
from PIL import Image
from raw_tflite import RawModel, RawTensor

from tools.data import images, pixels
from tools.errors import UnknownName

ROOT = Path(__file__).resolve().parents[2]

INPUT = {"class_name": "InputLayer", "config": {"batch_shape": [None, 8, 8, 3], "dtype": "float32"}}
CONV = {"class_name": "Conv2D", "config": {"filters": 300}}
FLIP = {"class_name": "RandomFlip", "config": {"seed": 77}}


def rescaling(scale: Any, offset: Any) -> dict[str, Any]:
    return {"class_name": "Rescaling", "config": {"scale": scale, "offset": offset}}


def model(*layers: dict[str, Any]) -> dict[str, Any]:
    return {"class_name": "Sequential", "config": {"name": "m", "layers": list(layers)}}


def operator(kind: str, constant: float) -> dict[str, Any]:
    tensor = {"class_name": "__keras_tensor__", "config": {"shape": [None, 224, 224, 3]}}
    return {"class_name": kind, "config": {"name": "o"}, "inbound_nodes": [{"args": [tensor, constant], "kwargs": {}}]}


KERAS_2_OPERATOR = {
    "class_name": "TFOpLambda",
    "config": {"function": "math.truediv"},
    "inbound_nodes": [["input_1", 0, 0, {"y": 127.5, "name": None}]],
}


@pytest.mark.parametrize(
    ("config", "name", "why"),
    [
        (model(INPUT, CONV), "0..1", "do not scale"),
        (model(INPUT, rescaling(1 / 255, 0.0), CONV), "0..255", "starts with Rescaling"),
        (model(INPUT, FLIP, rescaling(1 / 127.5, -1), CONV), "0..255", "starts with Rescaling"),
        (model(INPUT, model(FLIP, rescaling(1 / 127.5, -1)), CONV), "0..255", "starts with Rescaling"),
        (model(INPUT, rescaling(2.0, -1), CONV), "0..1", "do not scale"),
        (model(INPUT, rescaling([1, 1, 1], [-123.7, -116.8, -103.9]), CONV), "0..255", "starts with Rescaling"),
        (model(INPUT, CONV, rescaling(1 / 255, 0.0)), "0..1", "do not scale"),
        (model(INPUT, {"class_name": "Normalization", "config": {"mean": None}}), "0..255", "Normalization"),
        (model(INPUT, {"class_name": "Normalization", "config": {"mean": [0.5], "variance": [0.05]}}), "0..1", "not"),
        (model(INPUT, operator("TrueDivide", 127.5), operator("Subtract", 1), CONV), "0..255", "TrueDivide"),
        (model(INPUT, operator("Subtract", 0.5), CONV), "0..1", "do not scale"),
        (model(INPUT, KERAS_2_OPERATOR, CONV), "0..255", "TFOpLambda"),
        (model({"class_name": "InputLayer", "config": {"dtype": "uint8"}}), "0..255", "input is uint8"),
        ({"config": 3}, "0..1", "cannot be read"),
    ],
)
def test_range_of_a_keras_file(tmp_path: Path, config: Any, name: str, why: str) -> None:
    path = tmp_path / "m.keras"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", json.dumps(config))
    found = pixels.choose("", path)
    assert found.name == name and why in found.why
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "m.h5", "w") as file:
        file.attrs["model_config"] = json.dumps(config)
    assert pixels.choose("", tmp_path / "m.h5").name == name


def test_range_of_other_files(tmp_path: Path) -> None:
    assert pixels.choose("", None).name == "0..1"
    assert "does not say" in pixels.choose("", tmp_path).why  # a SavedModel
    (tmp_path / "no.keras").write_bytes(b"no zip")
    for name in ("no.keras", "absent.keras", "absent.h5", "absent.tflite"):
        assert pixels.choose("", tmp_path / name).name == "0..1"


@pytest.mark.parametrize(
    ("kind", "scale", "zero_point", "name"),
    [
        ("INT8", 1 / 255, -128, "0..1"),
        ("INT8", 1.0, -128, "0..255"),
        ("UINT8", 0.98, 0, "0..255"),
        ("UINT8", None, 0, "0..255"),
        ("INT8", 1 / 127.5, -1, "-1..1"),
        ("UINT8", 1 / 128, 128, "-1..1"),
        ("INT8", 0.0186, -14, "0..1"),
        ("INT16", 1 / 32768, 0, "0..1"),
        ("INT16", 255 / 32768, 0, "0..255"),
        ("FLOAT32", None, 0, "0..1"),
    ],
)
def test_range_of_a_tflite(tmp_path: Path, kind: str, scale: float | None, zero_point: int, name: str) -> None:
    scales, points = ((), ()) if scale is None else ((scale,), (zero_point,))
    tensor = RawTensor("in", type=getattr(tflite.TensorType, kind), scales=scales, zero_points=points)
    path = tmp_path / "m.tflite"
    path.write_bytes(RawModel((tensor, RawTensor("out"))).data())
    found = pixels.choose("", path)
    assert found.name == name and "m.tflite" in found.why


def test_what_is_asked_for() -> None:
    for name in ("0..1", "0..255", "-1..1"):
        assert pixels.choose(name, None).name == name
    with pytest.raises(UnknownName, match=r"unknown range of pixels '0-1'; known: -1\.\.1, 0\.\.1, 0\.\.255"):
        pixels.choose("0-1", None)


def test_levels_become_numbers() -> None:
    levels = np.array([0, 51, 255], np.uint8)
    assert pixels.scaled(levels, "0..255").tolist() == [0, 51, 255]
    assert pixels.scaled(levels, "0..1").tolist() == [0, np.float32(0.2), 1]
    assert pixels.scaled(levels, "-1..1").tolist() == pytest.approx([-1, -0.6, 1])


def test_images_in_each_range_have_digests_of_their_own(tmp_path: Path) -> None:
    for kind, level in (("cat", 0), ("dog", 255)):
        (tmp_path / "set" / kind).mkdir(parents=True)
        for i in range(2):
            Image.new("L", (4, 3), level).save(tmp_path / "set" / kind / f"{i}.png")
    found = {name: images.load(tmp_path / "set", tmp_path / "cache", pixel_range=name) for name in pixels.RANGES}
    for name, (low, high) in pixels.RANGES.items():
        assert (found[name].train_x.min(), found[name].train_x.max()) == (low, high)
    assert len({data.digest() for data in found.values()}) == 3


def test_help_of_classify() -> None:
    command = [sys.executable, "-m", "invoke", "classify", "--help"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0 and "--pixels" in done.stdout and "Traceback" not in done.stderr
