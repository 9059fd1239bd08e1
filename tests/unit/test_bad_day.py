"""A bad day of the bench: builds fail, a board vanishes, another has the wrong firmware; all the rest is measured.

Everything is real except the conversion, the compiler and the boards.
"""

import errno
import json
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fake_firmware import FakeFirmware
from invoke.context import Context
from invoke.exceptions import Exit

import tasks
from tools.errors import BuildError
from tools.files import sha256
from tools.pipeline import choices, firmware, matrix, places, runs
from tools.progress import Progress
from tools.transports import Transport
from tools.transports.fake import FakeTarget, Faults, Unreliable
from tools.values import Image, Project, Quantized, Request, Target, Vectors

MODEL = Path(__file__).with_name("flatten.tflite")
MODELS = ("bell", "door", "step")
TARGETS = ("stm32f4", "mps2-an385", "nano33ble")
INPUTS = np.arange(4 * 70, dtype=np.uint8).reshape(4, 70)
# What FakeFirmware computes, whatever it is said to be.
VECTORS = Vectors((INPUTS,), (INPUTS + np.uint8(1),), None, (), "by hand", True)
FAILURES = {
    ("bell", "mps2-an385"): "the compiler crashed",
    (
        "step",
        "stm32f4",
    ): "firmware.elf: No space left on device; free some space on that disk (`inv clean` removes build/)",
    ("door", "nano33ble"): "the board went away",
    ("step", "nano33ble"): "the firmware says it is stm32f4 (cortex-m4), runtime aot, where nano33ble (cortex-m4), "
    "runtime aot was expected; flash nano33ble's firmware, or add --any-firmware to measure this one",
}


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[bool], int]:
    """Runs the task `bench` for all models on all targets, with or without --json; returns its exit code."""
    built: dict[str, Project] = {}  # what a board was flashed with last

    def quantized(ask: Request, _: Progress) -> Quantized:
        data = Path(ask.model).read_bytes()
        path = places.BUILD / Path(ask.model).stem / "model.tflite"
        return Quantized(Path(ask.model).stem, "int8", data, sha256(data), path, VECTORS)

    def build(directory: Path, project: Project, target: Target, *_: Any) -> Image:
        failure = FAILURES.get((project.model, target.name), "")
        if "compiler" in failure:
            raise BuildError(failure)
        if "space" in failure:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "firmware.elf")
        built[target.name] = project
        elf = directory / "firmware.elf"
        elf.touch()
        return Image(elf, project, {"total": 2000, "code": 1500, "model": 500}, 100, project.arena_bytes, True)

    @contextmanager
    def board(target: Target) -> Iterator[Transport]:
        project = built[target.name]
        failure = FAILURES.get((project.model, target.name), "")
        identity = replace(project.identity, target="stm32f4") if "says" in failure else project.identity
        line = FakeTarget(FakeFirmware(identity=identity, sha256=bytes.fromhex(project.model_sha256)))
        yield Unreliable(line, Faults(before={20: lambda: line.die(failure)} if "away" in failure else {}))

    def choose_line(choice: choices.Choice) -> choices.Line:
        def opened(_: Path) -> AbstractContextManager[Transport]:
            return board(choice.target)

        return choices.Line(None, opened)

    monkeypatch.setattr(places, "BUILD", tmp_path / "build")
    monkeypatch.setattr(firmware, "quantize", quantized)
    monkeypatch.setattr(firmware.platformio, "build", build)
    monkeypatch.setattr(firmware.scons, "bootstrap", lambda _: None)
    monkeypatch.setattr(runs.sections, "read", lambda _: ())
    for module in (choices, matrix):
        monkeypatch.setattr(module, "choose_line", choose_line)
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    for number, name in enumerate(MODELS):
        copy = tmp_path / f"{name}.tflite"
        shutil.copy(MODEL, copy)
        with copy.open("ab") as file:
            file.write(bytes(number))  # so that their digests differ

    def run(as_json: bool) -> int:
        models = ",".join(str(tmp_path / f"{name}.tflite") for name in MODELS)
        names = {"models": models, "modes": "", "runtimes": "aot", "targets": ",".join(TARGETS), "optimize": ""}
        with pytest.raises(Exit) as ended:
            tasks.bench.body(Context(), **names, cycles=False, jobs="1", json=as_json)
        assert ended.value.message == "kerf: 4 of 9 runs failed (see the table); the others are recorded"
        return int(ended.value.code)

    return run


def test_failures_are_objects_among_the_records(bench: Callable[[bool], int], capsys: pytest.CaptureFixture) -> None:
    assert bench(True) == 1
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    failed = {(Path(each["model"]).stem, each["target"]): each["error"] for each in found if "error" in each}
    measured = {(each["model"], each["target"]): each for each in found if "error" not in each}
    assert failed == FAILURES
    assert measured.keys() == {(model, target) for model in MODELS for target in TARGETS} - failed.keys()
    assert {(each["samples"], each["mismatches"]) for each in measured.values()} == {(4, 0)}
    assert [json.loads(line) for line in places.records().read_text().splitlines()] == list(measured.values())


def test_failures_are_rows_of_a_table(bench: Callable[[bool], int], capsys: pytest.CaptureFixture) -> None:
    assert bench(False) == 1
    results, _, failures = capsys.readouterr().out.partition("\nfailed ")
    results = results.partition("\ncost")[0]
    for model, target in product(MODELS, TARGETS):
        measured = [row for row in results.splitlines() if {model, target} <= set(row.split())]
        failed = [row for row in failures.splitlines() if f"{model}.tflite" in row and row.split()[2] == target]
        assert (len(measured), len(failed)) == ((0, 1) if (model, target) in FAILURES else (1, 0))
        assert all(FAILURES[model, target][:60] in row for row in failed)
