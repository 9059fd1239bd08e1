"""The disk becomes full at any write of a task or of what it starts: an error says so, and the next run is right.

full_disk.c is preloaded into every process. The copy of the checkout is kept from attack to attack, so that each finds
what the attack before it left.
"""

import json
import os
import random
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from tools.errors import KerfError

from . import _checkout
from ._faults import Attack
from .interrupts import TASKS, result_of

TITLE = "disk full at any write of a task"
NEEDS = _checkout.NEEDS
SHORT = 1
CASE_SECONDS = 900.0
MEMORY_BYTES = 1 << 30

FIRST_GUESS_WRITES = 100


@contextmanager
def attacks(folder: Path) -> Iterator[Attack]:
    checkout = _checkout.copied(folder)
    library = folder / "full_disk.so"
    source = Path(__file__).with_suffix(".c")
    subprocess.run(["gcc", "-O2", "-shared", "-fPIC", "-o", str(library), str(source), "-ldl"], check=True)
    yield partial(attack, checkout, library)


def attack(checkout: Path, library: Path, seed: int, kept: Path) -> int:
    rng = random.Random(seed)
    task = rng.choice(list(TASKS))
    if task == "report" and not (checkout / "build" / "measurements.jsonl").exists():
        task = "run"  # there is nothing to report yet
    _checkout.make_inputs(checkout, task)
    known = checkout / "known.json"  # task → how often it writes, its result
    facts = json.loads(known.read_text()) if known.exists() else {}
    writes, wanted = facts.get(task, (FIRST_GUESS_WRITES, None))
    if rng.random() < 0.7 and task != "report":
        _checkout.clean(checkout)
    room = rng.randrange(writes)
    (kept / "attack.txt").write_text(f"room for {room} of about {writes} writes of {' '.join(TASKS[task])}\n")
    counter = kept / "writes"
    counter.write_bytes(bytes(8))
    full = {"LD_PRELOAD": str(library), "KERF_SOAK_WRITES": str(counter), "KERF_SOAK_ROOM": str(room)}
    code, said = outcome(checkout, task, kept / "said.txt", full)
    _checkout.assert_clean(checkout)
    assert code in (0, 1), f"exit code {code}: {said[-2000:]}"
    assert "Traceback" not in said, said[-3000:]
    written = int.from_bytes(counter.read_bytes(), "little")
    again, output = outcome(checkout, task, kept / "again.txt", {})
    assert again == 0, f"the next run ended with exit code {again}: {output[-2000:]}"
    _checkout.assert_clean(checkout)
    result = result_of(task, checkout, output)
    assert wanted in (None, result), f"the next run's result is {result}, not {wanted}"
    facts[task] = max(writes if wanted else 1, written), result
    known.write_text(json.dumps(facts))
    if code == 1:
        raise KerfError([line for line in said.splitlines() if line.startswith("kerf: ")][-1].removeprefix("kerf: "))
    assert result_of(task, checkout, said) == result
    return 1


def outcome(checkout: Path, task: str, path: Path, more: dict[str, str]) -> tuple[int, str]:
    """Exit code and output of a task; no process is left."""
    mark = f"{os.getpid()}-{time.monotonic_ns()}"
    with path.open("wb") as file:
        code = _checkout.start(checkout, TASKS[task], mark, file, more).wait(CASE_SECONDS / 2)
    _checkout.assert_ended(mark)
    return code, path.read_text(errors="replace")
