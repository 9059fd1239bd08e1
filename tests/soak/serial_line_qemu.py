"""Like serial_line.py, with the firmware in QEMU: every inference is right, or an error says why."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import port_project
from bench_firmware import SHA256, make_vectors
from test_bench_in_qemu import DEFINES, MODEL

from tools import bench, build, targets, write
from tools.errors import KerfError
from tools.packages import _firmware
from tools.transports import qemu
from tools.values import Target

from . import _checkout, serial_line
from ._faults import Attack
from ._line import BadLine

TITLE = "serial line, in QEMU"
NEEDS = _checkout.NEEDS
SHORT = 1
CASE_SECONDS = 300.0
MEMORY_BYTES = 1 << 30

TARGET = "stm32f4"
INFERENCES = 5
PARTS = {name: part for name, part in serial_line.PARTS.items() if part[1] is not serial_line.unplugged}


@contextmanager
def attacks(folder: Path) -> Iterator[Attack]:
    target = targets.find(TARGET)
    yield partial(attack, target, built(target, folder))


def built(target: Target, folder: Path) -> Path:
    """The firmware with tests/host/fake_model.cpp; only what has changed is compiled again."""
    alone = port_project.project(target)
    files = {
        **{path: data for path, data in alone.files.items() if "bench" not in path},
        **_firmware.copies("bench", "src/bench"),
        **_firmware.copies("model", "src/model"),
        "src/fake_model.cpp": DEFINES + MODEL.read_bytes(),
    }
    project = replace(alone, files=dict(sorted(files.items())))
    write.write(project, folder / TARGET)
    return build.build(folder / TARGET, project, target, port_project.Silent()).elf


def part(seed: int) -> str:
    return list(PARTS)[seed % len(PARTS)]


def attack(target: Target, elf: Path, seed: int, kept: Path) -> int:
    rate, prepare = PARTS[part(seed)]
    vectors = make_vectors(INFERENCES, seed)
    with qemu.open(elf, target.emulators["qemu"]) as device:
        line = BadLine(device, random.Random(seed), rate, faster=1)
        prepare(line)
        try:
            run = bench.run(line, vectors, SHA256, 2)
        except KerfError as error:
            assert device.alive() is None, f"QEMU ended: {device.alive()}"
            assert rate or prepare is not serial_line.nothing, f"an error without a fault: {error}"
            raise
        assert bench.compare(vectors, run.outputs) == ()
    return INFERENCES
