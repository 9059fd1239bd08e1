"""How many cycles a Cortex-M4 or M7 would take for one inference, estimated from what an emulator executed."""

from .. import cores, cycles
from ..kinds import COUNT
from . import Run

LABEL = "cycles (estimate)"
KIND = COUNT


def of(run: Run) -> int | None:
    if run.executed is None or run.image is None or run.device.identity is None:
        return None
    core = cores.find(run.device.identity.core)
    return cycles.estimate(cycles.disassemble(run.image.elf), run.executed, core) if cycles.has_model(core) else None


def text(value: int) -> str:
    return f"{value:,}, without memory wait states"
