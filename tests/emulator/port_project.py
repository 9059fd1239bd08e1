"""A project of a port alone: firmware/ports/… and, for the bench, stub_bench.cpp."""

import shutil
import struct
import time
from pathlib import Path
from typing import Any

import pytest

from tools import build, ports, targets, transports, write
from tools.packages import _firmware, _platformio
from tools.transports import Transport
from tools.values import Project, Target

HANG_SECONDS = 600.0
STUB = Path(__file__).with_name("stub_bench.cpp")
# Built without PlatformIO's registry, and run by a QEMU of Debian's.
IN_QEMU = [
    name
    for name, target in targets.load().items()
    if "qemu" in target.emulators and target.options["platform"].startswith("symlink:")
]


def require(*programs: str) -> None:
    """Skips the test, with the reason, where a program is missing."""
    for program in programs:
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")


def require_for(target: Target) -> None:
    """Skips the test, with the reason, where the target's compiler or its QEMU is missing."""
    tools = (ports.find(target.port).compiler, transports.tool(target.emulators["qemu"]))
    require(*(tool.program for tool in tools if tool is not None))


def project(target: Target, extra: str = "") -> Project:
    """What the package bench makes, without a model and with the stub bench; ``extra`` C++ is appended to the stub."""
    contents = {
        "platformio.ini": _platformio.ini(target).encode(),
        "src/bench/bench.h": (_firmware.FIRMWARE / "bench" / "bench.h").read_bytes(),
        "src/bench/stub_bench.cpp": STUB.read_bytes() + extra.encode(),
        "manifest.json": b'{"kerf": "test"}',
        **_firmware.port(target.port),
        **_firmware.copies("platform", "platform"),
    }
    return Project(
        files=dict(sorted(contents.items())),
        model="none",
        mode="int8",
        model_sha256="",
        model_bytes=0,
        runtime="aot",
        target=target.name,
        kernels="none",
        arena_bytes=0,
        op_labels=(),
    )


class Silent(build.Progress):
    """Reports no progress."""


def linked(target: Target, directory: Path, extra: str = "") -> "build.Image":
    """The port's firmware, built at ``directory``."""
    made = project(target, extra)
    write.write(made, directory)
    return build.build(directory, made, target, Silent())


class Stub:
    """The host's side of stub_bench.cpp."""

    def __init__(self, line: Transport) -> None:
        self.line = line

    def receive(self, count: int) -> bytes:
        """Exactly this number of bytes; fails the test if they do not arrive."""
        data = b""
        deadline = time.monotonic() + HANG_SECONDS
        while len(data) < count:
            assert time.monotonic() < deadline, f"got {data!r}, {len(data)} of {count} bytes"
            data += self.line.read(0.5)
        assert len(data) == count, f"got {data[count:]!r} too much"
        return data

    def meet(self) -> None:
        """Waits for the boot message. What is sent before it is lost: the UART is not on yet."""
        assert self.receive(5) == b"BOOT\n"

    def ask(self, command: bytes, reply: str) -> tuple[Any, ...]:
        """Sends a command and unpacks its reply, a struct format."""
        self.line.write(command)
        return struct.unpack(f"<{reply}", self.receive(struct.calcsize(f"<{reply}")))

    def echo(self, data: bytes) -> bytes:
        self.line.write(b"e" + struct.pack("<I", len(data)) + data)
        return self.receive(len(data))

    def spin(self, turns: int) -> tuple[int, int]:
        """(instructions, ticks) of a loop of known length."""
        instructions, ticks = self.ask(b"s" + struct.pack("<I", turns), "IQ")
        return instructions, ticks

    def fault(self, kind: bytes) -> dict[str, int]:
        """Provokes a fault; the registers of its record."""
        mark, *registers = self.ask(b"f" + kind, "c8I")
        assert mark == b"F"
        return dict(zip(("kind", "pc", "lr", "psr", "cfsr", "hfsr", "address", "sp"), registers, strict=True))
