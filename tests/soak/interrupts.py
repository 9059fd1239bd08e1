"""Signals at random moments of whole tasks: nothing is left behind, and the same task then gives its usual result.

The copy of the checkout is kept from attack to attack, so that each finds what the attack before it left.
"""

import json
import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

from tools.files import sha256

from . import _checkout
from ._faults import Attack

TITLE = "signals at random moments of a task"
NEEDS = _checkout.NEEDS
SHORT = 1
CASE_SECONDS = 900.0
MEMORY_BYTES = 1 << 30

TASKS = {
    "build": ("build", "--model", _checkout.MODEL, "--json"),
    "run": ("run", "--model", _checkout.MODEL, "--samples", "4", "--json"),
    "report": ("report",),
    "quantize": ("quantize", "--model", "dense.keras", "--mode", "int8", "--json"),
    "train": ("train", "--model", "digits", "--epochs", "1", "--json"),
    "compress": (
        "compress",
        "--model",
        "dense.keras",
        "--data",
        "dense.npz",
        "--sparsity",
        "0.5",
        "--epochs",
        "1",
        "--json",
    ),
    "sweep": (
        *("sweep", "--models", _checkout.MODEL, "--optimize", "speed,size", "--targets", "host", "--samples", "4"),
        *("--jobs", "2", "--json"),
    ),
}
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL)
FIRST_GUESS_SECONDS = 10.0
END_SECONDS = 60.0  # from the signal to the end of the last process


@contextmanager
def attacks(folder: Path) -> Iterator[Attack]:
    yield partial(attack, _checkout.copied(folder))


def attack(checkout: Path, seed: int, kept: Path) -> int:
    rng = random.Random(seed)
    task, number = rng.choice(list(TASKS)), rng.choice(SIGNALS)
    if task == "report" and not (checkout / "build" / "measurements.jsonl").exists():
        task = "run"  # there is nothing to report yet
    _checkout.make_inputs(checkout, task)
    known = checkout / "known.json"  # task → seconds that it takes, its result
    facts = json.loads(known.read_text()) if known.exists() else {}
    seconds, wanted = facts.get(task, (FIRST_GUESS_SECONDS, None))
    if rng.random() < 0.7 and task != "report":
        _checkout.clean(checkout)
    delay = rng.random() * seconds
    (kept / "attack.txt").write_text(f"{number.name} after {delay:.2f} s of {' '.join(TASKS[task])}\n")
    mark = f"{seed}-{os.getpid()}-{time.monotonic_ns()}"
    with (kept / "said.txt").open("wb") as said:
        process = _checkout.start(checkout, TASKS[task], mark, said)
        with suppress(subprocess.TimeoutExpired):
            process.wait(delay)
        if process.poll() is None and number in (signal.SIGINT, signal.SIGHUP):
            os.killpg(process.pid, number)  # as a terminal does
        elif process.poll() is None:
            process.send_signal(number)
        deadline = time.monotonic() + END_SECONDS
        code = process.wait(END_SECONDS)
        while (left := _checkout.alive(mark)) and time.monotonic() < deadline:
            time.sleep(0.1)
    assert not left, f"still running: {left}"
    output = (kept / "said.txt").read_text()
    if "Fatal Python error: init" in output:
        return 0  # Python was still starting, and nothing of kerf ran
    assert code in (0, 130, -number), f"exit code {code}: {output[-2000:]}"
    if number != signal.SIGKILL:
        _checkout.assert_clean(checkout)
    begin = time.monotonic()
    with (kept / "again.txt").open("wb") as said:
        again = _checkout.start(checkout, TASKS[task], mark, said).wait(CASE_SECONDS / 2)
    output = (kept / "again.txt").read_text()
    assert again == 0, f"the next run ended with exit code {again}: {output[-2000:]}"
    _checkout.assert_clean(checkout)
    result = result_of(task, checkout, output)
    assert wanted in (None, result), f"the next run's result is {result}, not {wanted}"
    facts[task] = max(seconds if wanted else 0.0, time.monotonic() - begin), result
    known.write_text(json.dumps(facts))
    return 1


def result_of(task: str, checkout: Path, output: str) -> str:
    """What must be the same after every attack."""
    if task == "report":
        page = (checkout / "build" / "report.html").read_bytes().lower().strip()
        assert page.startswith(b"<!doctype html") and page.endswith(b"</html>"), "the report is not whole"
        return ""
    if task == "quantize":
        return sha256(next((checkout / "build").glob("dense*/model.tflite")).read_bytes())
    record = json.loads([line for line in output.splitlines() if line.startswith(("{", "[{"))][-1])
    if task in ("train", "compress"):
        return sha256(Path(record[0]["path"]).read_bytes())
    if task == "sweep":
        measured = record["measured"]
        lines = (checkout / "build" / "measurements.jsonl").read_text().splitlines()
        recorded = [one for one in map(json.loads, lines) if one["target"] == "host"]
        goals = [sorted(one["optimize"] for one in ones) for ones in (measured, recorded)]
        assert goals == [["size", "speed"]] * 2, f"what the sweep measured, and what was recorded: {goals}"
        return json.dumps(sorted((one["optimize"], one["mismatches"], one["flash_bytes"]) for one in measured))
    if task == "build":
        return json.dumps(record[0] | {"compiled": None}, sort_keys=True)  # depends on the attack
    assert record["mismatches"] == 0
    ram = {part: record["ram_bytes"][part] for part in ("static", "arena")}  # interrupts take stack when they come
    return f"{record['flash_bytes']} {ram} {record['invoke']}"
