"""Two kerfs at once in one checkout, in every pair of tasks: each ends as it would alone, and nothing is left."""

import os
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from itertools import combinations_with_replacement
from pathlib import Path

from . import _checkout
from ._faults import Attack
from .interrupts import TASKS, result_of

TITLE = "two tasks at once"
NEEDS = _checkout.NEEDS
SHORT = 1
CASE_SECONDS = 900.0
MEMORY_BYTES = 1 << 30

TOGETHER = TASKS | {
    "render": ("render", "--model", _checkout.MODEL, "--json"),
    "export": ("export", "--model", _checkout.MODEL, "--format", "cmake", "--json"),
    "check-arena": ("run", "--model", _checkout.MODEL, "--samples", "4", "--check-arena", "--json"),
    "inspect": ("inspect", "--model", _checkout.MODEL, "--json"),
    "clean": ("clean",),
}
PAIRS = list(combinations_with_replacement(TOGETHER, 2))
NOTHING_YET = "kerf: there is nothing to report yet: measure something with `inv run`"
LATEST_SECONDS = 3.0  # between the two starts


@contextmanager
def attacks(folder: Path) -> Iterator[Attack]:
    yield partial(attack, _checkout.copied(folder))


def attack(checkout: Path, seed: int, kept: Path) -> int:
    rng = random.Random(seed)
    pair = PAIRS[seed % len(PAIRS)]
    _checkout.make_inputs(checkout, *pair)
    if rng.random() < 0.5:
        _checkout.clean(checkout)
    mark = f"{seed}-{os.getpid()}-{time.monotonic_ns()}"
    started = []
    for number, task in enumerate(rng.sample(pair, 2)):
        with (kept / f"{number}.txt").open("wb") as said:
            started.append((task, _checkout.start(checkout, TOGETHER[task], mark, said)))
        if not number:
            time.sleep(rng.random() * LATEST_SECONDS)
    for number, (task, process) in enumerate(started):
        code = process.wait(CASE_SECONDS / 2)
        said = (kept / f"{number}.txt").read_text(errors="replace")
        if task == "report" and code == 2 and said.strip() == NOTHING_YET:
            continue
        assert code == 0, f"{task} beside {'/'.join(pair)} ended with exit code {code}: {said[-2000:]}"
        if task in ("build", "run"):
            result_of(task, checkout, said)
    _checkout.assert_ended(mark)
    _checkout.assert_clean(checkout)
    return 1
