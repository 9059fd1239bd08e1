"""Runs a module of kerf as a program of its own, for C++ libraries that may crash on a user's model."""

import os
import subprocess
import sys
from pathlib import Path
from typing import IO


def run(
    module: str,
    *arguments: str,
    stdout: int | IO[str] = subprocess.PIPE,
    stderr: int | IO[str] = subprocess.PIPE,
    timeout_s: float | None = None,
) -> "subprocess.CompletedProcess[str]":
    """``python -m module arguments…`` with this Python and this kerf, whatever the exit code.

    Raises subprocess.TimeoutExpired after ``timeout_s`` seconds; the child is dead by then.
    """
    own = str(Path(__file__).resolve().parents[1])
    search_path = os.pathsep.join([own, *filter(None, [os.environ.get("PYTHONPATH")])])
    return subprocess.run(
        [sys.executable, "-m", module, *arguments],
        env={**os.environ, "PYTHONPATH": search_path, "TF_CPP_MIN_LOG_LEVEL": "3"},
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=stderr,
        encoding="utf-8",
        errors="replace",
        timeout=timeout_s,
        check=False,
    )
