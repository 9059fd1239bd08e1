"""`inv bench` of three models on three boards on which things go wrong. Everything is real except the conversion, the
compiler and the boards."""

import errno
import json
import os
import shutil
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from fake_firmware import FakeFirmware
from invoke.context import Context
from invoke.exceptions import Exit

import tasks
from tools import protocol, targets
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
CRASH = protocol.Fault(3, 0x1234, 0x5678, 0, 0x8200, 0, 0x60000000, 0x20001000)
ELSEWHERE = "mps2-an500"  # what a board was flashed with that has another firmware

# What may go wrong → the sentence that says so.
TROUBLES: Mapping[str, str] = {
    "compiler": "the compiler crashed",
    "full disk": "firmware.elf: No space left on device; free some space on that disk (`inv clean` removes build/)",
    "gone": "the board went away",
    "other firmware": f"the firmware says it is {ELSEWHERE} (cortex-m7), runtime aot, where {{target}} ({{core}}), "
    "runtime aot was expected; flash {target}'s firmware, or add --any-firmware to measure this one",
    "other model": "the board runs another model (SHA-256 000000000000…, 2 operators; expected {sha256:.12}…, 2): "
    "flash it again",
    "silent": "the device sent nothing within 12 s: check that --port is the right serial port, that the firmware is "
    "flashed, and that the board is not in its bootloader",
    "crash": "the firmware crashed: BusFault: bus fault at address 0x60000000; pc 0x00001234, lr 0x00005678, "
    "sp 0x20001000",
    "wrong": "",  # it is measured, with every sample wrong
}
Run = tuple[str, str]  # model and target


class Wrong(FakeFirmware):
    """Adds 2 instead of 1."""

    def _infer(self) -> bytes:
        return bytes((byte + 2) % 256 for byte in self.input)


def board(project: Project, target: Target, trouble: str, write: int) -> Transport:
    """A board with the firmware of a project; ``trouble`` begins with the request ``write``."""
    identity, sha = project.identity, bytes.fromhex(project.model_sha256)
    if trouble == "other firmware":
        identity = replace(identity, target=ELSEWHERE, core="cortex-m7")
    if trouble == "other model":
        sha = bytes(32)
    line = FakeTarget((Wrong if trouble == "wrong" else FakeFirmware)(identity=identity, sha256=sha))
    if trouble == "silent":
        line.handler = lambda _: b""
    if trouble == "gone":
        return Unreliable(line, Faults(before={write: lambda: line.die(TROUBLES["gone"])}))
    if trouble == "crash":
        return Unreliable(line, Faults(before={write: lambda: line.say(protocol.encode(CRASH, 0))}))
    return line


@contextmanager
def bench(folder: Path, troubles: Mapping[Run, str], write: int = 20) -> Iterator[Callable[[bool], Exit | None]]:
    """Yields a function that runs the task `bench`, with or without --json, and returns what it ended with. All its
    files are in ``folder``."""
    built: dict[str, Project] = {}  # what a board was flashed with last

    def quantized(ask: Request, _: Progress) -> Quantized:
        data = Path(ask.model).read_bytes()
        path = places.BUILD / Path(ask.model).stem / "model.tflite"
        return Quantized(Path(ask.model).stem, "int8", data, sha256(data), path, VECTORS)

    def build(directory: Path, project: Project, target: Target, *_: Any) -> Image:
        trouble = troubles.get((project.model, target.name))
        if trouble == "compiler":
            raise BuildError(TROUBLES["compiler"])
        if trouble == "full disk":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "firmware.elf")
        built[target.name] = project
        elf = directory / "firmware.elf"
        elf.touch()
        return Image(elf, project, {"total": 2000, "code": 1500, "model": 500}, 100, project.arena_bytes, True)

    @contextmanager
    def opened(target: Target) -> Iterator[Transport]:
        project = built[target.name]
        yield board(project, target, troubles.get((project.model, target.name), ""), write)

    def choose_line(choice: choices.Choice) -> choices.Line:
        def at(_: Path) -> AbstractContextManager[Transport]:
            return opened(choice.target)

        return choices.Line(None, at)

    for number, name in enumerate(MODELS):
        shutil.copy(MODEL, folder / f"{name}.tflite")
        with (folder / f"{name}.tflite").open("ab") as file:
            file.write(bytes(number))  # so that their digests differ

    def run(as_json: bool) -> Exit | None:
        models = ",".join(str(folder / f"{name}.tflite") for name in MODELS)
        names = {"models": models, "modes": "", "runtimes": "aot", "targets": ",".join(TARGETS), "optimize": ""}
        try:
            tasks.bench.body(Context(), **names, cycles=False, jobs="1", json=as_json)
        except Exit as ended:
            return ended
        return None

    with ExitStack() as stack:
        for module, name, fake in (
            (places, "BUILD", folder / "build"),
            (firmware, "quantize", quantized),
            (firmware.platformio, "build", build),
            (firmware.scons, "bootstrap", lambda _: None),
            (runs.sections, "read", lambda _: ()),
            (choices, "choose_line", choose_line),
            (matrix, "choose_line", choose_line),
            (signal, "signal", lambda *_: None),
        ):
            stack.enter_context(patch.object(module, name, fake))
        yield run


def check(said: str, troubles: Mapping[Run, str], ended: Exit | None) -> None:
    """Asserts that the lines of --json have every run as it went, and how the task ended."""
    found = [json.loads(line) for line in said.splitlines()]
    failed = {(Path(each["model"]).stem, each["target"]): each for each in found if "error" in each}
    measured = {(each["model"], each["target"]): each for each in found if "error" not in each}
    failing = {run: trouble for run, trouble in troubles.items() if trouble != "wrong"}
    assert failed.keys() == failing.keys()
    for run, each in failed.items():
        core, digest = targets.find(run[1]).core.name, sha256(Path(each["model"]).read_bytes())
        assert each["error"] == TROUBLES[failing[run]].format(target=run[1], core=core, sha256=digest)
    everything = set(product(MODELS, TARGETS))
    assert measured.keys() == everything - failing.keys()
    for run, each in measured.items():
        assert (each["samples"], each["mismatches"]) == (4, 4 if run in troubles else 0)
    recorded = places.records().read_text().splitlines() if places.records().exists() else []
    assert [json.loads(line) for line in recorded] == list(measured.values())
    if not troubles:
        assert ended is None
        return
    assert ended is not None and ended.code == 1
    if failing:
        others = "; the others are recorded" if measured else ""
        count = f"{len(failing)} of {len(everything)} runs failed (see the table){others}"
        assert ended.message == f"kerf: {count}"
    else:
        assert " of 4 samples of " in (ended.message or "")
