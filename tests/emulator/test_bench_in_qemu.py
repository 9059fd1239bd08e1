"""The whole bench on emulated boards, with a model that clobbers its inputs: exact times, bad lines, a killed QEMU."""

import os
import signal
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import port_project
import pytest

from tools import bench, build, link, targets, write
from tools.errors import TransportError
from tools.packages import _firmware
from tools.transports import fake, qemu
from tools.values import Image, Target, Vectors

pytestmark = pytest.mark.emulator

MODEL = Path(__file__).parent.parent / "host" / "fake_model.cpp"
SOON_SECONDS = 60
INTERRUPT_BYTES = 64  # at most: 32 to 40 that the core saves, and the handler's own
SHA256 = "deadbeef00010203" + "00" * 24
DEFINES = b"""#define FAKE_SETUP_STATUS Status::kOk
#define FAKE_MLPERF_ID "fake01"
#define FAKE_DB_ENCODING DbEncoding::kAsIs
#define FAKE_DTYPE DType::kInt8
#define FAKE_KEEPS_STATE false
#define FAKE_RESET_STATUS Status::kOk
"""


def vectors(samples: int) -> Vectors:
    rng = np.random.default_rng(1)
    image = rng.integers(-90, 90, (samples, 130), dtype=np.int8)
    offset = rng.integers(-30, 30, (samples, 3), dtype=np.int8)
    outputs = (image[:, ::-1] + offset[:, :1], image.sum(axis=1, dtype=np.int32).reshape(samples, 1))
    return Vectors((image, offset), outputs, None, (), "by hand", True)


@pytest.fixture(scope="module", params=["stm32f4", "mps2-an385"])
def board(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Target, Image]:
    port_project.require("arm-none-eabi-g++", qemu.TOOL.program)
    target = targets.find(request.param)
    alone = port_project.project(target)
    files = {
        **{path: data for path, data in alone.files.items() if "bench" not in path},
        **_firmware.copies("bench", "src/bench"),
        **_firmware.copies("model", "src/model"),
        "src/fake_model.cpp": DEFINES + MODEL.read_bytes(),
    }
    project = replace(alone, files=dict(sorted(files.items())))
    directory = tmp_path_factory.mktemp("bench")
    write.write(project, directory)
    return target, build.build(directory, project, target, port_project.Silent())


def test_two_runs_give_the_same_numbers(board: tuple[Target, Image]) -> None:
    target, image = board
    runs = []
    for _ in range(2):
        with qemu.open(image.elf, target.emulators["qemu"]) as line:
            runs.append(bench.run(line, vectors(12), SHA256, 2))
    for run in runs:
        assert bench.compare(vectors(12), run.outputs) == ()
        assert (run.clock.unit, run.clock.hz, run.notes) == ("instructions", None, ())
        assert run.invoke.min == run.invoke.p99  # the same work for every sample
    assert runs[0].invoke == runs[1].invoke
    assert runs[0].per_op == runs[1].per_op
    assert runs[0].setup == runs[1].setup
    # The interrupt of a received byte takes its stack wherever the bench is; it comes when the host sends.
    assert abs(runs[0].stack_bytes - runs[1].stack_bytes) <= INTERRUPT_BYTES < runs[0].stack_bytes


def test_a_spoiled_line_changes_nothing(board: tuple[Target, Image], monkeypatch: pytest.MonkeyPatch) -> None:
    # An emulator's line loses nothing, so the bench waits long for answers; this line does lose bytes.
    monkeypatch.setattr(link, "EMULATED_INVOKE_SECONDS", 0.5)
    monkeypatch.setattr(link, "EMULATED_DONE_SECONDS", 1.0)
    target, image = board
    with qemu.open(image.elf, target.emulators["qemu"]) as line:
        clean = bench.run(line, vectors(12), SHA256, 2)
        faults = fake.Faults(drop=0.008, garble=0.008, duplicate=0.008, banner=0.008)
        spoiled = fake.Unreliable(line, faults, seed=2)
        run = bench.run(spoiled, vectors(12), SHA256, 2)
    assert spoiled.injected > 3
    assert bench.compare(vectors(12), run.outputs) == ()
    assert run.invoke == clean.invoke


def test_a_killed_emulator_is_named_soon(board: tuple[Target, Image]) -> None:
    target, image = board
    with qemu.open(image.elf, target.emulators["qemu"]) as line:
        spoiled = fake.Unreliable(line, fake.Faults(before={20: lambda: os.kill(line.pid, signal.SIGKILL)}))
        begin = time.monotonic()
        with pytest.raises(TransportError, match=r"qemu-system-arm was killed by SIGKILL"):
            bench.run(spoiled, vectors(50), SHA256, 2)
        assert time.monotonic() - begin < SOON_SECONDS
