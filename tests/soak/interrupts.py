"""Signals at random moments of whole tasks: nothing of them stays behind, and the same task then ends with its result.

A copy of the checkout, kept from attack to attack, so that each finds what the attack before it left.
"""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

from tools.files import remove, sha256

from . import ROOT
from ._faults import Attack
from ._networks import networks

TITLE = "signals at random moments of a task"
SHORT = 1
CASE_SECONDS = 900.0
MEMORY_BYTES = 1 << 30

PARTS = ("tasks.py", "platformio.ini", "tools", "templates", "firmware")
TASKS = {
    "quantize": ("quantize", "--model", "dense.keras", "--mode", "int8", "--json"),
    "build": ("build", "--model", "small.tflite", "--json"),
    "run": ("run", "--model", "small.tflite", "--samples", "4", "--json"),
    "report": ("report",),
}
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL)
FIRST_GUESS_SECONDS = 10.0
END_SECONDS = 60.0  # from the signal to the end of the last process
MARK = "KERF_SOAK"  # a variable that all processes of an attack have


@contextmanager
def attacks(folder: Path) -> Iterator[Attack]:
    checkout = folder / "checkout"
    for part in PARTS:
        remove(checkout / part)
        checkout.mkdir(exist_ok=True)
        (shutil.copytree if (ROOT / part).is_dir() else shutil.copy)(ROOT / part, checkout / part)
    (checkout / "small.tflite").write_bytes(networks()[0]())
    yield partial(attack, checkout)


def attack(checkout: Path, seed: int, kept: Path) -> int:
    rng = random.Random(seed)
    task, number = rng.choice(list(TASKS)), rng.choice(SIGNALS)
    if task == "quantize" and not (checkout / "dense.keras").exists():
        make = (
            "import keras; from keras import layers as l;"
            "keras.Sequential([keras.Input((4,)), l.Dense(3, activation='softmax')]).save('dense.keras')"
        )
        subprocess.run([sys.executable, "-c", make], cwd=checkout, check=True, capture_output=True)
    known = checkout / "known.json"  # task → seconds that it takes, digest of its result
    facts = json.loads(known.read_text()) if known.exists() else {}
    seconds, digest = facts.get(task, (FIRST_GUESS_SECONDS, None))
    if rng.random() < 0.7:  # everything anew
        for path in (checkout / "build").glob("*"):
            if path.name not in (".cache", "soak"):
                remove(path)
    temporary = checkout / "tmp"
    temporary.mkdir(exist_ok=True)
    delay = rng.random() * seconds
    (kept / "attack.txt").write_text(f"{number.name} after {delay:.2f} s of {' '.join(TASKS[task])}\n")
    mark = f"{seed}-{os.getpid()}-{time.monotonic_ns()}"
    with (kept / "said.txt").open("wb") as said:
        process = start(checkout, task, temporary, mark, said)
        with suppress(subprocess.TimeoutExpired):
            process.wait(delay)
        code = process.poll()
        if code is None and number in (signal.SIGINT, signal.SIGHUP):
            os.killpg(process.pid, number)  # as a terminal does
        elif code is None:
            process.send_signal(number)
        deadline = time.monotonic() + END_SECONDS
        code = process.wait(END_SECONDS)
        while (left := alive(mark)) and time.monotonic() < deadline:
            time.sleep(0.1)
    assert not left, f"still running: {left}"
    assert code in (0, 130, -number), f"exit code {code}: {(kept / 'said.txt').read_text()[-2000:]}"
    if number != signal.SIGKILL:
        assert_clean(temporary, checkout)
    begin = time.monotonic()
    with (kept / "again.txt").open("wb") as said:
        again = start(checkout, task, temporary, mark, said).wait(CASE_SECONDS / 2)
    output = (kept / "again.txt").read_text()
    assert again == 0, f"the next run ended with exit code {again}: {output[-2000:]}"
    assert_clean(temporary, checkout)
    result = result_of(task, checkout, output)
    assert digest in (None, result), f"the next run's result is {result}, not {digest}"
    facts[task] = max(seconds if digest else 0.0, time.monotonic() - begin), result
    known.write_text(json.dumps(facts))
    return 1


def start(checkout: Path, task: str, temporary: Path, mark: str, said: object) -> "subprocess.Popen[bytes]":
    command = [sys.executable, str(checkout / "tasks.py"), "--search-root", str(checkout), *TASKS[task]]
    environment = {**os.environ, "TMPDIR": str(temporary), MARK: mark}
    return subprocess.Popen(
        command,
        cwd=checkout,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=said,  # type: ignore[arg-type]
        stderr=subprocess.STDOUT,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )


def alive(mark: str) -> list[str]:
    """The command lines of the processes with this mark in their environment."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if f"{MARK}={mark}".encode() in (folder / "environ").read_bytes().split(b"\0"):
                found.append((folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")[:200])
    return found


def assert_clean(temporary: Path, checkout: Path) -> None:
    left = [str(path.relative_to(checkout)) for path in temporary.rglob("*")]
    left += [str(path.relative_to(checkout)) for path in (checkout / "build").rglob("*.partial*")]
    assert not left, f"left behind: {left[:10]}"


def result_of(task: str, checkout: Path, output: str) -> str:
    """What must be the same after every attack."""
    if task == "report":
        page = (checkout / "build" / "report.html").read_bytes()
        assert page.startswith(b"<!doctype html") and page.rstrip().endswith(b"</html>"), "the report is not whole"
        return ""
    (line,) = [line for line in output.splitlines() if line.startswith(("{", "[{"))][-1:]
    found = json.loads(line)
    record = found[0] if isinstance(found, list) else found
    if task == "run":
        assert record["mismatches"] == 0
        return f"{record['flash_bytes']} {record['ram_bytes']} {record['invoke']}"
    if task == "build":
        return json.dumps(record, sort_keys=True)
    return sha256(next((checkout / "build").glob("dense*/model.tflite")).read_bytes())
