"""One module per way to reach a firmware: bytes in, bytes out.

A transport module has ``open(…)``, a context manager that yields a Transport; what it takes differs (a port, an ELF),
what it gives does not. Leaving the context ends whatever it started, also on exceptions and Ctrl-C.

Emulators are found by file name: each module that has SETTINGS is an Emulation, and nothing else of kerf imports one by
name.
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Protocol

from .. import registry
from ..errors import UnknownName
from ..installed import Tool
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

    TOOL: Tool
    """The program that is started."""

    SETTINGS: Mapping[str, type[str] | type[int]]
    """What a target must say of itself, each as custom_<emulator>_<setting> in platformio.ini."""

    @property
    def open(self) -> Callable[[Path, Emulator], AbstractContextManager[Transport]]:
        """Runs an ELF and gives the line to it; MissingTool without the emulator's program."""


@cache
def emulators() -> tuple[str, ...]:
    """Names of all emulators, sorted."""
    modules = {name: import_module(f"{__name__}.{name}") for name in registry.names("transports")}
    return tuple(name for name, module in modules.items() if hasattr(module, "SETTINGS"))


def find(name: str) -> Emulation:
    """An emulator by its name; UnknownName when there is none."""
    if name not in emulators():
        raise UnknownName("emulator", name, emulators())
    emulation: Emulation = registry.find("transports", name, "emulator")
    return emulation
