"""The code that a firmware has because of its model: kernels, glue, and what they need of the C library.

It is the difference between the code of the firmware and that of a firmware with an empty model, not counting the empty
model's own kernels and glue. An export of the model contains this much of kerf's code.
"""

from ..kinds import COUNT
from . import Run

LABEL = "code of the model"
KIND = COUNT


def of(run: Run) -> int | None:
    if run.image is None or run.bench_code_bytes is None:
        return None
    return max(run.image.flash_bytes["code"] - run.bench_code_bytes, 0)


def text(value: int) -> str:
    return f"{value:,} bytes"
