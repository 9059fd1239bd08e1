"""Reads QEMU's log of what it executes (-d exec,nochain) while it runs, and counts."""

import os
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

JOIN_SECONDS = 60.0  # to read what is left in the pipe
_STOPPED = b"Stopped execution of TB chain"


class Trace:
    """Counts what is executed from each call of the function at ``entry`` until control returns to its caller.

    ``leaves`` is the (begin, end) of the caller, ``watched`` the (begin, end) of all code that is traced, which must
    include both functions. QEMU logs runs: sequences of instructions executed without a break.
    """

    def __init__(self, watched: Sequence[tuple[int, int]], entry: int, leaves: tuple[int, int]) -> None:
        self.watched = _merged(watched)
        self.calls: list[Counter[tuple[int, int]]] = []
        """For each call: (address of a run, address of the run after it) → how often."""
        self._entry, self._leaves = entry, leaves

    def count(self, lines: Iterator[bytes]) -> None:
        """Takes QEMU's log, which has one line per run."""
        counts: Counter[tuple[int, int]] | None = None
        before: int | None = None  # the run whose successor is not known yet
        last: int | None = None  # the run before that, in case QEMU says that it was not executed
        begin, end = self._leaves
        for line in lines:
            if line.startswith(_STOPPED):
                if counts is not None and before is not None and last is not None:
                    counts[last, before] -= 1
                    before = last
                continue
            if not line.startswith(b"Trace"):
                continue
            at = int(line.split(b"/", 2)[1], 16)
            if counts is None:
                if at == self._entry:
                    counts, before, last = Counter(), at, None
                continue
            assert before is not None
            counts[before, at] += 1
            last, before = before, at
            if begin <= at < end:
                self.calls.append(+counts)
                counts = None


def _merged(places: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """The same places, with adjacent ones joined, because QEMU compares each run with all of them."""
    merged: list[tuple[int, int]] = []
    for begin, end in sorted(places):
        if merged and begin <= merged[-1][1]:
            begin = merged.pop()[0]
        merged.append((begin, end))
    return merged


@contextmanager
def counting(trace: Trace) -> Iterator[list[str]]:
    """QEMU's arguments that send its log to the trace. The context must outlive QEMU."""
    with tempfile.TemporaryDirectory(prefix="kerf-trace-") as folder:
        pipe = Path(folder) / "log"
        os.mkfifo(pipe)

        def read() -> None:
            with pipe.open("rb", buffering=1 << 20) as log:
                trace.count(iter(log))

        thread = threading.Thread(target=read, daemon=True)
        thread.start()
        ranges = ",".join(f"{begin:#x}..{end - 1:#x}" for begin, end in trace.watched)
        try:
            yield ["-d", "exec,nochain", "-dfilter", ranges, "-D", str(pipe)]
        finally:
            with suppress(OSError):  # ends the log if QEMU has not started
                os.close(os.open(pipe, os.O_WRONLY | os.O_NONBLOCK))
            thread.join(timeout=JOIN_SECONDS)
