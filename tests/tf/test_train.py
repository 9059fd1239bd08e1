"""Training: repeatable, reused, stopped without a trace, and honest about its floor."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tools import files, models, train
from tools.errors import TrainError, UnknownName
from tools.progress import Progress, Step

pytestmark = pytest.mark.tf
ROOT = Path(__file__).resolve().parents[2]


class Heard(Progress):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.warned: list[str] = []

    def say(self, text: str) -> None:
        self.said.append(text)

    def warn(self, text: str) -> None:
        self.warned.append(text)


def test_same_seed_same_bytes_and_another_seed_others(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    made = [train.train("digits", tmp_path / n, seed=s, epochs=1) for n, s in (("a", 1), ("b", 1), ("c", 2))]
    contents = [trained.path.read_bytes() for trained in made]
    assert contents[0] == contents[1] != contents[2]
    assert capfd.readouterr() == ("", ""), "TensorFlow's noise belongs into the log"


def test_result_is_reused_until_something_changes(tmp_path: Path) -> None:
    heard = Heard()
    first = train.train("sine", tmp_path, heard, epochs=2)
    stamp = first.path.stat().st_mtime_ns
    assert train.train("sine", tmp_path, heard, epochs=2) == first
    assert first.path.stat().st_mtime_ns == stamp
    assert heard.said[-1] == f"sine is trained already: {first.path}"
    first.path.write_bytes(b"damaged")
    again = train.train("sine", tmp_path, heard, epochs=2)
    assert again == first and again.path.read_bytes() != b"damaged"
    assert train.train("sine", tmp_path, heard, epochs=1).accuracy != first.accuracy


def test_below_the_floor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sine = models.find("sine")
    monkeypatch.setattr(sine, "EPOCHS", 1)
    with pytest.raises(TrainError, match=r"sine reached R² -?\d\.\d+ on its test set, below its floor of 0\.97"):
        train.train("sine", tmp_path)
    heard = Heard()
    train.train("sine", tmp_path, heard, epochs=1)  # asked for: a quick try
    assert len(heard.warned) == 1 and "below its floor" in heard.warned[0]


def test_progress_is_per_epoch(tmp_path: Path) -> None:
    steps: list[tuple[str, int, int]] = []

    class Counted(Progress):
        @contextmanager
        def bar(self, title: str, total: int) -> Iterator[Step]:
            yield lambda done, note: steps.append((title, done, total))

    train.train("sine", tmp_path, Counted(), epochs=3)
    assert steps == [("training sine", done, 3) for done in (1, 2, 3)]


def test_unknown_model_and_no_epochs(tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="unknown model 'mnist'"):
        train.train("mnist", tmp_path)
    with pytest.raises(TrainError, match="0 epochs: give at least 1"):
        train.train("digits", tmp_path, epochs=0)


@pytest.mark.parametrize("sig", [signal.SIGINT, signal.SIGKILL])
def test_interrupt_in_the_middle_leaves_no_model(tmp_path: Path, sig: signal.Signals) -> None:
    code = (
        "import sys; from pathlib import Path; from tools import train; from tools.progress import TerminalProgress;"
        "train.train('digits', Path(sys.argv[1]), TerminalProgress(), epochs=20)"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True, env={**os.environ}) as child:
        assert child.stderr is not None
        deadline = time.monotonic() + 120
        while "/20 " not in child.stderr.readline():
            assert child.poll() is None and time.monotonic() < deadline
        child.send_signal(sig)
        child.stderr.read()
        assert child.wait(timeout=30) != 0
    assert [p.name for p in tmp_path.iterdir() if p.suffix != ".log"] == []


def test_state_names_what_it_was_made_from(tmp_path: Path) -> None:
    trained = train.train("sine", tmp_path, epochs=1)
    state = files.read_json(tmp_path / "sine.train.json")
    assert state["sha256"] == files.tree_digest(trained.path)
    assert state["accuracy"] == trained.accuracy
