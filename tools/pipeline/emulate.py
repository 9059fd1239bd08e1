"""A firmware in its emulator, with its serial line left to other programs."""

from collections.abc import Callable
from dataclasses import dataclass

from .. import ports
from ..errors import UsageError
from ..progress import Progress
from ..transports import server
from ..values import Project, Request, Target
from .choices import Choice, choose
from .ready import ready


@dataclass(frozen=True)
class Emulated:
    """A firmware that runs in an emulator (None: on this machine), and the URL of its serial line."""

    project: Project
    emulator: str | None
    url: str


def emulate(ask: Request, progress: Progress, port: int, started: Callable[[Emulated], None]) -> None:
    """Builds the firmware if needed, runs it and serves its serial line on a TCP port until Ctrl-C; 0 chooses a port.

    ``started`` is called once the firmware waits for requests. Raises UsageError for a target without an emulator or a
    port in use, both before anything is built, and TransportError when the emulator ends.
    """
    choice = choose(ask)
    _require_emulator(choice)
    _ = choice.line  # a missing emulator is reported first, too
    with server.listen(port) as listener, ready(choice, progress) as firmware, firmware.open() as line:
        server.drain_boot(line)
        assert firmware.built is not None
        started(Emulated(firmware.built.image.project, firmware.line.emulator, server.url(listener)))
        progress.say("waiting for a program to connect; press Ctrl-C to end")
        try:
            server.serve(line, listener, progress.say)
        except KeyboardInterrupt:
            return


def _require_emulator(choice: Choice) -> None:
    def can_run(target: Target) -> bool:
        return bool(target.emulators) or ports.find(target.port).is_here

    if not can_run(choice.target):
        others = ", ".join(target.name for target in filter(can_run, choice.known.values()))
        raise UsageError(f"{choice.target.name} has no emulator: choose a --target that has one ({others})")
