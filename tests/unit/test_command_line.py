"""How a task ends that a signal interrupts inside a library."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

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
