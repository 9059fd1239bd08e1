"""A run without firmware: the .tflite in TFLM's interpreter on this machine."""

from pathlib import Path

import pytest

from tools import oracle, pipeline
from tools.errors import UnknownName
from tools.pipeline import places
from tools.progress import Progress
from tools.report import records
from tools.values import Request

MODEL = Path(__file__).with_name("flatten.tflite")


@pytest.fixture(autouse=True)
def build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "BUILD", tmp_path / "build")


@pytest.mark.skipif(not oracle.is_installed(oracle.TFLM), reason="there is no TFLM interpreter for this machine")
def test_run_measures_the_interpreter() -> None:
    outcome = pipeline.run(Request(model=str(MODEL), runtime="tflm", target="host"), Progress())
    found = outcome.measurement
    assert (found.samples, found.mismatches, found.emulator, found.clock.unit) == (32, 0, None, "us")
    assert found.flash_bytes == {"total": found.model_bytes, "code": 0, "model": found.model_bytes}
    assert len(records.load(places.records(), pytest.fail)) == 1


def test_an_unknown_runtime_is_named_before_anything_else() -> None:
    ask = Request(model=str(MODEL), runtime="tvm", target="host")
    for stage in (pipeline.run, pipeline.compare, pipeline.compile, pipeline.build):
        with pytest.raises(UnknownName, match="unknown runtime 'tvm'; known: aot, tflm"):
            stage(ask, Progress())
