"""One module per way to reach a firmware: bytes in, bytes out.

A transport module has ``open(…)``, a context manager that takes whatever it needs (a serial port, an ELF) and yields a
Transport. Leaving the context stops everything it started, also on exceptions and Ctrl-C.

Emulators are found by file name: each module with SETTINGS is an Emulation, and may have a CAUTION. No other code
imports one by name.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Protocol

from .. import registry
from ..errors import UnknownName
from ..installed import Tool
from ..values import Emulator
from ._trace import Trace as Trace


class Transport(Protocol):
    """An open line to a firmware. Every method raises TransportError once the other side is gone."""

    emulated: bool
    """Whether ticks are virtual time, which the bench converts to instructions."""

    def read(self, timeout: float) -> bytes:
        """The bytes received, at least one; ``b""`` if nothing arrives within ``timeout`` seconds."""

    def write(self, data: bytes) -> None:
        """Sends all of ``data``."""

    def alive(self) -> str | None:
        """None while the other side is alive, else a sentence on how it ended."""

    def now(self) -> float:
        """Seconds on the clock used by ``read``; a fake transport has its own."""


class Emulation(Protocol):
    """The interface of an emulator module in this folder."""

    TOOLS: Sequence[Tool]
    """The emulator's programs. A target names one of them as custom_<emulator>_program, or gets the first."""

    SETTINGS: Mapping[str, type[str] | type[int]]
    """The settings that a target must define, each as custom_<emulator>_<setting> in platformio.ini."""

    @property
    def open(self) -> Callable[[Path, Emulator], AbstractContextManager[Transport]]:
        """Runs an ELF and yields its serial port; MissingTool if the emulator is not installed.

        One that can count what it executes also has the function that `counting` returns, as open_counting.
        """


@cache
def emulators() -> tuple[str, ...]:
    """Names of all emulators, sorted."""
    modules = {name: import_module(f"{__name__}.{name}") for name in registry.names("transports")}
    return tuple(name for name, module in modules.items() if hasattr(module, "SETTINGS"))


def find(name: str) -> Emulation:
    """An emulator by its name; UnknownName if there is no such emulator."""
    if name not in emulators():
        raise UnknownName("emulator", name, emulators())
    emulation: Emulation = registry.find("transports", name, "emulator")
    return emulation


def counting(name: str) -> Callable[[Path, Emulator, Trace], AbstractContextManager[Transport]] | None:
    """Like an emulator's ``open``, with what it executes counted in the trace; None for one that cannot count."""
    found: Callable[[Path, Emulator, Trace], AbstractContextManager[Transport]] | None
    found = getattr(find(name), "open_counting", None)
    return found


def caution(name: str) -> str:
    """What a user should know before this emulator starts: its module's CAUTION; "" for nothing."""
    return str(getattr(find(name), "CAUTION", ""))


def tool(emulator: Emulator) -> Tool:
    """The program that runs a target; UnknownName if the emulator has no program of that name."""
    tools = {tool.program: tool for tool in find(emulator.name).TOOLS}
    name = emulator.settings.get("program", next(iter(tools)))
    if name not in tools:
        raise UnknownName(f"{emulator.name} program", name, tools)
    return tools[name]
