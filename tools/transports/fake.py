"""Transports for tests: FakeTarget answers from a Python function, Unreliable injects faults into another transport.

    with fake.open(handler) as target:
        link.Link(target)

talks to a firmware that does not exist, as httpx.MockTransport does for a server.
"""

import random
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from ..errors import TransportError
from . import Transport

Handler = Callable[[bytes], bytes]
"""Maps the bytes just written to the other side's answer; ``b""`` for no answer."""


@dataclass
class FakeTarget:
    """A transport in memory. Its clock advances only when ``read`` times out, so tests never really wait.

    ``handler`` answers every write; ``say`` makes the other side send without a request; after ``die(sentence)`` every
    call raises TransportError.
    """

    handler: Handler
    emulated: bool = False
    _inbox: bytearray = field(default_factory=bytearray)
    _seconds: float = 0.0
    _death: str | None = None

    def now(self) -> float:
        return self._seconds

    def alive(self) -> str | None:
        return self._death

    def read(self, timeout: float) -> bytes:
        self._check()
        if not self._inbox:
            self._seconds += max(timeout, 0.001)
        data = bytes(self._inbox)
        self._inbox.clear()
        return data

    def write(self, data: bytes) -> None:
        self._check()
        self._inbox += self.handler(data)

    def say(self, data: bytes) -> None:
        """Delivers unsolicited data from the other side."""
        self._inbox += data

    def die(self, sentence: str) -> None:
        """Simulates the loss of the other side."""
        self._death = sentence

    def _check(self) -> None:
        if self._death is not None:
            raise TransportError(self._death)


@dataclass
class Faults:
    """The faults that Unreliable injects into each write (to the device) and each read; probabilities 0 … 1.

    ``drop`` loses all bytes, ``garble`` flips one bit, ``duplicate`` delivers the bytes twice, ``delay`` holds a read
    back until the next one, ``banner`` inserts text into a read. ``before`` maps the number of a write, from 0, to a
    function called before it, for example to reset the device or to kill the emulator.
    """

    drop: float = 0.0
    garble: float = 0.0
    duplicate: float = 0.0
    delay: float = 0.0
    banner: float = 0.0
    banner_text: bytes = b"\r\nESP-ROM:esp32 rst:0x1\r\nm-init-done\r\nm-ready\r\n"
    before: dict[int, Callable[[], object]] = field(default_factory=dict)


@dataclass
class Unreliable:
    """Injects faults into another transport; the same seed injects the same faults."""

    inner: Transport
    faults: Faults
    seed: int = 0
    writes: int = 0
    injected: int = 0

    def __post_init__(self) -> None:
        self.emulated = self.inner.emulated
        self._random = random.Random(self.seed)
        self._held: deque[bytes] = deque()

    def now(self) -> float:
        return self.inner.now()

    def alive(self) -> str | None:
        return self.inner.alive()

    def read(self, timeout: float) -> bytes:
        held = b"".join(self._held)
        self._held.clear()
        data = held or self._spoil(self.inner.read(timeout))
        if data and self._happens(self.faults.banner):
            middle = self._random.randrange(len(data) + 1)
            data = data[:middle] + self.faults.banner_text + data[middle:]
        if data and not held and self._happens(self.faults.delay):
            self._held.append(data)
            return b""
        return data

    def write(self, data: bytes) -> None:
        if action := self.faults.before.get(self.writes):
            action()
        self.writes += 1
        self.inner.write(self._spoil(data))

    def _happens(self, probability: float) -> bool:
        happens = self._random.random() < probability
        self.injected += happens
        return happens

    def _spoil(self, data: bytes) -> bytes:
        if not data or self._happens(self.faults.drop):
            return b""
        if self._happens(self.faults.garble):
            at = self._random.randrange(len(data))
            data = data[:at] + bytes((data[at] ^ 1 << self._random.randrange(8),)) + data[at + 1 :]
        return data * 2 if self._happens(self.faults.duplicate) else data


@contextmanager
def open(handler: Handler, emulated: bool = False) -> Iterator[FakeTarget]:
    """Yields a FakeTarget; the counterpart of the other transports' ``open``."""
    yield FakeTarget(handler, emulated)
