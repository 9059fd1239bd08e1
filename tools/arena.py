"""An interpreter's memory for tensors, and the search for how little will do."""

from collections.abc import Callable
from dataclasses import dataclass

STEP_BYTES = 16  # TFLM aligns what it allocates to this


@dataclass(frozen=True)
class Arena:
    """Memory for tensors: how much, and in a sentence where the number comes from."""

    bytes: int
    origin: str


def smallest(works: Callable[[int], bool], least: int, most: int) -> int:
    """The smallest multiple of STEP_BYTES in [least, most] that works, if ``most`` does and what works at n works
    above it. ``works`` is not asked about ``most``."""
    low, high = -(-least // STEP_BYTES), most // STEP_BYTES
    while low < high:
        middle = (low + high) // 2
        if works(middle * STEP_BYTES):
            high = middle
        else:
            low = middle + 1
    return high * STEP_BYTES
