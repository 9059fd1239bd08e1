"""The developer's commands: the test suite, its long tests, and lint + format + types in Python and C++."""

import os
import subprocess
import sys
from pathlib import Path

from .errors import UsageError

ROOT = Path(__file__).resolve().parent.parent
NO_TESTS = 5  # pytest's exit code when no test was selected
# One process more than the two cores that the suite is meant for, because tests wait for emulators and child processes.
# Whole files, because a file's tests share builds, in the order set by tests/conftest.py.
IN_PARALLEL = ("-n", "3", "--dist", "loadfile", "--no-loadscope-reorder")


def test(only: str, port: str, target: str) -> int:
    """Runs pytest; returns its exit code. ``port`` and ``target`` are for the board tests.

    Raises UsageError for one without the other.
    """
    if bool(port) != bool(target):
        given, missing = ("--port", "--target") if port else ("--target", "--port")
        raise UsageError(f"{given} needs {missing}: the board tests take both, the board's serial port and its target")
    options = [] if port else [*IN_PARALLEL]  # there is only one board
    options += [*(["-k", only] if only else []), *(["--port", port] if port else [])]
    options += ["--target", target] if target else []
    return _pytest(options)


def soak(fault: str, seed: int, minutes: int, *, as_json: bool = False) -> int:
    """Attacks with one kind of fault, or with all if ``fault`` is "" (tests/soak); returns 1 if any ended badly."""
    options = ["--seed", str(seed), "--minutes", str(minutes), *(["--json"] if as_json else [])]
    command = [sys.executable, "-m", "soak", *([fault] if fault else []), *options]
    search_path = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
    return subprocess.run(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": search_path}, check=False).returncode


def long_tests(only: str) -> int:
    """Runs the long tests, and every case of the sampled ones; returns pytest's exit code."""
    return _pytest([*IN_PARALLEL, "--every-case", "-m", "soak or sampled", *(["-k", only] if only else [])])


def _pytest(options: list[str]) -> int:
    code = subprocess.run([sys.executable, "-m", "pytest", *options], cwd=ROOT, check=False).returncode
    return 1 if code == NO_TESTS else code


def check(fix: bool) -> int:
    """Runs every checker, even after one has failed; returns 0 if all pass."""
    cpp = sorted(str(p) for p in (ROOT / "firmware").rglob("*") if p.suffix in (".h", ".cpp"))
    golden = ROOT / "tests" / "golden"  # rendered output, not formatted by hand
    cpp += sorted(str(p) for p in (ROOT / "tests").rglob("*.cpp") if golden not in p.parents)
    commands = {
        "ruff": ["ruff", "check", *(["--fix"] if fix else []), "."],
        "ruff format": ["ruff", "format", *([] if fix else ["--check"]), "."],
        "mypy": ["mypy"],
        "clang-format": ["clang-format", *(["-i"] if fix else ["--dry-run", "-Werror"]), *cpp],
    }
    failed = []
    for name, (program, *arguments) in commands.items():
        beside = Path(sys.executable).with_name(program)
        print(f"{name}:", flush=True)
        if subprocess.run([str(beside), *arguments], cwd=ROOT, check=False).returncode != 0:
            failed.append(name)
    print(f"failed: {', '.join(failed)}" if failed else "all clean")
    return 1 if failed else 0
