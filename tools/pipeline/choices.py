"""What the names in a Request stand for: the runtime, the target, and the line to its firmware.

A task asks once, with `choose`; what it does from there on goes by the Choice.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from .. import boards, ports, runtimes, targets, transports
from ..errors import UnknownName, UsageError
from ..runtimes import Runtime
from ..transports import Transport, host
from ..values import MODES, Request, Target

RUNTIMES: dict[str, Runtime] = {name: runtimes.find(name) for name in runtimes.known()}


@dataclass(frozen=True)
class Line:
    """How a firmware is reached; ``emulator`` is None on a real board and on this machine."""

    emulator: str | None
    open: Callable[[Path], AbstractContextManager[Transport]]


@dataclass(frozen=True)
class Interpreter:
    """In place of a line: the interpreter on this machine runs the .tflite itself, so there is no firmware to reach."""


@dataclass(frozen=True, eq=False)
class Choice:
    """A Request and what its names stand for; ``known`` is the whole board table.

    ``goals`` are what the model may be optimized for, the preferred first: the one asked for, or all that the runtime
    has, and then the first counts with which the model fits. [None] for a runtime that leaves no choice.
    """

    ask: Request
    runtime: Runtime
    target: Target
    known: Mapping[str, Target]
    goals: Sequence[str | None]

    @cached_property
    def line(self) -> Line | Interpreter:
        """How the firmware is reached, or what runs instead of one; raises as `choose_line` does."""
        return choose_line(self)

    @property
    def interprets(self) -> bool:
        """Whether there is no firmware for runtime and target."""
        return self.runtime.interprets(self.target)

    @property
    def conversion(self) -> Request:
        """The Request as the model is converted for it: dense layers need one scale for all their weights where their
        runtime's TFLM would get others wrong."""
        is_needed = self.ask.per_tensor_dense or not self.runtime.takes_per_channel_dense(self.target)
        return replace(self.ask, per_tensor_dense=is_needed)

    def instead(self, **changes: Any) -> "Choice":
        """The Choice for the same Request with other fields."""
        return choose(replace(self.ask, **changes), self.known)


def split(option: str, text: str) -> list[str]:
    """The names in an option that takes several, with a comma between two; UsageError without any."""
    names = list(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    if not names:
        raise UsageError(f"--{option} names nothing: give at least one name, with a comma between two")
    return names


def choose_modes(option: str, text: str | None, brings_its_own: bool) -> Sequence[str | None]:
    """Some modes, or ``all`` of them; None is the mode that the model brings, or int8, as nothing asked for is."""
    if not text:
        return [None]
    names, known = split(option, text), [*MODES, "all"]
    for name in names:
        if name not in known:
            raise UnknownName("mode", name, known)
    if "all" not in names:
        return names
    return [None] if brings_its_own else MODES


def choose(ask: Request, known: Mapping[str, Target] | None = None) -> Choice:
    """Runtime and target by their names, if the one can be built for the other.

    ``known`` is the board table, for who has read it already.
    """
    if ask.runtime not in RUNTIMES:
        raise UnknownName("runtime", ask.runtime, RUNTIMES)
    known = known or targets.load()
    target = targets.find(ask.target, known)
    if ask.runtime not in target.runtimes:
        raise UsageError(
            f"runtime {ask.runtime} cannot be built for {target.name}; it has: {', '.join(target.runtimes)}"
        )
    return Choice(ask, RUNTIMES[ask.runtime], target, known, _goals(ask.optimize, ask.runtime))


def choose_goals(option: str, text: str, runtime: str) -> Sequence[str | None]:
    """The goals in an option that takes several; [None] for a runtime that leaves no choice."""
    return split(option, text) if text and runtime in RUNTIMES and RUNTIMES[runtime].goals() else [None]


def _goals(wanted: str | None, runtime: str) -> Sequence[str | None]:
    known = RUNTIMES[runtime].goals()
    if wanted is None:
        return known or [None]
    if not known:
        raise UsageError(f"--optimize does not apply to runtime {runtime}, whose kernels are those of its library")
    if wanted not in known:
        raise UnknownName("goal of --optimize", wanted, known)
    return [wanted]


def choose_line(choice: Choice) -> Line | Interpreter:
    """The port the user named, else the emulator they named or the target's first, else this machine.

    Raises MissingTool when that emulator is not installed.
    """
    ask, target = choice.ask, choice.target
    if ask.any_firmware and not ask.port:
        raise UsageError("--any-firmware needs --port: an emulator and this machine run what was just built")
    if ask.port and choice.interprets:
        raise UsageError(
            f"runtime {ask.runtime} on {target.name} is an interpreter on this machine: name what is behind --port "
            "with --target"
        )
    if ask.port and ask.emulator:
        raise UsageError("--port means a real board and --emulator none: give one of them")
    if ask.port:
        return board_line(ask.port, target)
    if choice.interprets:
        return Interpreter()
    if ports.find(target.port).is_here and not ask.emulator:
        return Line(None, host.open)
    if ask.emulator and ask.emulator not in target.emulators:
        raise UnknownName(f"emulator for {target.name}", ask.emulator, target.emulators)
    if not target.emulators:
        raise UsageError(f"{target.name} has no emulator: plug the board in and give --port auto, or its serial port")
    emulator = target.emulators[ask.emulator or next(iter(target.emulators))]
    emulation = transports.find(emulator.name)
    emulation.TOOL.require()  # before anything is trained or built for it
    return Line(emulator.name, lambda elf: emulation.open(elf, emulator))


def board_line(port: str, target: Target) -> Line:
    """The line to a real board; ``port`` as --port."""
    name = boards.resolve(port, target)
    return Line(None, lambda elf: boards.open(name, target))
