"""The firmware, on this machine with sanitizers, on a noisy line: every inference is right, or an error says why.

A right result is one inference; an error with a name ends a run of INFERENCES.
"""

import hashlib
import random
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from bench_firmware import FIRMWARE, HERE, SHA256, build_fake, make_vectors

from tools import bench, protocol
from tools.errors import KerfError, TransportError
from tools.transports import Transport, host, serial
from tools.transports._process import Child, ChildTransport, running

from ._faults import Attack
from ._line import BadLine, heard_at

TITLE = "serial line"
SHORT = 9
CASE_SECONDS = 180.0
MEMORY_BYTES = 1 << 30

INFERENCES = 20
RATES = (0.0, 1e-4, 1e-3, 1e-2, 1e-1)
BAUDS = (9600, 19200, 57600, 100_000, 112_000, 118_000, 130_000, 230_400, 460_800)
BANNERS = (
    b"\r\nESP-ROM:esp32 rst:0x1 (POWERON_RESET)\r\n",
    b"ets Jul 29 2019 12:21:46\r\n",
    b"m-ready\r\n",
    b"\0",
    b"\0\0\0\xff",
    b"name%",
    bytes(range(256)),
)


@contextmanager
def attacks(folder: Path) -> Iterator[Attack]:
    yield partial(attack, built(folder))


def built(folder: Path) -> Path:
    """The firmware with tests/host/fake_model.cpp, built once for these sources."""
    sources = [*sorted((FIRMWARE / "bench").iterdir()), FIRMWARE / "ports/host/main.cpp", *HERE.glob("fake_model.cpp")]
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:12]
    place = folder / digest
    if not (place / "fake.elf").exists():
        place.mkdir(parents=True, exist_ok=True)
        build_fake(place)
    return place / "fake.elf"


def nothing(line: BadLine) -> None:
    """Faults of single bytes only."""


def resets(line: BadLine) -> None:
    """The device restarts in the middle of a frame now and then."""

    def write(data: bytes) -> bytes:
        if line.rng.random() > 0.03:
            return data
        middle = line.rng.randrange(len(data) + 1)
        return data[:middle] + protocol.encode(protocol.Reset(), line.rng.randrange(256)) + data[middle:]

    line.before_write = write


def banners(line: BadLine) -> None:
    """Text between, before and inside the frames, in both directions."""

    def talk(data: bytes) -> bytes:
        if line.rng.random() > 0.05:
            return data
        middle = line.rng.randrange(len(data) + 1)
        return data[:middle] + line.rng.choice(BANNERS) + data[middle:]

    line.before_read = line.before_write = talk


def wrong_baud(line: BadLine) -> None:
    """The host's rate differs from the device's; some rates are close enough to work."""
    baud = line.rng.choice(BAUDS)
    line.before_write = lambda data: heard_at(data, baud, 115_200)
    line.before_read = lambda data: heard_at(data, 115_200, baud)


def unplugged(line: BadLine) -> None:
    """The line is lost after some bytes."""
    left = line.rng.randrange(3000)

    def write(data: bytes) -> bytes:
        nonlocal left
        left -= len(data)
        if left < 0:
            line.inner.write(data[: len(data) // 2])
            raise TransportError("the board was unplugged")
        return data

    line.before_write = write


# Row of the table → probability of a fault in a byte, and what happens besides.
PARTS: dict[str, tuple[float, Callable[[BadLine], None]]] = {
    **{f"{rate:g} of the bytes wrong" if rate else "no faults": (rate, nothing) for rate in RATES},
    "resets": (0.0, resets),
    "banners": (0.0, banners),
    "wrong baud rate": (0.0, wrong_baud),
    "unplugged, then plugged in": (0.0, unplugged),
}


def part(seed: int) -> str:
    return list(PARTS)[seed % len(PARTS)]


def attack(firmware: Path, seed: int, kept: Path) -> int:
    rng = random.Random(seed)
    rate, prepare = PARTS[part(seed)]
    vectors = make_vectors(INFERENCES, seed)
    with running([firmware, "0"], stdout=subprocess.PIPE) as child:
        port = host.port(child)

        def measured(change: Callable[[BadLine], None]) -> None:
            with connected(child, port) as device:
                line = BadLine(device, rng, rate)
                change(line)
                run = bench.run(line, vectors, SHA256, 2)
                assert bench.compare(vectors, run.outputs) == ()

        try:
            measured(prepare)
        except KerfError as error:
            assert child.obituary(0.5) is None, f"the firmware crashed: {child.obituary()}"
            assert rate or prepare is not nothing, f"an error without a fault: {error}"
            if prepare is not unplugged:
                raise
            measured(nothing)
        return INFERENCES


@contextmanager
def connected(child: Child, port: int) -> Iterator[Transport]:
    with serial.open(f"socket://127.0.0.1:{port}") as line:
        yield ChildTransport(line, child, emulated=False)
