"""A copy of the checkout with a small model, in which whole tasks run as a user starts them."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO

from tools.files import remove

from . import ROOT
from ._networks import networks

PARTS = ("tasks.py", "platformio.ini", "tools", "templates", "firmware")
MODEL = "small.tflite"
TOOLS = ("arm-none-eabi-gcc", "qemu-system-arm")
NEEDS = ", ".join(f"{tool} is not installed" for tool in TOOLS if shutil.which(tool) is None)
MAKE_KERAS = (
    "import keras, numpy; from keras import layers as l;"
    "keras.Sequential([keras.Input((4,)), l.Dense(3, activation='softmax')]).save('dense.keras');"
    "numpy.savez('dense.npz', x=numpy.eye(60, 4, dtype='float32'), y=numpy.arange(60) % 3)"
)
MARK = "KERF_SOAK"  # a variable that all processes of an attack have


def copied(folder: Path) -> Path:
    """The copy; its build/ stays from run to run."""
    checkout = folder / "checkout"
    checkout.mkdir(exist_ok=True)
    for part in PARTS:
        remove(checkout / part)
        (shutil.copytree if (ROOT / part).is_dir() else shutil.copy)(ROOT / part, checkout / part)
    (checkout / MODEL).write_bytes(networks()[0]())
    (checkout / "tmp").mkdir(exist_ok=True)
    return checkout


def make_inputs(checkout: Path, *tasks: str) -> None:
    """Makes dense.keras and dense.npz, if a task reads them and they are not there yet."""
    if {"quantize", "compress"}.intersection(tasks) and not (checkout / "dense.npz").exists():
        subprocess.run([sys.executable, "-c", MAKE_KERAS], cwd=checkout, check=True, capture_output=True)


def clean(checkout: Path) -> None:
    """Removes build/ except for compiled objects, so that a task does everything again."""
    for path in (checkout / "build").glob("*"):
        if path.name != ".cache":
            remove(path)


def start(
    checkout: Path, arguments: tuple[str, ...], mark: str, said: IO[bytes], more: Mapping[str, str] | None = None
) -> "subprocess.Popen[bytes]":
    """kerf as a shell starts it: in its own session, and receiving Ctrl-C; its temporary files are in tmp/."""
    return subprocess.Popen(
        [sys.executable, str(checkout / "tasks.py"), "--search-root", str(checkout), *arguments],
        cwd=checkout,
        env={**os.environ, "TMPDIR": str(checkout / "tmp"), MARK: mark, **(more or {})},
        stdin=subprocess.DEVNULL,
        stdout=said,
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


def assert_ended(mark: str, seconds: float = 60.0) -> None:
    """Checks that no process with this mark is left, or will be left soon."""
    deadline = time.monotonic() + seconds
    while (left := alive(mark)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not left, f"still running: {left}"


def assert_clean(checkout: Path) -> None:
    """Checks that no temporary and no half-written file is left."""
    left = [str(path.relative_to(checkout)) for path in (checkout / "tmp").rglob("*")]
    left += [str(path.relative_to(checkout)) for path in (checkout / "build").rglob("*.partial*")]
    assert not left, f"left behind: {left[:10]}"
