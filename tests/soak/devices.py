"""Devices that speak the protocol and lie: giant counts, endless banners and boots, wrong sequence numbers, odd texts.

Time is the transport's own, so that waiting costs nothing.
"""

import random
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import astuple, fields, replace
from pathlib import Path

import numpy as np
from fake_firmware import SHA256, FakeFirmware

from tools import bench, protocol
from tools.protocol import Frame, Message
from tools.transports.fake import FakeTarget
from tools.values import Identity, Vectors

from ._faults import Attack

TITLE = "devices that lie"
CASE_SECONDS = 20.0
MEMORY_BYTES = 1 << 30

MAX_SECONDS = 1500.0  # on the transport's clock: some requests of two minutes, each repeated at most eight times
INPUTS = np.random.default_rng(0).integers(0, 256, (3, 7, 10), dtype=np.uint8)
VECTORS = Vectors((INPUTS,), (INPUTS + np.uint8(1),), None, (), "by hand", True)
TEXTS = (
    "",
    "\x1b[2J\x1b]0;owned\x07",
    "a\nb\r\nc",
    "x" * 5000,
    "\x00\x01\x02\x7f\x9b",
    "\u202e\u2066bidi",
    "%s%n{{ 7*7 }}<script>",
    "../../etc/passwd",
    "'; rm -rf /",
)
Rng = random.Random
Device = Callable[[bytes], bytes]
Maker = Callable[[Rng], Device]


def records(change: Callable[[Message, Rng], Message | None], of: type[Message], share: float = 1.0) -> Maker:
    """A firmware that changes or, for None, omits its answers of one kind."""

    def made(rng: Rng) -> Device:
        firmware = FakeFirmware()

        def device(data: bytes) -> bytes:
            said = b""
            for frame in protocol.Decoder().feed(firmware(data)):
                message: Message | None = protocol.parse(frame)
                if isinstance(message, of) and rng.random() < share:
                    message = change(message, rng)
                said += protocol.encode(message, frame.seq) if message else b""
            return said

        return device

    return made


def frames(change: Callable[[Frame, Rng], Frame | None], share: float = 1.0) -> Maker:
    """A firmware that changes its frames, with a valid CRC."""

    def made(rng: Rng) -> Device:
        firmware = FakeFirmware()

        def device(data: bytes) -> bytes:
            found = protocol.Decoder().feed(firmware(data))
            changed = [change(frame, rng) if rng.random() < share else frame for frame in found]
            return b"".join(protocol.encode_frame(frame) for frame in changed if frame)

        return device

    return made


def any_number(rng: Rng, bits: int) -> int:
    return rng.choice((0, 1, 2, 3, 255, (1 << bits) - 1, 1 << (bits - 1), rng.getrandbits(bits))) % (1 << bits)


def any_record(kind: type[Message], rng: Rng) -> Message:
    """A record with numbers of any size, and texts that must not be shown unescaped."""
    sizes = {"B": 8, "H": 16, "I": 32, "Q": 64}
    values: list[int | bytes] = []
    for code in kind.LAYOUT.lstrip("<").replace("8I", "IIIIIIII").replace("32s", "s"):
        values.append(rng.randbytes(32) if code == "s" else any_number(rng, sizes[code]))
    if kind.TAIL:
        values.append(rng.choice(TEXTS).encode()[:40])
    return kind(*values)


def one_field(message: Message, rng: Rng) -> Message:
    """Replaces a number of a record by any other."""
    names = [field.name for field in fields(message) if isinstance(getattr(message, field.name), int)]
    if not names:
        return message
    name = rng.choice(names)
    for bits in rng.sample((8, 16, 32, 64), 4):
        changed = replace(message, **{name: any_number(rng, bits)})
        try:
            struct.pack(message.LAYOUT, *astuple(changed)[: len(fields(message)) - message.TAIL])
        except struct.error:
            continue
        return changed
    return message


def saying(what: Callable[[Rng], bytes]) -> Maker:
    """Anything other than a firmware."""
    return lambda rng: lambda data: what(rng)


def besides(what: Callable[[Rng], bytes]) -> Maker:
    """A good firmware that also sends other things than its answers."""

    def made(rng: Rng) -> Device:
        firmware = FakeFirmware()
        return lambda data: what(rng) + firmware(data) + what(rng)

    return made


def identity(rng: Rng) -> Device:
    who = FakeFirmware().identity
    return FakeFirmware(identity=Identity(*(rng.choice((text, *TEXTS)) for text in astuple(who))))


def replay(rng: Rng) -> Device:
    """Answers each request with its answer to an earlier one."""
    firmware, said = FakeFirmware(), [b""]

    def device(data: bytes) -> bytes:
        said.append(firmware(data))
        return rng.choice(said[-4:])

    return device


def stops(rng: Rng) -> Device:
    """Falls silent after some answers, or stops in the middle of one."""
    firmware, left = FakeFirmware(), rng.randrange(80)

    def device(data: bytes) -> bytes:
        nonlocal left
        left -= 1
        said = firmware(data)
        return said if left > 0 else said[: rng.randrange(len(said) + 1)] if left == 0 else b""

    return device


def endless_data(rng: Rng) -> Device:
    return records(lambda message, _: protocol.Data(b"x" * protocol.MAX_READ_BYTES), protocol.Data)(rng)


