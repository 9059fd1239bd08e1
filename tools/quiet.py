"""Keeps what libraries print away from the user: to a log file, where it can still be read."""

import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def without_warnings() -> Iterator[None]:
    """Hides the Python warnings of libraries as long as the context lasts: their deprecations are not the user's."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@contextmanager
def quiet(log: Path) -> Iterator[None]:
    """Sends everything that Python or C++ code writes to stdout and stderr to ``log``, as long as the context lasts.

    C++ libraries write to the file descriptors, so these are replaced, not only sys.stdout and sys.stderr. Not for
    more than one thread at a time.
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
