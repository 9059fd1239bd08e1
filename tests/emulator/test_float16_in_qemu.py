"""float16 on each emulated core: widened exactly, with the FPU's own instruction where there is one."""

import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from port_project import IN_QEMU, Silent, project, require_for

from tools import build, ports, targets, write
from tools.packages import _firmware
from tools.transports import qemu

pytestmark = pytest.mark.emulator

BENCH = Path(__file__).with_name("widen_bench.cpp")


@pytest.mark.sampled(one_in=3)
@pytest.mark.parametrize("name", IN_QEMU)
def test_every_finite_number_is_widened_exactly(name: str, tmp_path: Path) -> None:
    target = targets.find(name)
    require_for(target)
    made = project(target)
    kernels = _firmware.copies("kernels", "src/kernels")
    made = replace(made, files={**made.files, **kernels, "src/bench/stub_bench.cpp": BENCH.read_bytes()})
    write.write(made, tmp_path)
    image = build.build(tmp_path, made, target, Silent())

    compiler = ports.find(target.port).compiler
    assert compiler is not None
    objdump = compiler.program.replace("g++", "objdump")
    code = subprocess.run([objdump, "-d", image.elf], capture_output=True, text=True, check=True).stdout
    assert ("vcvtb.f32.f16" in code) == (target.core.fpu)

    halves = np.arange(1 << 16, dtype="<u2").view("<f2")
    with qemu.open(image.elf, target.emulators["qemu"]) as line:
        while not (received := line.read(1.0)):  # what comes in before its UART is on is lost
            line.write(b"\0")
        while len(received) < 4 * len(halves) and (more := line.read(20.0)):
            received += more
    widened = np.frombuffer(received[: 4 * len(halves)], "<u4")
    finite = np.isfinite(halves)
    np.testing.assert_array_equal(widened[finite], halves[finite].astype("<f4").view("<u4"))
