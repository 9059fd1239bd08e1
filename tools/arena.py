"""An interpreter's memory for tensors, and the search for the smallest that works."""

from collections.abc import Callable
from dataclasses import dataclass

STEP_BYTES = 16  # TFLM aligns what it allocates to this


@dataclass(frozen=True)
class Arena:
    """Memory for tensors: its size, and a sentence that says where the number comes from."""

    bytes: int
    origin: str


def smallest(works: Callable[[int], bool], least: int, most: int) -> int:
    """The smallest multiple of STEP_BYTES in [least, most] that works, assuming that ``most`` does (it is not tried)
    and that whatever works at n works above n."""
    low, high = -(-least // STEP_BYTES), most // STEP_BYTES
    while low < high:
        middle = (low + high) // 2
        if works(middle * STEP_BYTES):
            high = middle
        else:
            low = middle + 1
    return high * STEP_BYTES
