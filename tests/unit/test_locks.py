"""Locks in build/: processes that wait for each other, are killed or interrupted, or clean up."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

import pytest
from heard import Heard

from tools import locks
from tools.progress import Progress

ROOT = Path(__file__).parents[2]
HOLD = """
import sys, time
from pathlib import Path
from tools import locks
from tools.progress import TerminalProgress
build = Path(sys.argv[1])
with locks.locked(build, build / sys.argv[2], TerminalProgress(), "building " + sys.argv[2]):
    print("mine", flush=True)
    sys.stdin.readline()
"""
COUNT = """
import sys
from pathlib import Path
from tools import locks
from tools.progress import Progress
locks.POLL_SECONDS = 0.001
build = Path(sys.argv[1])
number = build / "number"
for _ in range(40):
    with locks.locked(build, number, Progress(), "counting"):
        number.write_text(str(int(number.read_text()) + 1))
"""


CONTEND = """
import os, random, sys, time
from pathlib import Path
from tools import locks
from tools.progress import Progress
locks.POLL_SECONDS = 0.001
build, end = Path(sys.argv[1]), time.monotonic() + 3
print("begun", flush=True)
while time.monotonic() < end:
    with locks.locked(build, build / "shared", Progress(), "working"):
        os.close(os.open(build / "inside", os.O_CREAT | os.O_EXCL))  # fails where two are inside
        with locks.locked(build, build / f"copy-{os.getpid()}", Progress(), "copying"):
            os.unlink(build / "inside")
    time.sleep(random.random() / 1000)
