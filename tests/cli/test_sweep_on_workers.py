"""Many configurations on several workers: each is measured once, whatever becomes of a worker."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from command_line import command_line
from conftest import Kerf

MODEL = Path(__file__).parents[1] / "unit" / "flatten.tflite"
GRID = ("--optimize", "speed,size,ram", "--samples", "4")
DIGITS = (
    *("--modes", "int8,int16x8", "--vary", "filters=8,16,24", "--sparsity", "0,0.8"),
    *("--targets", "stm32f4,mps3-an547"),
)


def recorded(checkout: Path, model: str) -> list[dict[str, Any]]:
    """The records of a model and its versions."""
    path = checkout / "build" / "measurements.jsonl"
    records = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    return [record for record in records if record["model"].startswith(model)]


def configurations(records: list[dict[str, Any]]) -> "Counter[tuple[str, ...]]":
    return Counter((r["model"], r["mode"], r["target"], r["optimize"]) for r in records)


@contextmanager
def running(checkout: Path, folder: Path, *command: str) -> Iterator["subprocess.Popen[str]"]:
    """A process that is killed with the context; its temporary files are in the folder."""
    with (folder / "log").open("a") as log:
        environment = os.environ | {"TMPDIR": str(folder)}
        child = subprocess.Popen(command, cwd=checkout, env=environment, stdout=subprocess.PIPE, stderr=log, text=True)
        try:
            yield child
        finally:
            child.kill()
            child.communicate()


def wait_until(condition: Callable[[], object], child: "subprocess.Popen[str]") -> None:
    end = time.monotonic() + 3600
    while not condition():
        assert child.poll() is None and time.monotonic() < end
        time.sleep(0.05)


def sweep_with_a_loss(checkout: Path, tmp_path: Path, model: str, grid: tuple[str, ...], after: int) -> dict[str, Any]:
    """What a sweep prints whose work is done by two workers, each with emulated boards of its own, of which one is
    killed once ``after`` configurations are recorded."""
    for program in ("arm-none-eabi-g++", "qemu-system-arm"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
    at, log = tmp_path / "scheduler.json", tmp_path / "log"
    scheduler = (sys.executable, "-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0")
    with ExitStack() as stack:

        def start(*command: str) -> "subprocess.Popen[str]":
            return stack.enter_context(running(checkout, tmp_path, *command))

        first = start(*scheduler, "--no-dashboard", "--scheduler-file", str(at))
        wait_until(at.exists, first)
        where = ("--scheduler", json.loads(at.read_text())["address"])
        workers = [start(*command_line(checkout, ["worker", *where])) for _ in range(2)]
        wait_until(lambda: log.read_text().count(f"working for {where[1]}") == 2, workers[0])
        sweep = start(*command_line(checkout, ["sweep", *grid, *where, "--json"]))
        wait_until(lambda: len(recorded(checkout, model)) >= after, sweep)
        workers[0].kill()
        out, _ = sweep.communicate(timeout=3600)
    assert sweep.returncode == 0, log.read_text()
    swept: dict[str, Any] = json.loads(out)
    assert swept["others"] == []
    assert configurations(swept["measured"]) == configurations(recorded(checkout, model))
    return swept


@pytest.mark.emulator
def test_a_killed_worker_and_a_second_sweep(checkout: Path, kerf: Kerf, tmp_path: Path) -> None:
    model = tmp_path / "swept.tflite"  # a name that no other test records
    shutil.copy(MODEL, model)
    grid = (*GRID, "--models", str(model))
    swept = sweep_with_a_loss(checkout, tmp_path, "swept", grid, 1)
    every = Counter({("swept", "int8", "stm32f4", goal): 1 for goal in ("speed", "size", "ram")})
    assert configurations(swept["measured"]) == every

    fastest = min(record["invoke"]["median"] for record in swept["measured"])
    again = kerf("sweep", *grid, "--jobs", "1", "--max-time", str(fastest), "--json")
    assert again.returncode == 0, again.stderr
    assert configurations(recorded(checkout, "swept")) == every, "nothing is measured twice"
    found = json.loads(again.stdout)
    assert configurations(found["measured"]) == every
    assert {found["measured"][i]["invoke"]["median"] for i in found["front"]} == {fastest}


@pytest.mark.soak
@pytest.mark.emulator
def test_digits(checkout: Path, tmp_path: Path) -> None:
    swept = sweep_with_a_loss(checkout, tmp_path, "digits", DIGITS, 8)
    assert len(swept["measured"]) == 24 and set(configurations(swept["measured"]).values()) == {1}
    assert swept["front"]


def test_a_bench_of_several_at_once_is_that_of_one_after_the_other(checkout: Path, kerf: Kerf) -> None:
    """In the interpreter, which needs no firmware; times are those of this machine."""
    models = [str(MODEL), str(MODEL.with_name("stream.tflite"))]
    command = (
        "bench",
        "--models",
        ",".join(models),
        "--modes",
        "int8,float32",
        "--runtimes",
        "tflm",
        "--targets",
        "host",
    )
    before = len(recorded(checkout, ""))
    one, several = (kerf(*command, "--jobs", jobs, "--json") for jobs in ("1", "2"))
    assert (one.returncode, several.returncode) == (1, 1), several.stderr
    assert "2 of 4 runs failed" in one.stderr and "2 of 4 runs failed" in several.stderr
    found = [[json.loads(line) for line in done.stdout.splitlines()] for done in (one, several)]
    for each in (row for rows in found for row in rows if "error" not in row):
        del each["invoke"], each["setup"], each["per_op"]
    assert found[0] == found[1] and len(found[0]) == 4
    assert len(recorded(checkout, "")) == before + 4
