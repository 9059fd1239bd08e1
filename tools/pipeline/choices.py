"""What the names in a Request stand for: the runtime, the target, and the line to its firmware."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

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


def choose_target(ask: Request) -> Target:
    """The target, if the runtime can be built for it."""
    if ask.runtime not in RUNTIMES:
        raise UnknownName("runtime", ask.runtime, RUNTIMES)
    target = targets.find(ask.target)
    if ask.runtime not in target.runtimes:
        raise UsageError(
            f"runtime {ask.runtime} cannot be built for {target.name}; it has: {', '.join(target.runtimes)}"
        )
    return target


def goals(ask: Request) -> Sequence[str | None]:
    """What the model may be optimized for, in order of preference: what is asked for alone, or the runtime's goals, the
    first of which with which the model fits is taken. [None] where the runtime leaves no choice."""
    known = RUNTIMES[ask.runtime].goals()
    if ask.optimize is None:
        return known or [None]
    if not known:
        raise UsageError(f"--optimize does not apply to runtime {ask.runtime}, whose kernels are those of its library")
    if ask.optimize not in known:
        raise UnknownName("goal of --optimize", ask.optimize, known)
    return [ask.optimize]


def choose_goals(option: str, text: str, runtime: str) -> Sequence[str | None]:
    """The goals in an option that takes several; [None] for a runtime that leaves no choice."""
    return split(option, text) if text and runtime in RUNTIMES and RUNTIMES[runtime].goals() else [None]


def choose_line(ask: Request) -> Line:
    """The port the user named, else the emulator they named or the target's first, else this machine.

    Raises MissingTool when that emulator is not installed.
    """
    target = choose_target(ask)
    if ask.any_firmware and not ask.port:
        raise UsageError("--any-firmware needs --port: an emulator and this machine run what was just built")
    if ask.port and interprets(ask):
        raise UsageError(
            f"runtime {ask.runtime} on {target.name} is an interpreter on this machine: name what is behind --port "
            "with --target"
        )
    if ask.port and ask.emulator:
        raise UsageError("--port means a real board and --emulator none: give one of them")
    if ask.port:
        port = boards.resolve(ask.port, target)
        return Line(None, lambda elf: boards.open(port, target))
    if ports.find(target.port).is_here:
        return Line(None, host.open)
    if ask.emulator and ask.emulator not in target.emulators:
        raise UnknownName(f"emulator for {target.name}", ask.emulator, target.emulators)
    if not target.emulators:
        raise UsageError(f"{target.name} has no emulator: plug the board in and give --port auto, or its serial port")
    emulator = target.emulators[ask.emulator or next(iter(target.emulators))]
    emulation = transports.find(emulator.name)
    emulation.TOOL.require()  # before anything is trained or built for it
    return Line(emulator.name, lambda elf: emulation.open(elf, emulator))


def interprets(ask: Request) -> bool:
    """Whether there is no firmware for runtime and target; the names are checked first."""
    target = choose_target(ask)
    return RUNTIMES[ask.runtime].interprets(target)
