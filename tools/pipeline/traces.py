"""Counts what a firmware executes in one inference, in an emulator that can report it, for `inv bench --cycles`."""

from .. import bench, cycles, transports
from ..cycles import Code, Executed
from ..errors import KerfError
from ..progress import Progress
from ..transports import Trace
from .ready import Ready

# Mangled names: the inference, and the bench's function that calls it.
_ENTRY, _CALLER = "_ZN4kerf5model6invoke", "_ZN4kerf5bench6native12_GLOBAL__N_16invoke"
# What the trace leaves out, because it also runs outside of inferences: the bench, the ports and interrupt handlers.
_OUTSIDE = ("4kerf5bench", "4kerf4port", "4kerf4chip", "_handler")


def executed(firmware: Ready, progress: Progress) -> Executed | None:
    """Runs the first sample once more and counts everything that the inference executes.

    None, with a warning, if cycles.py does not know the core's timings, or the emulator cannot count or is too slow.
    """
    compiled, built = firmware.compiled, firmware.built
    target, emulator = compiled.choice.target, firmware.line.emulator
    counting = transports.counting(emulator) if emulator else None
    if built is None or emulator is None or counting is None or not cycles.has_model(target.core):
        progress.warn(f"the cycles of {target.name} are not estimated: that needs a Cortex-M4 or M7 in QEMU")
        return None
    trace = _trace(cycles.disassemble(built.image.elf))
    quantized, ops = compiled.quantized, len(compiled.program.labels)
    progress.say("counting what one inference executes")
    try:
        with counting(built.image.elf, target.emulators[emulator], trace) as transport:
            bench.run(transport, quantized.vectors.spread(1), quantized.sha256, ops, None, 0, wanted=firmware.wanted)
    except KerfError as error:  # counting is slow, and what has been measured is worth keeping
        progress.warn(f"the cycles of {quantized.model} are not estimated, because counting failed: {error}")
        return None
    if not trace.calls:
        raise KerfError(f"{emulator} did not report what it executed: kerf cannot read the log of this version")
    return trace.calls[0]


def _trace(code: Code) -> Trace:
    places = {name: (begin, end) for name, begin, end in code.functions}
    entry = next(begin for name, (begin, _) in places.items() if name.startswith(_ENTRY))
    caller = next(place for name, place in places.items() if name.startswith(_CALLER))
    watched = [place for name, place in places.items() if not any(part in name for part in _OUTSIDE)]
    return Trace([*watched, caller], entry, caller)
