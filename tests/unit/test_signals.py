"""How a task ends that a signal interrupts inside a library."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tools.pipeline.survey import TIMED_OUT

ROOT = Path(__file__).parents[2]
TASK = """
import os, signal, sys
from invoke.exceptions import Exit
from tools.command_line import kerf_task

@kerf_task()
def train(request):
    try:
        os.kill(os.getpid(), {number})
        for _ in range(1000000):
            pass
    except KeyboardInterrupt as error:
        raise {error}("as a library does") from error

try:
    train.body(None)
except Exit as end:
    print(end.message or "")
    sys.exit(end.code)
"""


@pytest.mark.parametrize(
    ("number", "error"),
    [
        (signal.SIGINT, "TypeError"),
        (signal.SIGTERM, "OSError"),
        (signal.SIGHUP, "MemoryError"),
        (signal.SIGINT, "__import__('tools.errors').errors.TrainError"),
    ],
)
def test_what_a_library_makes_of_a_signal_is_still_an_interrupt(number: signal.Signals, error: str) -> None:
    code = TASK.format(number=int(number), error=error)
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stdout.strip(), done.stderr) == (130, "", "")


ATTEMPT = """
import signal, sys
from tools.pipeline import attempt

def steps(ask, progress):
    try:
        signal.raise_signal(signal.SIGALRM)
    except KeyboardInterrupt as error:
        raise TypeError("as a library does") from error
    yield {}

attempt.steps = steps
attempt.main("{}", "100", sys.argv[1])
"""


@pytest.mark.skipif(not hasattr(signal, "SIGALRM"), reason="this system has no SIGALRM")
def test_the_end_of_a_files_time_in_a_survey_is_still_that(tmp_path: Path) -> None:
    result = tmp_path / "result.json"
    done = subprocess.run([sys.executable, "-c", ATTEMPT, result], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stderr, result.exists()) == (TIMED_OUT, "", False)
