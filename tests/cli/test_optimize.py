"""`--optimize`: each goal has a folder of its own, its name in the record, and the same outputs."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from command_line import command_line

FLATTEN = Path(__file__).parents[1] / "unit" / "flatten.tflite"


def inv(checkout: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command_line(checkout, list(words)), cwd=checkout, capture_output=True, text=True)


def result(checkout: Path, *words: str) -> Any:
    done = inv(checkout, *words, "--json")
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.compiler
def test_every_goal_is_measured(checkout: Path) -> None:
    if shutil.which("g++") is None:
        pytest.skip("g++ is not installed")
    records = result(checkout, "bench", "--models", str(FLATTEN), "--targets", "host", "--optimize", "speed,size,ram")
    assert [record["optimize"] for record in records] == ["speed", "size", "ram"]
    assert {record["mismatches"] for record in records} == {0}
    made = {path.name for path in (checkout / "build").glob("flatten-*/aot-host*")}
    assert {"aot-host", "aot-host-size", "aot-host-ram"} <= made


def test_a_goal_that_is_none(checkout: Path) -> None:
    done = inv(checkout, "render", "--model", str(FLATTEN), "--optimize", "sped")
    assert done.returncode == 2
    assert "speed" in done.stderr and "sped" in done.stderr and done.stderr.count("\n") <= 3, done.stderr


def test_a_runtime_without_a_choice(checkout: Path) -> None:
    done = inv(checkout, "render", "--model", str(FLATTEN), "--runtime", "tflm", "--optimize", "ram")
    assert done.returncode == 2
    assert "--optimize does not apply to --runtime tflm" in done.stderr
