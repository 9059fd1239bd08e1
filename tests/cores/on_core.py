"""Runs models on emulated cores, compiled as in a firmware, to test kernels on the cores that they are for."""

import json
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import against_tflm
import numpy as np
import pytest

from tools import cores
from tools.graph import guards
from tools.runtimes import aot

ROOT = Path(__file__).parents[2]

# The warning that is off: see platformio.ini.
FLAGS = [
    *("-std=gnu++17", "-fno-exceptions", "-fno-rtti", "-fno-threadsafe-statics", "-ffp-contract=off"),
    *("-ffunction-sections", "-fdata-sections", "-Wall", "-Wextra", "-Werror", "-Wundef", "-Wdouble-promotion"),
    "-Wno-aggressive-loop-optimizations",
    *("-nostartfiles", "-Wl,--gc-sections"),
]
STACK_BYTES = 32768


@dataclass(frozen=True)
class Board:
    """An emulated machine with room for many cases, and the flags its code is compiled with.

    ``machine`` is QEMU's; ``memory`` names the board of firmware/platform/boards that has it, and its
    compiler. The suite runs one in ``stride`` cases.
    """

    core: str
    machine: str
    memory: str
    flags: tuple[str, ...]
    emulator: tuple[str, ...] = ("qemu-system-arm",)
    stride: int = 24

    @property
    def described(self) -> Any:
        """The file in firmware/platform/boards."""
        return json.loads((ROOT / f"firmware/platform/boards/{self.memory}.json").read_text())

    @property
    def compiler(self) -> str:
        """The C compiler, which takes C++ sources, too, but does not look for the C++ library."""
        return f"{self.described['build']['toolchain_prefix']}gcc"


# An M3 stands in for the M0, whose machine has 16 KB of RAM: it runs the same code, and traps unaligned accesses, which
# an M0 cannot do.
BOARDS = {
    "M0": Board("cortex-m0", "mps2-an385", "mps2-an385", ("-mthumb", "-mcpu=cortex-m0")),
    "M3": Board("cortex-m3", "mps2-an385", "mps2-an385", ("-mthumb", "-mcpu=cortex-m3")),
    "M4": Board(
        "cortex-m4",
        "mps2-an386",
        "mps2-an385",
        ("-mthumb", "-mcpu=cortex-m4", "-mfpu=fpv4-sp-d16", "-mfloat-abi=hard"),
    ),
    "M7": Board(
        "cortex-m7",
        "mps2-an500",
        "mps2-an500",
        ("-mthumb", "-mcpu=cortex-m7", "-mfpu=fpv5-d16", "-mfloat-abi=hard"),
        stride=48,  # it runs the kernels of an M4
    ),
    "M55": Board("cortex-m55", "mps3-an547", "mps3-an547", ("-mthumb", "-mcpu=cortex-m55", "-mfloat-abi=hard")),
    "RV32": Board(
        "rv32imac",
        "virt",
        "riscv32",
        ("-march=rv32imac", "-misa-spec=2.2", "-mabi=ilp32"),
        ("qemu-system-riscv32", "-bios", "none"),
        stride=48,  # it runs the kernels of an M3
    ),
}


def require(name: str) -> None:
    """Skips the test, with the reason, where a tool of a board is missing."""
    board = BOARDS[name]
    for program in (board.compiler, board.emulator[0]):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")


def take_over(
    patch: pytest.MonkeyPatch, name: str, optimization: str = "-O2", guard_bytes: int = 0, cases_per_model: int = 40
) -> None:
    """From here on, against_tflm.run_cases() runs its models on a core of BOARDS instead of on this machine."""

    def on_it(
        data: bytes, samples: Sequence[np.ndarray], folder: Path, goal: str = "speed", _: cores.Core | None = None
    ) -> tuple[np.ndarray, ...]:
        return run(name, data, samples, folder, goal, optimization, guard_bytes)

    patch.setattr(against_tflm, "run_kerf", on_it)
    patch.setattr(against_tflm, "CASES_PER_MODEL", cases_per_model)


def run(
    name: str,
    data: bytes,
    samples: Sequence[np.ndarray],
    folder: Path,
    goal: str = "speed",
    optimization: str = "-O2",
    guard_bytes: int = 0,
) -> tuple[np.ndarray, ...]:
    """What a model computes on a core of BOARDS: for each output an array of all samples.

    With ``guard_bytes`` around the tensors, a kernel that writes outside of its own fails the test.
    """
    board = BOARDS[name]
    program = aot.lower(data, "cases", cores.find(board.core), goal, guard_bytes)
    assert program.schedule is not None and program.plan is not None
    folder.mkdir(parents=True, exist_ok=True)
    source, elf = folder / "model.cpp", folder / "model.elf"
    source.write_bytes(aot.files(program, mode="file")["src/model.cpp"])
    described = board.described
    origin = described["build"]["memory"]
    symbols = {
        "flash_origin": origin["flash_origin"],
        "flash_size": described["upload"]["maximum_size"],
        "ram_origin": origin["ram_origin"],
        "ram_size": described["upload"]["maximum_ram_size"],
        "stack_size": STACK_BYTES,
    }
    specs = f"--specs={described['build'].get('specs', 'nano.specs')}"
    command = [board.compiler, *board.flags, optimization, specs, *FLAGS, f"-I{ROOT / 'firmware'}"]
    command += ["-T", str(ROOT / "firmware/platform/baremetal.ld")]
    command += [f"-Wl,--defsym=__{key}={value}" for key, value in symbols.items()]
    command += [str(source), str(Path(__file__).with_name("run_on_core.cpp")), "-lm", "-o", str(elf)]
    child = subprocess.run(command, capture_output=True, text=True)
    assert child.returncode == 0, child.stderr[-4000:]
    stream = b"".join(array[i].tobytes() for i in range(len(samples[0])) for array in samples)
    (folder / "samples").write_bytes(stream)
    emulator = [*board.emulator, "-machine", board.machine, "-nographic", "-kernel", str(elf)]
    child = subprocess.run(
        [*emulator, "-semihosting-config", "enable=on,target=native"],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    if (folder / "damage").exists():
        op, offset = np.fromfile(folder / "damage", np.uint32).tolist()
        pytest.fail(f"{name}: {guards.describe(program.schedule, program.plan, op, offset)}")
    assert child.returncode == 0, f"{name}: setup, an inference or the core failed: {child.stderr[-2000:]}"
    tensors = [program.graph.tensors[i] for i in program.graph.outputs]
    layout = np.dtype([(f"{i}", t.dtype.value, t.shape) for i, t in enumerate(tensors)])
    rows = np.frombuffer((folder / "outputs").read_bytes(), layout)
    assert len(rows) == len(samples[0])
    return tuple(np.ascontiguousarray(rows[f"{i}"]) for i in range(len(tensors)))
