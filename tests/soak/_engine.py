"""Attacks for some time, counts how the attacks end, and keeps the input of each that ends badly."""

import json
import os
import select
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tools.child import die_with_parent

from . import ROOT, _faults

START_SECONDS = 300.0  # TensorFlow on a busy machine, or a build
GRACE_SECONDS = 1.0
MOST_FAILURES = 20  # of one kind; more would prove nothing new


@dataclass
class Row:
    """One row of the table: attacks of one kind and how they ended."""

    fault: str
    part: str
    seed: int
    right: int = 0
    named: int = 0
    other: int = 0
    seconds: float = 0.0
    sentences: Counter[str] = field(default_factory=Counter)

    @property
    def tried(self) -> int:
        return self.right + self.named + self.other

    def cells(self) -> dict[str, str | int]:
        """The columns, in order."""
        per_second = f"{self.right / self.seconds:.3g}" if self.seconds and self.right else ""
        return {
            "fault": f"{_faults.load(self.fault).TITLE}{', ' if self.part else ''}{self.part}",
            "tried": self.tried,
            "right": self.right,
            "named error": self.named,
            "other": self.other,
            "right per second": per_second,
            "command": f"inv soak {self.fault} --seed {self.seed}",
        }


def soak(name: str, seed: int, folder: Path, seconds: float = 0.0, cases: int = 1) -> list[Row]:
    """Attacks with seeds from ``seed`` on, at least ``cases`` times and at least for ``seconds``.

    An attack that ends badly leaves its input and what it said in ``folder``/NAME/SEED/.
    """
    fault = _faults.load(name)
    rows: dict[str, Row] = {}
    begin, at, own = time.monotonic(), seed, folder / name
    current = own / f"current-{os.getpid()}"  # another soak may be running
    shared = own / "shared"
    shared.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(current, ignore_errors=True)
    failures = 0
    while failures < MOST_FAILURES and (at < seed + cases or time.monotonic() - begin < seconds):
        left = max(seed + cases - at, 0) if not seconds else 1_000_000_000
        with _worker(name, at, left, shared, current) as lines:
            for ended, ending, detail, right, took in lines:
                at = ended + 1
                part = _faults.part(fault, ended)
                row = rows.setdefault(part, Row(name, part, seed))
                row.right += right
                row.named += ending == "named"
                row.other += ending == "other"
                row.seconds += took
                row.sentences.update([_shape(detail)] if ending == "named" else [])
                if ending == "other":
                    failures += 1
                    _keep(current / str(ended), own / str(ended), name, ended, detail)
                if failures == MOST_FAILURES or (at >= seed + cases and time.monotonic() - begin >= seconds):
                    break
    shutil.rmtree(current, ignore_errors=True)
    return list(rows.values())


def _shape(sentence: str) -> str:
    """A sentence without its numbers, to count how often each occurs."""
    return "".join("#" if letter.isdigit() else letter for letter in sentence)[:160]


def _keep(current: Path, place: Path, name: str, seed: int, detail: str) -> None:
    shutil.rmtree(place, ignore_errors=True)
    current.mkdir(parents=True, exist_ok=True)
    current.rename(place)
    again = f"inv soak {name} --seed {seed} --minutes 0"
    (place / "failure.txt").write_text(f"{detail}\n\nagain: {again}\n", encoding="utf-8", errors="backslashreplace")
    last = detail.strip().splitlines()[-1][:300] if detail.strip() else ""
    print(f"{name}, seed {seed}: {last}\n  kept in {place}; again: {again}", file=sys.stderr, flush=True)


@contextmanager
def _worker(
    name: str, seed: int, cases: int, shared: Path, current: Path
) -> Iterator[Iterator[tuple[int, str, str, int, float]]]:
    """A process that attacks; yields how each attack ends. Leaving the context ends the process."""
    search = os.pathsep.join([str(ROOT), str(ROOT / "tests"), *filter(None, [os.environ.get("PYTHONPATH")])])
    process = subprocess.Popen(
        [sys.executable, "-m", "soak._worker", name, str(seed), str(cases), str(shared), str(current)],
        env={**os.environ, "PYTHONPATH": search, "TF_CPP_MIN_LOG_LEVEL": "3"},
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        start_new_session=True,
        preexec_fn=die_with_parent(),
    )
    try:
        yield _endings(process, name, seed)
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def _endings(process: "subprocess.Popen[bytes]", name: str, seed: int) -> Iterator[tuple[int, str, str, int, float]]:
    """Each attack's line; a hang or the end of the process counts as the ending of the attack that was running."""
    limit = _faults.load(name).CASE_SECONDS + GRACE_SECONDS
    first = True
    for line in _lines(process, START_SECONDS, limit):
        if line is None:
            yield seed, "other", f"no end within {START_SECONDS if first else limit:.0f} s", 0, limit
            return
        found, first = json.loads(line), False
        if isinstance(found, list):
            yield found[0], found[1], found[2], found[3], found[4]
            seed = found[0] + 1
    code = process.wait()
    if code:
        yield seed, "other", f"the process ended with exit code {code}", 0, 0.0


def _lines(process: "subprocess.Popen[bytes]", first: float, later: float) -> Iterator[bytes | None]:
    """The lines that a process prints; None, and no more, if it takes too long for one."""
    assert process.stdout is not None
    file, kept, limit, lines = process.stdout.fileno(), b"", first, 0
    deadline = time.monotonic() + limit
    while True:
        ready, _, _ = select.select([file], [], [], max(0.0, deadline - time.monotonic()))
        if not ready:
            yield None
            return
        data = os.read(file, 1 << 16)
        if not data:
            return
        *whole, kept = (kept + data).split(b"\n")
        for line in whole:
            yield line
            lines += 1
        deadline = time.monotonic() + (later if lines else first)
