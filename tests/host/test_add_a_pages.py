"""docs/add-….md are correct: a copy of the checkout that follows a page word for word works as the page says.

Two things on a page are used, in order: code blocks under a file's name, which are the file or a diff of it; and
commands, which must succeed.
"""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from cases import activation
from single_op import TensorSpec, single_op

from tools.oracle import TFLM, is_installed

pytestmark = [
    pytest.mark.compiler,
    pytest.mark.skipif(shutil.which("g++") is None, reason="needs g++: sudo apt-get install g++"),
    pytest.mark.skipif(not is_installed(TFLM), reason="needs the tflite-micro package (Linux x86-64)"),
]

ROOT = Path(__file__).parents[2]
CHECKOUT = ("tools", "templates", "firmware", "tests", "platformio.ini", "pyproject.toml", "tasks.py")
STEP = re.compile(
    r"^\*\*(?P<file>\S+)\*\*\n\n```(?P<language>\w+)\n(?P<text>.*?)^```$|^    (?P<command>(?:inv|pytest) [^\n]+)$",
    re.M | re.S,
)
PROGRAMS = {"inv": ["tasks.py"], "pytest": ["-m", "pytest", "-p", "no:cacheprovider"]}


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of the files that are needed, and the model that the pages use."""
    for name in CHECKOUT:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, tmp_path)
    shape = TensorSpec((2,), "int32", data=np.array([4, 3], np.int32))
    reshape = single_op("RESHAPE", [activation((3, 4), "int8"), shape], [activation((4, 3), "int8")], "ReshapeOptions")
    (tmp_path / "reshape.tflite").write_bytes(reshape)
    return tmp_path


def follow(page: str, checkout: Path) -> list[str]:
    """Follows a page in the copy; returns what each of its commands printed."""
    said = []
    for step in STEP.finditer((ROOT / "docs" / page).read_text(encoding="utf-8")):
        if step["command"]:
            said.append(run(step["command"], checkout))
        elif step["language"] == "diff":
            apply(step["text"], checkout / step["file"])
        else:
            file = checkout / step["file"]
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(step["text"], encoding="utf-8")
    return said


def apply(diff: str, file: Path) -> None:
    """Changes a file: each hunk's old lines must be there once."""
    text = file.read_text(encoding="utf-8")
    for hunk in diff.split("@@\n")[1:]:
        lines = hunk.splitlines(keepends=True)
        old = "".join(line[1:] for line in lines if line[0] in " -")
        assert text.count(old) == 1, f"{file.name} does not have this once:\n{old}"
        text = text.replace(old, "".join(line[1:] for line in lines if line[0] in " +"))
    file.write_text(text, encoding="utf-8")


def run(command: str, checkout: Path) -> str:
    program, *words = shlex.split(command)
    child = subprocess.run(
        [sys.executable, *PROGRAMS[program], *words],
        cwd=checkout,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    assert child.returncode == 0, f"{command}\n{child.stdout}\n{child.stderr}"
    return child.stdout


def test_an_operator_and_a_kernel(checkout: Path) -> None:
    """The second page continues where the first ends."""
    tests, ops = follow("add-an-op.md", checkout)
    assert "6 passed" in tests
    assert re.search(r"BITWISE_XOR\b.*\bint8\b", ops)
    (on_cores,) = follow("add-a-kernel.md", checkout)
    assert re.search(r"\b[34] passed", on_cores), "the last test needs a compiler for Cortex-M, and QEMU"


def test_a_runtime(checkout: Path) -> None:
    (ran,) = follow("add-a-runtime.md", checkout)
    assert "copy" in ran


@pytest.mark.skipif(shutil.which("make") is None, reason="needs make: sudo apt-get install make")
def test_a_package(checkout: Path) -> None:
    (exported,) = follow("add-a-package.md", checkout)
    assert "reshape" in exported
    made = subprocess.run(["make", "-C", checkout / "made", "check"], capture_output=True, text=True)
    assert re.search(r"^PASS: reshape, 10 samples", made.stdout, re.M), made.stdout + made.stderr


def test_an_emulator(checkout: Path) -> None:
    doctor, ran = follow("add-an-emulator.md", checkout)
    assert re.search(r"ok +env\b", doctor)
    assert "env" in ran
