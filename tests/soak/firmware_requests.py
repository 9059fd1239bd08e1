"""Requests that no host sends: the firmware, on this machine with sanitizers, refuses them and continues to work."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from bench_firmware import SHA256, make_vectors

from tools import bench, protocol
from tools.protocol import Frame, Message
from tools.transports import host

from . import devices, serial_line
from ._faults import Attack

TITLE = "requests that no host sends"
SHORT = 4
CASE_SECONDS = 60.0
MEMORY_BYTES = 1 << 30

REQUESTS = 200  # in one attack
KINDS = (
    *(protocol.Hello, protocol.Write, protocol.Invoke, protocol.Read, protocol.AskStats, protocol.Calibrate),
    *(protocol.Capture, protocol.Resume, protocol.ResetState, protocol.Reset),
)
COMMANDS = (
    *("name%", "profile%", "help%", "timestamp%", "results%", "infer 1 0%", "infer 0%", "infer 3 1%", "infer%"),
    *("db load 133%", "db load 0%", "db load 4294967295%", "db load -1%", "db 0102ff%", "db zz%", "db %", "db print%"),
    *("%", "%%%", "%s%n%", "x" * 300 + "%", "db " + "00" * 38 + "%", "m-ready", "\r\n", "infer 99999999999999999999%"),
)
MAX_TURNS = 100_000  # of a calibration


@contextmanager
def attacks(folder: Path) -> Iterator[Attack]:
    yield partial(attack, serial_line.built(folder))


def attack(firmware: Path, seed: int, kept: Path) -> int:
    rng = random.Random(seed)
    vectors = make_vectors(3, seed)
    with host.open(firmware) as line:
        said = [request(rng) for _ in range(REQUESTS)]
        (kept / "requests.txt").write_text("\n".join(map(repr, said)))
        for part in said:
            line.write(part)
            if rng.random() < 0.2:
                line.read(0.02)
        run = bench.run(line, vectors, SHA256, 2)
        assert bench.compare(vectors, run.outputs) == ()
    return REQUESTS


def request(rng: random.Random) -> bytes:
    """A command, a record of any contents, any frame, or any bytes."""
    kind = rng.randrange(10)
    if kind < 3:
        return rng.choice(COMMANDS).encode()
    if kind < 8:
        return protocol.encode(record(rng), rng.randrange(256))
    if kind == 8:
        return protocol.encode_frame(Frame(rng.randrange(256), rng.randrange(256), rng.randbytes(rng.randrange(56))))
    return rng.randbytes(rng.randrange(200))


def record(rng: random.Random) -> Message:
    """A request with numbers of any size; a calibration must end, and no byte of an input may be what makes
    tests/host/fake_model.cpp crash on purpose (98, 99)."""
    found = devices.any_record(rng.choice(KINDS), rng)
    if isinstance(found, protocol.Calibrate):
        return protocol.Calibrate(found.turns % MAX_TURNS)
    if isinstance(found, protocol.Write):
        return protocol.Write(found.index % 4, found.offset % 200, bytes(byte & 31 for byte in found.data))
    return found
