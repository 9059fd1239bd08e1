"""A compiler, emulator or PlatformIO that is missing, fails, hangs, is killed or prints garbage: an error says so."""

import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from itertools import product
from pathlib import Path

from tools.errors import KerfError

from . import _checkout
from ._faults import Attack

TITLE = "tools that fail"
NEEDS = _checkout.NEEDS
SHORT = 1
CASE_SECONDS = 900.0
MEMORY_BYTES = 1 << 30

PATIENCE_SECONDS = 120.0  # then Ctrl-C: a compiler may take as long as it wants
GARBAGE = "head -c 10000 /dev/urandom"  # PlatformIO reads its tools letter by letter
FAILURES = {
    "is missing": None,
    "fails silently": "exit 1",
    "fails with garbage": f"{GARBAGE} >&2; exit 1",
    "succeeds and does nothing": "exit 0",
    "succeeds with garbage": f"{GARBAGE}; exit 0",
    "is killed": "kill -KILL $$",
    "crashes": "kill -SEGV $$",
    "is too old": "echo $0: unrecognized option $1 >&2; exit 1",
    "hangs": "sleep 600",
    "talks and hangs": "echo hello; sleep 600",
    "fails at times": '[ $(($$ % 3)) = 0 ] && exit 1\nexec {real} "$@"',
    "writes half a file": 'for last; do :; done; {real} "$@"; case $last in *.o) truncate -s 100 $last;; esac; exit 0',
    "cannot be run": "",
}
TOOLS = (
    "arm-none-eabi-gcc",
    "arm-none-eabi-g++",
    "arm-none-eabi-ar",
    "arm-none-eabi-size",
    "qemu-system-arm",
    "renode",
    "platformio",
)
COMBINATIONS = random.Random(1).sample([*product(TOOLS, FAILURES)], len(TOOLS) * len(FAILURES))
RUN = ("run", "--model", _checkout.MODEL, "--samples", "2", "--json")


@contextmanager
def attacks(folder: Path) -> Iterator[Attack]:
    yield partial(attack, _checkout.copied(folder))


def attack(checkout: Path, seed: int, kept: Path) -> int:
    rng = random.Random(seed)
    tool, failure = COMBINATIONS[seed % len(COMBINATIONS)]
    (kept / "attack.txt").write_text(f"{tool} {failure}\n")
    _checkout.clean(checkout)
    if rng.random() < 0.5 or "gcc" in tool or "g++" in tool:
        shutil.rmtree(checkout / "build" / ".cache", ignore_errors=True)
    programs = checkout / "bin"
    shutil.rmtree(programs, ignore_errors=True)
    programs.mkdir()
    more = {"PATH": search_path(programs, tool if FAILURES[failure] is None else "")}
    if tool == "platformio":
        more["PYTHONPATH"] = str(fake_platformio(checkout, failure))
    else:
        fake(programs / tool, failure)
    run = (*RUN, "--emulator", "renode") if tool == "renode" else RUN
    code, said = outcome(checkout, run, kept, f"{seed}-{os.getpid()}-{time.monotonic_ns()}", more)
    _checkout.assert_clean(checkout)
    assert "Traceback" not in said, said[-3000:]
    assert code in (0, 1, 130), f"exit code {code}: {said[-2000:]}"
    if code == 130:
        assert "hang" in failure, f"no end within {PATIENCE_SECONDS:.0f} s"
        raise KerfError(f"{tool} {failure}: ended by Ctrl-C")
    if code == 1:
        raise KerfError([line for line in said.splitlines() if line.startswith("kerf: ")][-1].removeprefix("kerf: "))
    assert '"mismatches": 0' in said or '"mismatches":0' in said, said[-2000:]
    return 1


def outcome(checkout: Path, run: tuple[str, ...], kept: Path, mark: str, more: dict[str, str]) -> tuple[int, str]:
    """Exit code and output of a run, interrupted if it takes too long; no process is left."""
    with (kept / "said.txt").open("wb") as file:
        process = _checkout.start(checkout, run, mark, file, more)
        try:
            code = process.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGINT)
            code = process.wait(60)
    _checkout.assert_ended(mark, 10)
    return code, (kept / "said.txt").read_text(errors="replace")


def search_path(programs: Path, without: str) -> str:
    """PATH with the fakes first; without ``without``, if that is a tool: then only /bin and /usr/bin follow."""
    if not without:
        return f"{programs}{os.pathsep}{os.environ['PATH']}"
    for folder in ("/bin", "/usr/bin"):
        for path in Path(folder).iterdir():
            if path.name != without and not (programs / path.name).exists():
                (programs / path.name).symlink_to(path)
    return str(programs)


def fake(path: Path, failure: str) -> None:
    """Writes a program that fails in this way."""
    script = FAILURES[failure]
    if script is None:
        return
    real = shutil.which(path.name) or "/nonexistent"
    path.write_text("#!/bin/sh\n" + script.replace("{real}", real) + "\n")
    path.chmod(0o644 if failure == "cannot be run" else 0o755)


def fake_platformio(checkout: Path, failure: str) -> Path:
    """A folder for PYTHONPATH with which `python -m platformio` fails in this way."""
    folder = checkout / "fakes"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    script = FAILURES[failure]
    body = (
        "sys.exit('no PlatformIO')"
        if script is None
        else (f"sys.exit(subprocess.run(['/bin/sh', '-c', {script.replace('{real}', 'false')!r}]).returncode & 255)")
    )
    (folder / "sitecustomize.py").write_text(
        f"import subprocess, sys\nif sys.orig_argv[1:3] == ['-m', 'platformio']:\n    {body}\n"
    )
    return folder
