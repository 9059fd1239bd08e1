"""A model's folder under build/ has a readable name, which differs for other models and other options."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from tools import files, pipeline
from tools import quantize as converter
from tools.errors import QuantizeError
from tools.pipeline import origin, places
from tools.progress import Progress
from tools.values import Request

UNIT = Path(__file__).parent
ONE, OTHER = UNIT / "flatten.tflite", UNIT / "flatten_per_tensor.tflite"
DIGEST = files.sha256(ONE.read_bytes())[:8]


@pytest.fixture(autouse=True)
def build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "BUILD", tmp_path / "build")


def model(folder: Path, source: Path = ONE, name: str = "model.tflite") -> Request:
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(source, folder / name)
    return Request(model=str(folder / name))


def folder(ask: Request) -> str:
    return pipeline.quantize(ask, Progress()).path.parent.name


def test_two_files_of_the_same_name_do_not_displace_each_other(tmp_path: Path) -> None:
    asks = [model(tmp_path / "a"), model(tmp_path / "b", OTHER), model(tmp_path / "c")]
    first, second, third = (folder(ask) for ask in asks)
    assert first == f"model-{DIGEST}-tflite"
    assert first != second and first == third
    stamps = [path.stat().st_mtime_ns for path in sorted(places.BUILD.glob("*/model.tflite"))]
    assert [folder(ask) for ask in asks] == [first, second, third]
    assert [path.stat().st_mtime_ns for path in sorted(places.BUILD.glob("*/model.tflite"))] == stamps


def test_a_file_that_has_changed_is_another_model(tmp_path: Path) -> None:
    before = folder(model(tmp_path))
    assert folder(model(tmp_path, OTHER)) != before


def test_options_that_change_the_result_are_in_the_name(tmp_path: Path) -> None:
    ask = model(tmp_path)
    assert folder(replace(ask, strip=True)) == f"model-{DIGEST}-tflite-strip"
    assert folder(replace(ask, mode="int8")) == f"model-{DIGEST}-int8"


def test_a_long_name_is_cut(tmp_path: Path) -> None:
    assert folder(model(tmp_path, name=f"{'m' * 200}.tflite")) == f"{'m' * origin.MAX_STEM}-{DIGEST}-tflite"


def test_a_model_that_changes_while_it_is_read_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ask, real = model(tmp_path), converter._vectors

    def meanwhile(*arguments: object) -> object:
        shutil.copy(OTHER, tmp_path / "model.tflite")
        return real(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(converter, "_vectors", meanwhile)
    with pytest.raises(QuantizeError, match="changed while being read; run the same command again"):
        folder(ask)
    assert list(places.BUILD.glob("*/quantize.json")) == []
