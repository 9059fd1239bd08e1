"""Training and conversion, interrupted at every point where a file is written: each file is complete or absent."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tools import files, models, quantize, train
from tools.values import Trained

pytestmark = [pytest.mark.tf, pytest.mark.sampled(one_in=4)]
ROOT = Path(__file__).resolve().parents[2]
# Sends the signal sys.argv[3] at the sys.argv[2]-th rename into place: just before it when "before", else just after.
PRELUDE = """
import os, sys
from pathlib import Path
from tools import files, models, quantize, train
from tools.values import Trained
real, seen = os.replace, []
def replace(source, target):
    seen.append(target)
    struck = len(seen) == int(sys.argv[2])
    if struck and sys.argv[4] == "before": os.kill(os.getpid(), int(sys.argv[3]))
    real(source, target)
    if struck: os.kill(os.getpid(), int(sys.argv[3]))
os.replace = replace
out = Path(sys.argv[1])
"""
TRAIN = PRELUDE + "train.train('sine', out, epochs=1)"
QUANTIZE = (
    PRELUDE + "quantize.quantize(Trained('sine', Path(sys.argv[5]), None), 'int8', models.find('sine').data(), out)"
)
KILL, INTERRUPT = signal.SIGKILL, signal.SIGINT


def stopped(code: str, out: Path, moment: int, sig: signal.Signals, side: str, *more: str) -> list[str]:
    """Runs the code until the signal ends it; returns what it left, except logs and temporary files."""
    command = [sys.executable, "-c", code, str(out), str(moment), str(int(sig)), side, *more]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, env={**os.environ})
    assert done.returncode != 0
    return sorted(p.name for p in out.iterdir() if p.suffix != ".log" and p.name[0] != ".")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return train.train("sine", tmp_path_factory.mktemp("whole"), epochs=1)


@pytest.mark.parametrize(
    ("sig", "moment", "side", "left"),
    [
        (KILL, 1, "after", ["sine.keras"]),
        (KILL, 1, "before", []),
        (INTERRUPT, 1, "before", []),
        (KILL, 2, "before", ["sine.keras"]),
    ],
)
def test_training(tmp_path: Path, whole: Trained, sig: signal.Signals, moment: int, side: str, left: list[str]) -> None:
    assert stopped(TRAIN, tmp_path, moment, sig, side) == left
    if left:
        assert (tmp_path / "sine.keras").read_bytes() == whole.path.read_bytes()
    again = train.train("sine", tmp_path, epochs=1)  # a file without its record is not trusted
    assert again.accuracy == whole.accuracy and again.path.read_bytes() == whole.path.read_bytes()
    assert [p.name for p in tmp_path.iterdir() if "partial" in p.name] == []


@pytest.fixture(scope="module")
def converted(whole: Trained, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    data = models.find("sine").data()
    return quantize.quantize(whole, "int8", data, tmp_path_factory.mktemp("converted")).tflite


@pytest.mark.parametrize(
    ("sig", "moment", "side", "left"),
    [
        (KILL, 1, "after", ["model.tflite"]),
        (KILL, 1, "before", []),
        (INTERRUPT, 2, "before", ["model.tflite"]),
        (KILL, 3, "before", ["model.tflite", "vectors.npz"]),
    ],
)
def test_conversion(
    tmp_path: Path,
    whole: Trained,
    converted: bytes,
    sig: signal.Signals,
    moment: int,
    side: str,
    left: list[str],
) -> None:
    assert stopped(QUANTIZE, tmp_path, moment, sig, side, str(whole.path)) == left
    if left:
        assert (tmp_path / "model.tflite").read_bytes() == converted
    assert files.read_json(tmp_path / "quantize.json") == {}  # so the other files are not mistaken for a result
    made = quantize.quantize(whole, "int8", models.find("sine").data(), tmp_path)
    assert made.tflite == converted
    assert [p.name for p in tmp_path.iterdir() if "partial" in p.name] == []
