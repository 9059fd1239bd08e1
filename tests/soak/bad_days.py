"""A bench of nine runs on which builds and boards fail: all others are measured, and each failure is a row with why."""

import contextlib
import io
import random
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path

import bad_bench

from ._faults import Attack

TITLE = "benches of nine runs on which builds and boards fail"
SHORT = 3
CASE_SECONDS = 60.0
MEMORY_BYTES = 2 << 30

FIRST_WRITES = 30  # the requests before which a board may vanish or crash; a run has more


@contextmanager
def attacks(folder: Path) -> Iterator[Attack]:
    yield attack


def attack(seed: int, kept: Path) -> int:
    rng = random.Random(seed)
    runs = list(product(bad_bench.MODELS, bad_bench.TARGETS))
    failing = rng.sample(runs, rng.randrange(len(runs) + 1))
    troubles = {run: rng.choice(list(bad_bench.TROUBLES)) for run in failing}
    (kept / "troubles.txt").write_text("".join(f"{run}: {trouble}\n" for run, trouble in troubles.items()))
    said, progress = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8") for _ in range(2))
    with (
        bad_bench.bench(kept, troubles, rng.randrange(FIRST_WRITES)) as bench,
        contextlib.redirect_stdout(said),
        contextlib.redirect_stderr(progress),
    ):
        ended = bench(True)
        said.seek(0)
        bad_bench.check(said.read(), troubles, ended)
    return 1
