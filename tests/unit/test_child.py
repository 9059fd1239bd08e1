"""A function called in a process of its own, and a program that is asked for its version."""

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tools import child
from tools.errors import KerfError


def test_it_returns_what_the_function_returns_in_another_process() -> None:
    assert child.call(divmod, 17, 5) == (3, 2)
    assert child.call(os.getpid) != os.getpid()


@pytest.mark.parametrize(
    ("function", "arguments", "sentence"),
    [
        (divmod, (1, 0), r"its process ended without a result \(exit code 1: ZeroDivisionError: .*zero"),
        (os._exit, (3,), r"its process ended without a result \(exit code 3\)"),
        (signal.raise_signal, (signal.SIGKILL,), r"its process ended without a result \(SIGKILL\)"),
    ],
    ids=["exception", "exit", "crash"],
)
def test_it_says_how_the_process_ended(function: object, arguments: tuple[int, ...], sentence: str) -> None:
    with pytest.raises(KerfError, match=sentence):
        child.call(function, *arguments)  # type: ignore[arg-type]


def test_an_answer_with_any_exit_code() -> None:
    done = child.ask(["sh", "-c", "echo version 3; echo oh >&2; exit 2"])
    assert (done.returncode, done.stdout, done.stderr) == (2, b"version 3\n", b"oh\n")


def test_who_does_not_answer_is_killed_with_what_it_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child, "ANSWER_SECONDS", 0.5)
    with pytest.raises(subprocess.TimeoutExpired):
        child.ask(["sh", "-c", f"sleep 600 & echo $! > {tmp_path}/pid; echo hello; wait"])
    status = Path("/proc") / (tmp_path / "pid").read_text().strip() / "stat"
    for _ in range(100):
        if not status.exists() or status.read_text().rpartition(")")[2].split()[0] == "Z":
            return
        time.sleep(0.05)
    pytest.fail("what it had started still runs")
