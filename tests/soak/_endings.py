"""A fault for the tests of the engine: every way in which an attack can end."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tools.errors import ModelError

from ._faults import Attack

TITLE = "every ending"
SHORT = 6
CASE_SECONDS = 1.0
MEMORY_BYTES = 1 << 26

ENDINGS = ("right", "named", "other", "other", "other", "other")


@contextmanager
def attacks(folder: Path) -> Iterator[Attack]:
    yield attack


def attack(seed: int, kept: Path) -> int:
    (kept / "input.txt").write_text(f"the input of attack {seed}")
    if seed == 1:
        raise ModelError("this file is damaged; convert it again")
    if seed == 2:
        raise KeyError("a bug")
    if seed == 3:
        time.sleep(60)
    if seed == 4:
        os.abort()
    if seed == 5:
        bytearray(1 << 27)[:: 1 << 12] = bytes(1 << 15)
    return 1
