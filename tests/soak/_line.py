"""A serial line that loses, changes, repeats, swaps and holds back bytes; and the bits of a UART at a wrong rate."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from tools.transports import Transport

FASTER = 10  # seconds on the line's clock per second, so that waiting for an answer takes less time
KINDS = ("drop", "corrupt", "duplicate", "reorder", "delay", "split")


@dataclass
class BadLine:
    """A transport over another one in which each byte meets a fault with probability ``rate``.

    ``before_read`` and ``before_write`` may change, add or hold back whole reads and writes, or raise.
    """

    inner: Transport
    rng: random.Random
    rate: float
    before_read: Callable[[bytes], bytes] = lambda data: data
    before_write: Callable[[bytes], bytes] = lambda data: data
    faster: int = FASTER
    faults: int = 0
    _held: bytes = b""
    _held_to_device: bytes = b""
    emulated: bool = field(default=False)

    def now(self) -> float:
        return self.inner.now() * self.faster

    def alive(self) -> str | None:
        return self.inner.alive()

    def read(self, timeout: float) -> bytes:
        """Puts held-back bytes before the new ones, and may hold back the end again."""
        data = self._held or self.before_read(self.inner.read(timeout / self.faster))
        self._held = b""
        data, self._held = self._spoiled(data)
        return data

    def write(self, data: bytes) -> None:
        """What is held back comes with the next write."""
        data, self._held_to_device = self._spoiled(self._held_to_device + self.before_write(data))
        self.inner.write(data)

    def _spoiled(self, data: bytes) -> tuple[bytes, bytes]:
        """The bytes to deliver now and those to deliver later."""
        passed, held, at = bytearray(), b"", 0
        while at < len(data):
            byte, at = data[at], at + 1
            if self.rng.random() >= self.rate:
                passed.append(byte)
                continue
            self.faults += 1
            kind = self.rng.choice(KINDS)
            if kind == "corrupt":
                passed.append(byte ^ 1 << self.rng.randrange(8))
            elif kind == "duplicate":
                passed += bytes((byte, byte))
            elif kind == "reorder" and at < len(data):
                passed += bytes((data[at], byte))
                at += 1
            elif kind in ("delay", "split"):
                held = bytes((byte,)) + data[at:]
                if kind == "delay":  # everything waits, not just the rest
                    passed, held = bytearray(), bytes(passed) + held
                break
        return bytes(passed), held


def heard_at(data: bytes, sent: float, heard: float) -> bytes:
    """The bytes that a receiver at ``heard`` baud makes of bytes sent at ``sent`` baud, 8N1, after an idle line."""
    bits = [1]
    for byte in data:
        bits += [0, *(byte >> i & 1 for i in range(8)), 1]
    found, time, step = bytearray(), 0.0, sent / heard  # in bits of the sender

    def level(at: float) -> int:
        return bits[int(at)] if at < len(bits) else 1

    while time < len(bits):
        if level(time):
            time += 1 / 16  # a receiver looks for the edge 16 times a bit
            continue
        found.append(sum(level(time + (i + 1.5) * step) << i for i in range(8)))
        time += 9.5 * step
        while time < len(bits) and not level(time):  # a missing stop bit: wait for an idle line
            time += 1 / 16
    return bytes(found)
