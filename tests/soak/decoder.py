"""Arbitrary bytes for the firmware's decoder, with sanitizers: it finds the same frames and text as Python's."""

import random
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from bench_firmware import FIRMWARE, HERE, compile_cpp

from tools import protocol
from tools.protocol import Decoder, Frame

from ._faults import Attack

TITLE = "streams of bytes for both decoders"
SHORT = 3
CASE_SECONDS = 60.0
MEMORY_BYTES = 1 << 30

STREAMS = 500  # in one attack
SPECIAL = (0, 0, 0, 1, 2, 5, 61, 62, 63, 97, 255)


@contextmanager
def attacks(folder: Path) -> Iterator[Attack]:
    sources = [FIRMWARE / "bench" / "wire.cpp", FIRMWARE / "bench" / "text.cpp", HERE / "wire_test.cpp"]
    yield partial(attack, compile_cpp(folder / "wire_test", *sources))


def attack(program: Path, seed: int, kept: Path) -> int:
    rng = random.Random(seed)
    streams = [stream(rng) for _ in range(STREAMS)]
    given = b"".join(each.hex().encode() + b"\n" for each in streams)
    (kept / "streams.txt").write_bytes(given)
    done = subprocess.run([program, "streams"], input=given, capture_output=True, timeout=CASE_SECONDS / 2)
    assert done.returncode == 0, done.stderr.decode(errors="replace")[:5000]
    expected = [line for each in streams for line in found(each)]
    assert done.stdout.decode().splitlines() == expected, "the decoders differ"
    return STREAMS


def found(data: bytes) -> list[str]:
    """What wire_test prints for a stream, by Python's decoder."""
    decoder = Decoder()
    Decoder.TEXT_KEPT = len(data) + 1  # all of it
    frames = decoder.feed(data)
    lines = [f"F {frame.type} {frame.seq} {frame.payload.hex()}" for frame in frames]
    return [*lines, f"B {decoder.bad} {decoder.text.hex()}"]


def stream(rng: random.Random) -> bytes:
    """Noise, special bytes, frames and damaged frames, one after another."""
    data = bytearray()
    for _ in range(rng.randrange(1, 12)):
        kind = rng.randrange(4)
        if kind == 0:
            data += rng.randbytes(rng.randrange(100))
        elif kind == 1:
            data += bytes(rng.choices(SPECIAL, k=rng.randrange(80)))
        else:
            payload = bytes(rng.choices((*SPECIAL, *range(256)), k=rng.randrange(protocol.MAX_PAYLOAD_BYTES + 1)))
            wire = bytearray(protocol.encode_frame(Frame(rng.randrange(256), rng.randrange(256), payload)))
            if kind == 3:
                wire[rng.randrange(len(wire))] = rng.choice((*SPECIAL, rng.randrange(256)))
                del wire[rng.randrange(1, len(wire) + 1) :]
            data += wire
    return bytes(data)
