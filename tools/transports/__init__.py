"""One module per way to reach a firmware, found by file name: bytes in, bytes out.

A transport module has ``open(…)``, a context manager that yields a Transport; what it takes differs (a port, an ELF),
what it gives does not. Leaving the context ends whatever it started, also on exceptions and Ctrl-C.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from ..values import Emulator


class Transport(Protocol):
    """An open line to a firmware. Every method raises TransportError once the other side is gone."""

    emulated: bool
    """Ticks are virtual time: the bench turns them into instructions."""

    def read(self, timeout: float) -> bytes:
        """What has arrived, at least one byte; ``b""`` when nothing came within ``timeout`` seconds."""

    def write(self, data: bytes) -> None:
        """Sends all of it."""

    def alive(self) -> str | None:
        """None, or a sentence that says how the other side died."""

    def now(self) -> float:
        """Seconds on the clock that ``read`` waits by; a fake has its own."""


class Emulation(Protocol):
    """The interface of a module of this folder that is an emulator."""

    @property
    def open(self) -> Callable[[Path, Emulator], AbstractContextManager[Transport]]:
        """Runs an ELF and gives the line to it; MissingTool without the emulator's program."""

    def require(self) -> object:
        """Raises MissingTool without the emulator's program."""