"""


@pytest.fixture(autouse=True)
def build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(locks, "PATIENCE_SECONDS", 0.2)
    return tmp_path / "build"


Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start(build: Path) -> Iterator[Start]:
    """Another kerf, which takes the lock of a folder and holds it until its standard input ends."""
    started = []

    def run(script: str, *arguments: str) -> "subprocess.Popen[str]":
        command = [sys.executable, "-c", script, str(build), *arguments]
        pipe = subprocess.PIPE
        process = subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, stderr=pipe, text=True)
        started.append(process)
        return process

    yield run
    for process in started:
        with process:
            process.kill()


def hold(start: Start, name: str) -> "subprocess.Popen[str]":
    process = start(HOLD, name)
    assert process.stdout is not None and process.stdout.readline() == "mine\n"
    return process


def let_go(process: "subprocess.Popen[str]") -> None:
    assert process.stdin is not None
    process.stdin.close()


def until(happened: Callable[[], object]) -> None:
    while not happened():  # as long as the test may take
        time.sleep(0.05)


def test_a_free_lock_is_taken_without_a_word_and_leaves_no_file(build: Path) -> None:
    heard = Heard()
    with locks.locked(build, build / "digits", heard, "building digits"):
        assert len(list((build / locks.LOCKS).glob("*.lock"))) == 1
    assert heard.said == []
    assert os.listdir(build / locks.LOCKS) == []


def test_who_waits_says_for_whom_and_then_gets_it(start: Start, build: Path) -> None:
    other, heard = hold(start, "digits"), Heard()
    waiting = threading.Thread(
        target=lambda: locks.locked(build, build / "digits", heard, "x").__enter__(), daemon=True
    )
    waiting.start()
    until(lambda: heard.said)
    assert heard.said == [f"waiting for another kerf (process {other.pid}), which is building digits"]
    assert waiting.is_alive()
    let_go(other)
    waiting.join()
    assert len(heard.said) == 1


def test_other_folders_are_free_meanwhile(start: Start, build: Path) -> None:
    hold(start, "digits")
    with locks.locked(build, build / "sine", Progress(), "building sine"):
        pass


def test_a_killed_kerf_holds_nothing(start: Start, build: Path) -> None:
    other = hold(start, "digits")
    other.kill()
    other.wait()
    heard = Heard()
    with locks.locked(build, build / "digits", heard, "building digits"):
        pass
    assert heard.said == [] and os.listdir(build / locks.LOCKS) == []


@pytest.mark.skipif(os.name != "posix", reason="there is no SIGINT for one process")
def test_an_interrupt_ends_the_waiting(start: Start, build: Path) -> None:
    other = hold(start, "digits")
    waiting = start(HOLD, "digits")
    assert waiting.stderr is not None and "waiting for another kerf" in waiting.stderr.readline()
    waiting.send_signal(signal.SIGINT)
    assert waiting.wait() != 0
    let_go(other)
    assert other.wait() == 0
    assert os.listdir(build / locks.LOCKS) == []


def test_never_two_at_once(start: Start, build: Path) -> None:
    """Lock files come and go all the time; no process may rely on one that has been removed."""
    build.mkdir()
    (build / "number").write_text("0")
    counting = [start(COUNT) for _ in range(3)]
    assert [process.wait() for process in counting] == [0] * 3
    assert (build / "number").read_text() == "120"


def test_a_lock_that_a_killed_kerf_alone_would_use_leaves_no_file(start: Start, build: Path) -> None:
    other = hold(start, "copy-of-one-process")
    other.kill()
    other.wait()
    with locks.locked(build, build / "digits", Progress(), "building"):
        pass
    assert os.listdir(build / locks.LOCKS) == []


def test_nothing_is_left_by_many(start: Start, build: Path) -> None:
    """Four at once, one of which is killed while it holds the lock of its own copy."""
    contending, killed = [start(CONTEND) for _ in range(3)], hold(start, "copy-of-the-killed")
    for process in contending:
        assert process.stdout is not None and process.stdout.readline() == "begun\n"
    killed.kill()
    killed.wait()
    ends = [(process.communicate()[1], process.returncode) for process in contending]
    assert ends == [("", 0)] * 3
    assert os.listdir(build / locks.LOCKS) == []


def test_waiting_for_oneself_is_a_defect(build: Path) -> None:
    with (
        locks.locked(build, build / "digits", Progress(), "building"),
        pytest.raises(RuntimeError, match="would wait for itself"),
        locks.locked(build, build / "digits", Progress(), "building"),
    ):
        pass
    with locks.locked(build, build / "digits", Progress(), "building"):
        pass


def test_clear_removes_everything(build: Path) -> None:
    locks.clear(build, Progress())  # nothing there
    with locks.locked(build, build / "digits", Progress(), "building"):
        (build / "digits").mkdir()
    ((build / locks.LOCKS) / "left-by-a-killed-one.lock").write_text("")
    ((build / locks.LOCKS) / "left-by-a-killed-one.json").write_text("{}")
    (build / "report.html").write_text("")
    locks.clear(build, Progress())
    assert not build.exists()


def test_clear_sees_a_lock_that_is_taken_while_it_looks(build: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`run` takes the lock of its copy and then releases that of the project."""
    folder, copy, heard, taken = build / locks.LOCKS, build / "copy", Heard(), locks._taken
    with ExitStack() as running, ExitStack() as building:
        building.enter_context(taken(folder / "project.lock", "building"))

        def after_the_exchange(path: Path, doing: str = "") -> AbstractContextManager[None]:
            if path.name != locks.GATE and not copy.exists():
                copy.write_text("")
                running.enter_context(taken(folder / "copy.lock", "running"))
                building.close()
            return taken(path, doing)

        monkeypatch.setattr(locks, "_taken", after_the_exchange)
        clearing = threading.Thread(target=locks.clear, args=(build, heard))
        clearing.start()
        until(lambda: heard.said or not clearing.is_alive())
        assert copy.exists() and heard.said[0].endswith("which is running")
    clearing.join()
    assert not build.exists()


def test_clear_waits_for_those_at_work_who_may_take_another_lock(start: Start, build: Path) -> None:
    """And a kerf that starts meanwhile waits; otherwise it would find half of build/."""
    heard, newcomer = Heard(), Heard()
    with locks.locked(build, build / "digits", Progress(), "building digits"):
        clearing = threading.Thread(target=locks.clear, args=(build, heard))
        clearing.start()
        until(lambda: heard.said)
        assert heard.said[0] == f"waiting for another kerf (process {os.getpid()}), which is building digits"

        def begin() -> None:
            with locks.locked(build, build / "sine", newcomer, "building sine"):
                (build / "sine").mkdir()

        beginning = threading.Thread(target=begin)
        beginning.start()
        until(lambda: newcomer.said)
        assert newcomer.said[0].endswith("which is removing build/")
        (build / "digits").mkdir()
        with locks.locked(build, (build / "measurements.jsonl"), Progress(), "recording"):
            (build / "measurements.jsonl").write_text("")
        assert (build / "digits").is_dir()
    clearing.join()
    beginning.join()
    assert sorted(path.name for path in build.iterdir() if path != (build / locks.LOCKS)) == ["sine"]