RECORDS = list(protocol.MESSAGES.values())
BOOT = protocol.Boot(protocol.VERSION, 0, 0, 5)
DEVICES: dict[str, Maker] = {
    "any welcome": records(lambda message, rng: any_record(protocol.Welcome, rng), protocol.Welcome),
    "one number of the welcome": records(one_field, protocol.Welcome),
    "giant counts": records(
        lambda message, rng: replace(message, inputs=255, outputs=255, ops=any_number(rng, 16)), protocol.Welcome
    ),
    "another session": records(lambda message, rng: replace(message, session=rng.getrandbits(32)), protocol.Welcome),
    "another model": records(lambda message, rng: replace(message, model_sha256=rng.randbytes(32)), protocol.Welcome),
    "one number of Written": records(one_field, protocol.Written, 0.1),
    "any Done": records(lambda message, rng: any_record(protocol.Done, rng), protocol.Done, 0.5),
    "one number of Done": records(one_field, protocol.Done),
    "no Done": records(lambda message, rng: None, protocol.Done),
    "no Started": records(lambda message, rng: None, protocol.Started),
    "one number of Stats": records(one_field, protocol.Stats),
    "any Stats": records(lambda message, rng: any_record(protocol.Stats, rng), protocol.Stats),
    "any Calibrated": records(lambda message, rng: any_record(protocol.Calibrated, rng), protocol.Calibrated),
    "data cut": records(lambda message, rng: protocol.Data(message.data[: rng.randrange(56)]), protocol.Data, 0.3),
    "data too long": records(lambda message, rng: protocol.Data(rng.randbytes(55)), protocol.Data, 0.1),
    "other data": records(lambda message, rng: protocol.Data(rng.randbytes(len(message.data))), protocol.Data),
    "endless data": endless_data,
    "no data": records(lambda message, rng: protocol.Data(b""), protocol.Data, 0.5),
    "odd texts": identity,
    "refusals": records(lambda message, rng: any_record(protocol.Refusal, rng), Message, 0.05),
    "only refusals": records(lambda message, rng: any_record(protocol.Refusal, rng), Message),
    "any record": records(
        lambda message, rng: any_record(rng.choice([*protocol.MESSAGES.values()]), rng), Message, 0.05
    ),
    "one number of any answer": records(one_field, Message, 0.05),
    "wrong sequence": frames(lambda frame, rng: replace(frame, seq=rng.randrange(256))),
    "wrong sequence at times": frames(lambda frame, rng: replace(frame, seq=(frame.seq + 1) % 256), 0.1),
    "unknown types": frames(lambda frame, rng: replace(frame, type=rng.randrange(256)), 0.1),
    "wrong lengths": frames(lambda frame, rng: replace(frame, payload=rng.randbytes(rng.randrange(56))), 0.1),
    "lost frames": frames(lambda frame, rng: None, 0.2),
    "endless banner": saying(lambda rng: b"Hello\r\n" * rng.randrange(1, 20_000)),
    "endless boots": saying(lambda rng: protocol.encode(BOOT, 0) * rng.randrange(1, 50)),
    "endless zeros": saying(lambda rng: bytes(rng.randrange(1, 100_000))),
    "endless noise": saying(lambda rng: rng.randbytes(rng.randrange(10_000))),
    "boots besides": besides(lambda rng: protocol.encode(BOOT, rng.randrange(256)) if rng.random() < 0.02 else b""),
    "endless Started": besides(lambda rng: protocol.encode(protocol.Started(), rng.randrange(256)) * 100),
    "faults": besides(lambda rng: protocol.encode(any_record(protocol.Fault, rng), 0) if rng.random() < 0.02 else b""),
    "text besides": besides(lambda rng: rng.choice(TEXTS).encode("utf-8", "replace")),
    "an echo": lambda rng: lambda data: data,
    "replays": replay,
    "falls silent": stops,
    "any setup": lambda rng: FakeFirmware(setup=(any_number(rng, 8), any_number(rng, 32))),
    "any version": lambda rng: FakeFirmware(version=any_number(rng, 8)),
    "any ticks": lambda rng: FakeFirmware(ticks=tuple(any_number(rng, 64) for _ in range(5))),
    "any capabilities": lambda rng: FakeFirmware(capabilities=any_number(rng, 16) & ~protocol.KEEPS_STATE),
}
SHORT = len(DEVICES)


@contextmanager
def attacks(folder: Path) -> Iterator[Attack]:
    yield attack


def attack(seed: int, kept: Path) -> int:
    rng = Rng(seed)
    name = list(DEVICES)[seed % len(DEVICES)]
    (kept / "device.txt").write_text(name)
    target = FakeTarget(DEVICES[name](rng), emulated=rng.random() < 0.5)
    try:
        run = bench.run(target, VECTORS, SHA256.hex(), 2)
    finally:
        assert target.now() < MAX_SECONDS, f"{name}: it took {target.now():.0f} s"
    wrong = bench.compare(VECTORS, run.outputs)
    assert not wrong, f"{name}: wrong outputs"
    for text in astuple(run.identity) if run.identity else ():
        assert text.isprintable() and len(text) <= bench.MAX_TEXT_BYTES, f"{name}: {text!r}"
    return 1
