"""What QEMU says it has executed (-d exec,nochain), read while it runs and counted."""

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
    """Counts the runs of instructions from each entry of ``entry`` until execution is in ``leaves`` (begin, end).

    ``watched`` are the (begin, end) of the code that is traced; it must hold both.
    """

    def __init__(self, watched: Sequence[tuple[int, int]], entry: int, leaves: tuple[int, int]) -> None:
        self.watched = _merged(watched)
        self.calls: list[Counter[tuple[int, int]]] = []
        """For each call of ``entry``: (first instruction, the one after the last) of a run → how often."""
        self._entry, self._leaves = entry, leaves

    def count(self, lines: Iterator[bytes]) -> None:
        """Takes QEMU's log, one line per run of instructions."""
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
    """The same places with adjacent ones joined: QEMU compares each run of instructions with all of them."""
    merged: list[tuple[int, int]] = []
    for begin, end in sorted(places):
        if merged and begin <= merged[-1][1]:
            begin = merged.pop()[0]
        merged.append((begin, end))
    return merged


@contextmanager
def counting(trace: Trace) -> Iterator[list[str]]:
    """The arguments with which QEMU's log goes to the trace. The context must outlive QEMU."""
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
