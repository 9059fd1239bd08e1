"""Training: repeatable, reused, stopped without a trace, and honest about its floor."""

import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest
from heard import Heard
from PIL import Image

from tools import files, models, pipeline, train
from tools.errors import TrainError, UnknownName
from tools.pipeline import jobs, origin, places
from tools.pipeline.jobs import Done
from tools.progress import Progress, Step
from tools.values import Request

pytestmark = pytest.mark.tf
ROOT = Path(__file__).resolve().parents[2]


def test_same_seed_same_bytes_and_another_seed_others(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    made = [train.train("digits", tmp_path / n, seed=s, epochs=1) for n, s in (("a", 1), ("b", 1), ("c", 2))]
    contents = [trained.path.read_bytes() for trained in made]
    assert contents[0] == contents[1] != contents[2]
    assert capfd.readouterr() == ("", ""), "TensorFlow's noise belongs into the log"


@contextmanager
def drawing() -> Iterator[None]:
    """Another thread draws from Python's global random numbers all the time, as Dask's do now and then."""
    stop = threading.Event()

    def draw() -> None:
        while not stop.wait(0.001):
            random.random()

    thread = threading.Thread(target=draw)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def test_a_worker_trains_the_same_model_whatever_else_it_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "BUILD", tmp_path)
    alone = pipeline.train(Request("sine"), Progress(), epochs=1).path
    expected = alone.read_bytes()
    alone.unlink()
    with drawing():
        done = jobs._prepare(Request("sine"), Done(), True)
    assert done.value is None and len(done.warnings) == 1 and "below its floor" in done.warnings[0]
    assert alone.read_bytes() == expected


def test_result_is_reused_until_something_changes(tmp_path: Path) -> None:
    heard = Heard()
    first = train.train("sine", tmp_path, heard, epochs=2)
    stamp = first.path.stat().st_mtime_ns
    assert train.train("sine", tmp_path, heard, epochs=2) == first
    assert first.path.stat().st_mtime_ns == stamp
    assert "already" not in "".join(heard.said), "it was trained in this very command"
    later = Heard()
    train.train("sine", tmp_path, later, epochs=2)
    train.train("sine", tmp_path, later, epochs=2)
    assert later.said == [f"sine is already trained: {first.path}"]
    first.path.write_bytes(b"damaged")
    again = train.train("sine", tmp_path, heard, epochs=2)
    assert f"training sine again: {first.path} has been modified or removed" in heard.said
    assert again == first and again.path.read_bytes() != b"damaged"
    assert train.train("sine", tmp_path, heard, epochs=1).accuracy != first.accuracy


def test_later_stages_keep_what_the_user_trained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "BUILD", tmp_path)
    ask = Request("sine")
    for wish in ({"epochs": 2}, {"seed": 5, "epochs": 1}):
        heard = Heard()
        trained = pipeline.train(ask, heard, **wish)
        content = trained.path.read_bytes()
        assert len(heard.warned) == 1
        later = Heard()
        pipeline.quantize(replace(ask, mode="float32"), later)
        assert trained.path.read_bytes() == content
        assert f"sine is already trained: {trained.path}" in later.said
        again = Heard()
        made = pipeline.quantize(replace(ask, mode="float32", calibration="7"), again)
        assert f"sine float32 is already quantized: {made.path}" in again.said, "float32 needs no calibration"
    assert heard.said[0] == "training sine again: other epochs or another seed"


def test_a_change_is_a_reason_to_train_again_in_the_same_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = train.train("sine", tmp_path, epochs=1, seed=3)
    state = files.read_json(tmp_path / "sine.train.json")
    own = tmp_path / "sine.py"
    own.write_bytes(models.source("sine").read_bytes() + b"# edited")
    monkeypatch.setattr(models, "source", lambda _: own)
    heard = Heard()
    again = train.train("sine", tmp_path, heard, keep=True)
    assert heard.said[0] == "training sine again: sine.py has changed"
    assert again == first
    now = files.read_json(tmp_path / "sine.train.json")
    assert (now["seed"], now["epochs"], now["outputs"]) == (3, 1, state["outputs"])


def test_own_data_do_not_replace_what_was_trained_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "BUILD", tmp_path / "build")
    folders = [tmp_path / where / "pictures" for where in ("a", "b")]
    for folder, kind in product(folders, ("cat", "dog")):
        (folder / kind).mkdir(parents=True)
        for i in range(5):
            Image.new("L", (8, 8), i + (200 if kind == "dog" else 0)).save(folder / kind / f"{i}.png")
    asks = [Request("digits"), *(Request("digits", data=str(folder)) for folder in folders)]
    made = [pipeline.train(ask, Progress(), epochs=1) for ask in asks]
    assert len({trained.path.parent for trained in made}) == 3
    assert made[1].path.parent.name.startswith("digits@pictures-")
    quantized = pipeline.quantize(replace(asks[1], mode="float32"), Progress())
    assert quantized.path.parent.name == made[1].path.parent.name.replace("digits", "digits-float32")
    heard = Heard()
    for ask, trained in zip(asks, made, strict=True):
        assert train.train("digits", trained.path.parent, heard, data=origin.dataset(ask, heard), keep=True) == trained
    assert [text for text in heard.said if "training" in text] == []


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
    with pytest.raises(TrainError, match="0 epochs: --epochs takes a whole number of at least 1"):
        train.train("digits", tmp_path, epochs=0)


@pytest.mark.sampled(one_in=2)
@pytest.mark.parametrize("sig", [signal.SIGINT, signal.SIGKILL])
def test_interrupt_in_the_middle_leaves_no_model(tmp_path: Path, sig: signal.Signals) -> None:
    code = (
        "import sys; from pathlib import Path; from tools import train; from tools.progress import TerminalProgress;"
        "train.train('digits', Path(sys.argv[1]), TerminalProgress(), epochs=4)"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True, env={**os.environ}) as child:
        assert child.stderr is not None
        while "/4 " not in child.stderr.readline():
            assert child.poll() is None
        child.send_signal(sig)
        child.stderr.read()
        assert child.wait() != 0
    assert [p.name for p in tmp_path.iterdir() if p.suffix != ".log"] == []


def test_state_names_what_it_was_made_from(tmp_path: Path) -> None:
    trained = train.train("sine", tmp_path, epochs=1)
    state = files.read_json(tmp_path / "sine.train.json")
    assert state["outputs"] == {"sine.keras": files.sha256(trained.path.read_bytes())}
    assert state["accuracy"] == trained.accuracy
