"""Runs CMake for the tests of exports."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PATH = (
    f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # includes the programs of this Python's packages
)
CMAKE = shutil.which("cmake", path=PATH)
GENERATOR = ["-G", "Ninja"] if shutil.which("ninja", path=PATH) else []
has_maker = bool(GENERATOR) or shutil.which("make") is not None

NEEDED = [
    pytest.mark.compiler,
    pytest.mark.skipif(CMAKE is None, reason="needs CMake: pip install cmake"),
    pytest.mark.skipif(shutil.which("g++") is None, reason="needs g++: sudo apt-get install g++"),
    pytest.mark.skipif(not has_maker, reason="needs make or Ninja: sudo apt-get install make"),
]


def cmake(*arguments: str | Path) -> str:
    """The output of CMake; fails the test if CMake fails."""
    assert CMAKE is not None
    done = subprocess.run([CMAKE, *arguments], capture_output=True, text=True, env={**os.environ, "PATH": PATH})
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def configure(source: Path, build: Path, *options: str) -> None:
    """Configures a build in which warnings are errors, including CMake's own."""
    said = cmake("-S", source, "-B", build, *GENERATOR, *options, "-DCMAKE_CXX_FLAGS=-Wall -Wextra -Werror")
    assert "Warning" not in said


def ctest(build: Path) -> str:
    done = subprocess.run(
        [str(Path(CMAKE or "").with_name("ctest")), "--test-dir", str(build), "-V"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout
    return done.stdout
