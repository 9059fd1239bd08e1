"""The clock of an emulator in instructions: how many it executes per tick, found with two loops of known length."""

import math
from dataclasses import dataclass
from fractions import Fraction

from .errors import DeviceError
from .protocol import Calibrated


@dataclass(frozen=True)
class Scale:
    """Instructions per tick. Exact where the emulator's ratio is a simple fraction, as with QEMU's -icount."""

    instructions_per_tick: Fraction

    def of(self, ticks: int) -> int:
        """Ticks as instructions, rounded to the nearest, halves up; the same ticks always give the same number."""
        return math.floor(ticks * self.instructions_per_tick + Fraction(1, 2))

    @property
    def note(self) -> str | None:
        """A sentence when the clock is too coarse to count single instructions."""
        if self.instructions_per_tick <= 1:
            return None
        return f"the emulator's clock counts in steps of {math.ceil(self.instructions_per_tick)} instructions"


def calibrated(short: Calibrated, long: Calibrated) -> Scale:
    """The scale from two loops of known length: their difference cancels the cost of reading the clock.

    The difference of T ticks is accurate to one tick either way, so the scale lies between I / (T + 1) and I / (T - 1).
    The simplest fraction in that range undoes the clock's rounding. DeviceError when the loops took no measurable time.
    """
    instructions, ticks = long.instructions - short.instructions, long.ticks - short.ticks
    if instructions <= 0 or ticks <= 1:
        raise DeviceError(
            f"the emulator's clock cannot be calibrated ({instructions} instructions in {ticks} ticks): "
            "the port's spin() or start_ticks() does not work on this target"
        )
    return Scale(simplest_between(Fraction(instructions, ticks + 1), Fraction(instructions, ticks - 1)))


def simplest_between(low: Fraction, high: Fraction) -> Fraction:
    """The fraction with the smallest denominator in [low, high], 0 < low <= high (by continued fractions)."""
    whole = math.floor(low)
    if whole == low:
        return Fraction(whole)
    if whole + 1 <= high:
        return Fraction(whole + 1)
    return whole + 1 / simplest_between(1 / (high - whole), 1 / (low - whole))
