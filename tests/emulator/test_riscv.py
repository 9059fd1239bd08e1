"""Whole models on RISC-V, in QEMU: every output equals TFLM's, and the same instructions are counted in every run."""

from pathlib import Path

import pytest
from port_project import Silent, require_for

from tools import pipeline, targets
from tools.pipeline import places
from tools.values import Measurement, Request

pytestmark = pytest.mark.emulator

ROOT = Path(__file__).parents[2]
SHARED = ROOT.parent / "shared" / "models"
TARGET = "riscv32"


def measured(model: str, samples: int) -> Measurement:
    ask = Request(model=model, target=TARGET, samples=samples)
    return pipeline.run(ask, Silent()).measurement


@pytest.fixture(autouse=True)
def build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    require_for(targets.find(TARGET))
    monkeypatch.setattr(places, "BUILD", tmp_path / "build")


def test_two_runs_give_the_same_numbers() -> None:
    model = str(ROOT / "tests" / "unit" / "flatten.tflite")
    first, second = measured(model, 20), measured(model, 20)
    assert (first.mismatches, first.samples) == (0, 20)
    assert (first.clock, first.kernels) == (second.clock, second.kernels)
    assert (first.invoke, first.setup, first.per_op) == (second.invoke, second.setup, second.per_op)
    assert first.clock.unit == "instructions"


def test_state_lives_on_the_device() -> None:
    """The samples are a sequence: without state, or without its reset, some of the outputs would differ."""
    assert measured(str(ROOT / "tests" / "unit" / "stream.tflite"), 20).mismatches == 0


@pytest.mark.parametrize("name", ["kws", pytest.param("ic", marks=pytest.mark.soak)])
def test_models_of_mlperf_tiny(name: str) -> None:
    model = SHARED / f"{name}.tflite"
    if not model.exists():
        pytest.skip(f"{model.name} is not in ../shared/models")
    record = measured(str(model), 3)
    assert (record.mismatches, record.samples) == (0, 3)


@pytest.mark.soak
@pytest.mark.tf
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", ["digits", "ds_cnn", "resnet8_random"])
def test_own_models(name: str) -> None:
    assert measured(name, 10).mismatches == 0
