"""A firmware that is ready to run: built, flashed if it is for a board, and the line to it."""

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from .. import boards, elf, faults, files, ports
from ..boards import flash as flasher
from ..errors import Crashed
from ..graph import guards
from ..progress import Progress
from ..transports import Transport
from ..values import Identity
from . import places
from .choices import Choice, Line, board_line
from .firmware import Built, Compiled, building, compile_choice, require_firmware, title, upload


@dataclass(frozen=True, eq=False)
class Ready:
    """A firmware ready to run, and the model in it. ``built`` is None for firmware that was already on the device: its
    build is unknown. ``loaded`` is the file that an emulator runs: the ELF, or a flash image made of it."""

    compiled: Compiled
    built: Built | None
    line: Line
    loaded: Path = Path()

    @property
    def wanted(self) -> Identity | None:
        """The identity that the firmware must report; None if any firmware is accepted."""
        return self.built.image.project.identity if self.built else None

    @contextmanager
    def open(self) -> Iterator[Transport]:
        """Opens the line to the firmware.

        A fault that the firmware reports meanwhile is raised with its source line, and a write outside a tensor with
        the names of layer and tensor.
        """
        try:
            with self.line.open(self.loaded) as transport:
                yield transport
        except Crashed as crash:
            raise Crashed(self._named(crash), crash.fault) from crash

    def _named(self, crash: Crashed) -> str:
        fault, program = crash.fault, self.compiled.program
        schedule, plan = program.schedule, program.plan
        if self.built is None:
            return str(crash)
        if fault.kind != faults.OUTSIDE:
            return faults.crashed(fault, partial(elf.sources, self.built.image.elf))
        if not program.is_guarded or schedule is None or fault.psr >= len(schedule.steps):
            return str(crash)
        assert schedule is not None and plan is not None
        wrote = guards.describe(schedule, plan, fault.psr, fault.pc)
        caller = f"line {fault.address} of {self.built.rendered.directory}/src/model.cpp"
        return f"{wrote}; it is called in {caller}: please report this, with the model"


@contextmanager
def ready(choice: Choice, progress: Progress) -> Iterator[Ready]:
    """Builds the firmware, and flashes it if --port is a local serial port. With ``any_firmware``, does neither.

    The ELF is a temporary copy that lives as long as the context, since another kerf process may rebuild the project
    meanwhile.
    """
    ask, target, line = choice.ask, choice.target, choice.line
    require_firmware(choice)
    assert isinstance(line, Line)
    if ask.any_firmware:
        yield Ready(compile_choice(choice, progress), None, line)
        return
    is_flashed = bool(ask.port) and not boards.is_url(ask.port or "")
    if is_flashed:
        flasher.find(target, ask.port)  # report a missing board before building
    with ExitStack() as run:
        with building(choice, progress) as built:
            if is_flashed and (port := upload(built, progress)):
                line = board_line(port, target)  # flashing may have changed the port's name
            assert built.rendered.directory is not None
            elf = run.enter_context(files.temporary(built.rendered.directory / built.image.elf.name))
            run.enter_context(places.locked(elf, progress, f"running {title(built.rendered)}"))
            shutil.copy(built.image.elf, elf)
            loaded = elf
            if line.emulator and (flash_image := ports.find(target.port).flash_image):
                loaded = run.enter_context(files.temporary(elf.with_name("flash.bin")))
                loaded.write_bytes(flash_image(elf))
        if line.caution:
            progress.warn(line.caution)
        yield Ready(built.rendered.compiled, replace(built, image=replace(built.image, elf=elf)), line, loaded)
