"""Sentences about a measurement that the terminal and the page share."""

from ..values import Measurement

EMULATED, BOARD, HOST = "emulated", "board", "this machine"
ORACLE = "oracle"  # in Measurement.extra: which interpreters gave the expected outputs
STEPS = "largest_difference_steps"  # in Measurement.extra: how far integers are from an oracle that is not exact


def where(m: Measurement) -> str:
    """Where it was measured: EMULATED, BOARD or HOST, a build with sanitizers whose sizes and times say nothing about a
    microcontroller's."""
    return EMULATED if m.emulator else HOST if m.target == "host" else BOARD


def as_found(m: Measurement) -> str:
    """A suffix that identifies a firmware which this kerf did not build; "" for all others."""
    return f", firmware as found (build {m.device['build']})" if m.flash_bytes is None and m.device else ""


def optimized(m: Measurement) -> str:
    """A suffix for the kernels of a model that was optimized for something other than speed; "" for others."""
    return f", optimized for {m.optimize}" if m.optimize not in (None, "speed") else ""


def costs(m: Measurement) -> str:
    """Accuracy, flash, RAM and time, as far as they are known."""
    sizes = [f"{what} {found['total']:,}" for what, found in (("flash", m.flash_bytes), ("RAM", m.ram_bytes)) if found]
    right = [f"accuracy {m.accuracy['device']:.4f}"] if m.accuracy else []
    return ", ".join([*right, *sizes, f"{m.invoke.median:,} {m.clock.unit}"])


def verdict(m: Measurement, oracle: str = "the oracle", steps: float | None = None) -> tuple[str, str]:
    """One sentence about whether the device's outputs match the oracle's, and "good", "bad" or "faint".

    ``steps`` is the largest difference of integers that no oracle defines to the last bit, because TFLM was not
    available or because floats come before them; else None.
    """
    has_tflm = "tflite-micro" in m.extra.get(ORACLE, oracle)
    apart = f", by at most {steps:,.0f} {'step' if steps == 1 else 'steps'}" if steps else ""
    if apart and has_tflm:
        found = f"{m.mismatches:,} of {m.samples:,} samples differ from {oracle}{apart}"
        return f"{found}: the model's float operators may round the last bit differently.", "faint"
    if steps is not None and not has_tflm:
        found = f"All {m.samples:,} samples equal LiteRT's"
        if m.mismatches:
            found = f"{m.mismatches:,} of {m.samples:,} samples differ from LiteRT's{apart}"
        return f"{found}; TFLM defines the result to the last bit, and its interpreter could not run here.", "faint"
    how = "bit for bit" if m.tolerance == 0 else f"(integers exactly, floats within {m.tolerance:g} relative)"
    if m.mismatches == 0:
        return f"All {m.samples:,} samples equal {oracle} {how}.", "good"
    return f"{m.mismatches:,} of {m.samples:,} samples do not equal {oracle} {how}.", "bad"


def doubt(m: Measurement) -> str | None:
    """One sentence if a second opinion says that the oracle itself may be wrong, else None."""
    opinion = m.second_opinion
    if opinion is None or not opinion.is_beyond_rounding:
        return None
    what = "output" if opinion.reference == opinion.FLOAT else "layer"
    other = "the float model" if opinion.reference == opinion.FLOAT else opinion.reference
    return (
        f"The oracle itself may be wrong: its {what} {opinion.layer!r} is up to {opinion.max_steps:,.0f} steps from "
        f"that of {other}, more than rounding explains."
    )
