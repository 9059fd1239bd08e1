"""Shared by the scripts of this folder: the instructions of each step of a .tflite, and the .csv they are kept in."""

import csv
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "host")]

from tools import pipeline  # noqa: E402
from tools.pipeline import Outcome, places  # noqa: E402
from tools.progress import TerminalProgress  # noqa: E402
from tools.values import Request  # noqa: E402

TARGET = "stm32f4"
Row = dict[str, Any]


def steps(tflite: bytes, name: str, runtime: str) -> list[int]:
    """The instructions of each step of a model for the target, compiled for speed. ``name`` is that of its file."""
    path = places.BUILD / "plots" / f"{name}.tflite"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(tflite)
    goals = "speed" if pipeline.RUNTIMES[runtime].goals() else ""
    ask = Request(samples=1, emulator="qemu")
    (outcome,) = pipeline.bench_all(ask, str(path), "", runtime, TARGET, TerminalProgress(), goals)
    pipeline.require_match([outcome])
    assert isinstance(outcome, Outcome) and outcome.measurement.per_op is not None
    return [step["median"] for step in outcome.measurement.per_op]


def update(file: Path, columns: Sequence[str], measured: Callable[[str], list[Row]]) -> list[Row]:
    """The rows of a .csv, in which those of the runtimes on the command line (by default aot) are measured again."""
    runtimes = sys.argv[1:] or ["aot"]
    rows: list[Row] = []
    if file.exists():
        with file.open(newline="") as stream:
            rows = [row for row in csv.DictReader(stream) if row["runtime"] not in runtimes]
    rows += [row for runtime in runtimes for row in measured(runtime)]
    with file.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return rows
