"""Resolves the names in a Request: the runtime, the target, and the line to its firmware.

A task calls `choose` once and works with the Choice from then on.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from .. import boards, ports, power, runtimes, targets, transports
from ..errors import UnknownName, UsageError
from ..runtimes import Runtime
from ..transports import Transport, host
from ..values import MODES, Quantized, Request, Target

RUNTIMES: dict[str, Runtime] = {name: runtimes.find(name) for name in runtimes.known()}


@dataclass(frozen=True)
class Line:
    """How to reach a firmware; ``emulator`` is None for a real board and for the host, ``caution`` is for the user."""

    emulator: str | None
    open: Callable[[Path], AbstractContextManager[Transport]]
    caution: str = ""


@dataclass(frozen=True)
class Interpreter:
    """Replaces a Line if an interpreter on the host runs the .tflite and there is no firmware."""


@dataclass(frozen=True, eq=False)
class Choice:
    """A Request with its names resolved; ``known`` is the whole board table.

    ``goals`` are the optimization goals to try, in order; the first with which the model fits is used. They are the
    requested goal, or all goals of the runtime; [None] for a runtime without goals. ``quantized`` is the model
    converted as in `conversion`, if another process has done it.
    """

    ask: Request
    runtime: Runtime
    target: Target
    known: Mapping[str, Target]
    goals: Sequence[str | None]
    quantized: Quantized | None = None

    @cached_property
    def line(self) -> Line | Interpreter:
        """How to reach the firmware, or the interpreter that replaces it; raises the errors of `choose_line`."""
        return choose_line(self)

    @property
    def interprets(self) -> bool:
        """Whether the .tflite runs in an interpreter on the host instead of in firmware."""
        return self.runtime.interprets(self.target)

    @property
    def conversion(self) -> Request:
        """The Request to convert the model with: dense layers are quantized per tensor where the runtime's TFLM
        library computes wrong results for per-channel weights."""
        is_needed = self.ask.per_tensor_dense or not self.runtime.takes_per_channel_dense(self.target)
        return replace(self.ask, per_tensor_dense=is_needed)

    def instead(self, **changes: Any) -> "Choice":
        """The Choice for the same Request with these fields changed."""
        other = choose(replace(self.ask, **changes), self.known)
        is_same = other.conversion.per_tensor_dense == self.conversion.per_tensor_dense
        return replace(other, quantized=self.quantized) if is_same else other


def split(option: str, text: str) -> list[str]:
    """The names in a comma-separated option; UsageError if there are none."""
    names = list(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    if not names:
        raise UsageError(f"--{option} is empty: give one or more comma-separated names")
    return names


def choose_modes(option: str, text: str | None, brings_its_own: bool) -> Sequence[str | None]:
    """The modes in a comma-separated option, which may be ``all``. [None] means the default: the model's own mode if it
    ``brings_its_own``, else int8."""
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
    """Resolves runtime and target. Raises UsageError if the runtime cannot be built for the target.

    ``known`` is the board table, for callers that have already read it.
    """
    if ask.runtime not in RUNTIMES:
        raise UnknownName("runtime", ask.runtime, RUNTIMES)
    known = known or targets.load()
    target = targets.find(ask.target, known)
    if ask.runtime not in target.runtimes:
        raise UsageError(
            f"{target.name} does not support --runtime {ask.runtime}; it supports: {', '.join(target.runtimes)}"
        )
    if ask.check_arena:
        _check_guards(ask)
    return Choice(ask, RUNTIMES[ask.runtime], target, known, _goals(ask.optimize, ask.runtime))


def _check_guards(ask: Request) -> None:
    """Raises UsageError if no guards can be placed between the tensors."""
    can = [name for name, runtime in RUNTIMES.items() if runtime.PLACES_TENSORS]
    if ask.runtime not in can:
        raise UsageError(
            f"--check-arena needs a runtime whose tensors kerf places: use --runtime {' or '.join(can)}, because the "
            f"library of {ask.runtime} places them on the device"
        )
    if ask.any_firmware:
        raise UsageError(
            "--check-arena is a build of its own, and --any-firmware builds nothing: give only one of them"
        )


def choose_goals(option: str, text: str, runtime: str) -> Sequence[str | None]:
    """The goals in a comma-separated option; [None] for a runtime without goals."""
    return split(option, text) if text and runtime in RUNTIMES and RUNTIMES[runtime].goals() else [None]


def _goals(wanted: str | None, runtime: str) -> Sequence[str | None]:
    known = RUNTIMES[runtime].goals()
    if wanted is None:
        return known or [None]
    if not known:
        raise UsageError(f"--optimize does not apply to --runtime {runtime}: its library determines the kernels")
    if wanted not in known:
        raise UnknownName("--optimize goal", wanted, known)
    return [wanted]


def choose_line(choice: Choice) -> Line | Interpreter:
    """The serial port given by --port, else the emulator given by --emulator or the target's first, else the host.

    Raises MissingTool if the emulator is not installed.
    """
    ask, target = choice.ask, choice.target
    if ask.power:
        _require_instrument(ask, target)
    if ask.any_firmware and not ask.port:
        raise UsageError("--any-firmware needs --port: emulators and the host always run the firmware just built")
    if ask.port and choice.interprets:
        raise UsageError(
            f"--runtime {ask.runtime} on {target.name} is an interpreter on this machine: give the --target of the "
            "board at --port"
        )
    if ask.port and ask.emulator:
        raise UsageError("--port selects a real board and --emulator an emulator: give only one of them")
    if ask.port:
        return board_line(ask.port, target)
    if choice.interprets:
        return Interpreter()
    if ports.find(target.port).is_here and not ask.emulator:
        return Line(None, host.open)
    if ask.emulator and ask.emulator not in target.emulators:
        raise UnknownName(f"emulator for {target.name}", ask.emulator, target.emulators)
    if not target.emulators:
        raise UsageError(f"{target.name} has no emulator: plug in the board and give --port auto or its serial port")
    emulator = target.emulators[ask.emulator or next(iter(target.emulators))]
    emulation = transports.find(emulator.name)
    transports.tool(emulator).require()  # fail before training or building anything
    return Line(emulator.name, lambda elf: emulation.open(elf, emulator), transports.caution(emulator.name))


def _require_instrument(ask: Request, target: Target) -> None:
    assert ask.power is not None
    power.require(ask.power)
    if not ask.port:
        raise UsageError("--power measures a real board: add --port auto, or the board's serial port")
    if ask.any_firmware:
        raise UsageError("--power needs a firmware that raises a pin, so it must be built: omit --any-firmware")
    if not target.power_pin:
        raise UsageError(
            f"{target.name} has no pin for --power: add custom_power_pin to its section of platformio.ini "
            "(docs/energy.md)"
        )


def board_line(port: str, target: Target) -> Line:
    """The line to a real board; ``port`` is the value of --port."""
    name = boards.resolve(port, target)
    return Line(None, lambda elf: boards.open(name, target))
