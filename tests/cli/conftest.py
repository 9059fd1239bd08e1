"""kerf as a user runs it: from a copy of the checkout, in a process of its own."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from command_line import command_line

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT / "tests" / "host"))  # single_op.py
PARTS = ("tasks.py", "platformio.ini", "tools", "templates", "firmware")

Kerf = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy with its own build/."""
    copy = tmp_path_factory.mktemp("checkout")
    for part in PARTS:
        make = shutil.copytree if (ROOT / part).is_dir() else shutil.copy
        make(ROOT / part, copy / part)
    return copy


@pytest.fixture(scope="session")
def kerf(checkout: Path) -> Kerf:
    """kerf("run", "--target", …, path=PATH): exit code, standard output and error."""

    def run(*arguments: str, path: str | None = None) -> "subprocess.CompletedProcess[str]":
        environment = os.environ | ({"PATH": path} if path is not None else {})
        command = command_line(checkout, arguments)
        return subprocess.run(command, cwd=checkout, env=environment, capture_output=True, text=True, check=False)

    return run
