"""Locks, so that several kerfs can work in the same build/ at once.

One rule keeps them apart: whatever more than one process may write is read and written inside `locked`, named by its
folder or file. What one stage passes to the next is in memory, or in a copy that no other process writes.

A stage releases its lock before the next stage takes one. Where two are held at once, the outer one is that of a copy
that only this process uses, or the inner one belongs to something that takes no lock itself (fetching a library,
appending a record). This rules out deadlocks.

The operating system releases the locks of a process that ends, however it ends (flock). The lock file of a process that
was killed remains until the next kerf removes it.
"""

import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from . import files
from .progress import Progress

LOCKS = ".locks"  # in build/: a file for each lock that is currently held, and a note about its holder
POLL_SECONDS = 0.1
PATIENCE_SECONDS = 0.5  # a shorter wait is not worth reporting
GATE = "gate.lock"


class _Busy(Exception):
    """Another kerf holds the lock."""

    def __init__(self, path: Path) -> None:
        self.path = path


class _Mine(threading.local):
    """The locks held by a thread."""

    def __init__(self) -> None:
        self.held: set[Path] = set()


_mine = _Mine()


@contextmanager
def locked(build: Path, shared: Path, progress: Progress, doing: str) -> Iterator[None]:
    """Keeps every other kerf away from ``shared``, a folder or file that need not exist, while the context lasts.

    ``build`` is the folder with the locks. Waits until the lock is free and reports what it is waiting for; ``doing``,
    such as "building digits", is shown to those who wait for this process.
    """
    path = build / LOCKS / f"{files.digest(str(files.real(shared)))[:16]}.lock"
    if path in _mine.held:
        raise RuntimeError(f"this thread already holds the lock of {shared} and would wait for itself")

    def begin(stack: ExitStack) -> None:
        # `clear` closes the gate to newcomers; those already at work must be able to finish.
        with nullcontext() if _mine.held else _taken(build / LOCKS / GATE):
            stack.enter_context(_taken(path, doing))

    with ExitStack() as stack:
        _wait(lambda: begin(stack), progress)
        _sweep(build / LOCKS)
        _mine.held.add(path)
        try:
            yield
        finally:
            _mine.held.remove(path)


def clear(build: Path, progress: Progress) -> None:
    """Removes the folder ``build`` once no other kerf is using it; none can start in the meantime."""
    if not build.exists():
        return
    folder, doing = build / LOCKS, f"removing {build.name}/"
    gate = folder / GATE

    def remove() -> None:
        with ExitStack() as everything:  # or nothing: another kerf may need one of these locks to finish
            taken = {gate}
            # Until no new lock is found: a kerf may have taken its second lock and released its first one meanwhile.
            while others := sorted(set(folder.glob("*.lock")) - taken):
                for path in others:
                    everything.enter_context(_taken(path, doing))
                taken.update(others)
            for path in (*build.iterdir(), *folder.iterdir()):
                if path not in (folder, gate, _note(gate)):
                    files.remove(path)

    with ExitStack() as closed:
        _wait(lambda: closed.enter_context(_taken(gate, doing)), progress)
        _wait(remove, progress)
    for empty in (folder, build):
        with suppress(OSError):  # it is not empty: the next kerf has started
            empty.rmdir()


def _sweep(folder: Path) -> None:
    """Removes lock files of killed processes, because nobody may ever ask for those locks again.

    The lock itself decides whether it is held. The note only avoids trying the locks of running processes, which could
    delay others by one POLL_SECONDS.
    """
    for path in set(folder.glob("*.lock")) - {folder / GATE}:
        process = files.read_json(_note(path)).get("process")
        if not (isinstance(process, int) and files.is_running(process)):
            with suppress(_Busy), _taken(path):
                pass


def _wait(attempt: Callable[[], object], progress: Progress) -> None:
    """Repeats ``attempt`` until no lock is in its way."""
    since = time.monotonic()
    while True:
        try:
            attempt()
            return
        except _Busy as busy:
            holder = files.read_json(_note(busy.path))
        if time.monotonic() - since > PATIENCE_SECONDS and "doing" in holder:
            text = f"waiting for another kerf (process {holder['process']}), which is {holder['doing']}"
            if progress.is_news(text):
                progress.say(text)
        time.sleep(POLL_SECONDS)


@contextmanager
def _taken(path: Path, doing: str = "") -> Iterator[None]:
    """Holds a lock if it is free; raises _Busy if not. ``doing`` goes into a note for those who wait."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path)
    try:
        lock.acquire(blocking=False)
    except (Timeout, FileNotFoundError):  # the latter when `clear` has just removed the folder
        raise _Busy(path) from None
    try:
        if doing:
            with suppress(OSError):  # a full disk must not prevent the work
                files.write(_note(path), json.dumps({"process": os.getpid(), "doing": doing}).encode())
        yield
    finally:
        # Removed while held, so it is ours: filelock retries when the file it has locked is gone from the folder.
        for file in (_note(path), path):
            with suppress(OSError):
                file.unlink()
        lock.release()


def _note(path: Path) -> Path:
    return path.with_suffix(".json")
