"""Redirects what libraries print to a log file."""

import os
import re
import sys
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import KerfError

_LINE_CHARACTERS = 300
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


@contextmanager
def without_warnings() -> Iterator[None]:
    """Hides Python warnings within the context: the deprecations of libraries are not the user's concern."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@contextmanager
def quiet(log: Path) -> Iterator[None]:
    """Redirects everything that Python or C++ code writes to stdout and stderr to ``log`` within the context.

    C++ libraries write to the file descriptors, so these are replaced, not just sys.stdout and sys.stderr. Not
    thread-safe.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    streams = sys.stdout, sys.stderr
    for stream in streams:
        stream.flush()
    saved = {fd: os.dup(fd) for fd in (1, 2)}
    try:
        with log.open("a", encoding="utf-8") as file, without_warnings():
            for fd in saved:
                os.dup2(file.fileno(), fd)
            sys.stdout = sys.stderr = file
            yield
    finally:
        sys.stdout, sys.stderr = streams
        for fd, copy in saved.items():
            os.dup2(copy, fd)
            os.close(copy)


@contextmanager
def failures_as(kind: type[KerfError], sentence: str, log: Path) -> Iterator[None]:
    """Runs a library quietly; whatever it raises becomes ``kind``, with the line of its message that says why."""
    try:
        with quiet(log):
            yield
    except KerfError:
        raise
    except Exception as error:
        with log.open("a", encoding="utf-8") as file:
            traceback.print_exc(file=file)
        raise kind(f"{sentence}: {useful_line(error)} (its output is in {log})") from error


def useful_line(error: BaseException) -> str:
    """The line of a message that says why: compilers put it after ``error:``, Keras below the name of the layer."""
    lines = [line.strip() for line in _COLOURS.sub("", str(error)).splitlines() if line.strip()]
    marked = [line.rpartition("error: ")[2] for line in lines if "error: " in line]
    telling = [line for line in lines if not line.startswith("Exception encountered when calling") and line[-1] != ":"]
    chosen = (marked or telling or lines or [type(error).__name__])[0]
    return chosen if len(chosen) <= _LINE_CHARACTERS else chosen[:_LINE_CHARACTERS] + "…"
