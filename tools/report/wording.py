"""What the terminal and the page say of a measurement in the same words."""

from ..values import Measurement

EMULATED, BOARD, HOST = "emulated", "board", "this machine"
STEPS = "largest_difference_steps"  # Measurement.extra: how far integers are from an oracle that is not exact


def place(m: Measurement) -> str:
    """EMULATED, BOARD or HOST. What this machine's compiler and sanitizers make of a firmware says nothing about a
    microcontroller's flash, RAM or time."""
    return EMULATED if m.emulator else HOST if m.target == "host" else BOARD


def as_found(m: Measurement) -> str:
    """What is to be added to the place of a firmware that this kerf did not build; "" for all others."""
    return f", firmware as found there (build {m.device['build']})" if m.flash_bytes is None and m.device else ""


def optimized(m: Measurement) -> str:
    """What is to be added to the kernels of a model that was optimized for something else than speed; "" for others."""
    return f", optimized for {m.optimize}" if m.optimize not in (None, "speed") else ""


def verdict(m: Measurement, oracle: str = "the oracle", steps: float | None = None) -> tuple[str, str]:
    """One sentence, and whether it is "good", "bad" or "faint": did the device compute what it must?

    ``steps`` is the largest difference where TFLM, which defines integer results, could not be asked, else None.
    """
    if steps is not None:
        found = f"All {m.samples:,} samples equal LiteRT's"
        if m.mismatches:
            unit = "step" if steps == 1 else "steps"
            found = f"{m.mismatches:,} of {m.samples:,} samples differ from LiteRT's, by at most {steps:,.0f} {unit}"
        return f"{found}; TFLM defines the result to the last bit, and its interpreter could not run here.", "faint"
    how = "bit for bit" if m.tolerance == 0 else f"(integers exactly, floats within {m.tolerance:g} relative)"
    if m.mismatches == 0:
        return f"All {m.samples:,} samples equal {oracle} {how}.", "good"
    return f"{m.mismatches:,} of {m.samples:,} samples do not equal {oracle} {how}.", "bad"


def doubt(m: Measurement) -> str | None:
    """One sentence where a second opinion says that the oracle itself may be wrong, else None."""
    opinion = m.second_opinion
    if opinion is None or not opinion.is_beyond_rounding:
        return None
    what = "output" if opinion.reference == opinion.FLOAT else "layer"
    other = "the float model" if opinion.reference == opinion.FLOAT else opinion.reference
    return (
        f"The oracle itself may be wrong: its {what} {opinion.layer!r} is up to {opinion.max_steps:,.0f} steps from "
        f"that of {other}, more than rounding explains."
    )
