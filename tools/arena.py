"""An interpreter's memory for tensors (its arena), and the search for the smallest arena that works."""

from collections.abc import Callable
from dataclasses import dataclass

STEP_BYTES = 16  # the alignment of TFLM's allocations


@dataclass(frozen=True)
class Arena:
    """Memory for tensors: its size, and one sentence on how that size was determined."""

    bytes: int
    origin: str


def smallest(works: Callable[[int], bool], least: int, most: int) -> int:
    """The smallest multiple of STEP_BYTES in [least, most] that works, by binary search.

    Assumes that ``most`` works (it is not tried), and that if a size works, so does every larger one.
    """
    low, high = -(-least // STEP_BYTES), most // STEP_BYTES
    while low < high:
        middle = (low + high) // 2
        if works(middle * STEP_BYTES):
            high = middle
        else:
            low = middle + 1
    return high * STEP_BYTES
