"""For a model that keeps state: how many samples it was given in each sequence, starting from its initial state."""

from ..kinds import COUNT
from . import Run

LABEL = "sequence"
KIND = COUNT


def of(run: Run) -> int | None:
    vectors = run.quantized.vectors
    return vectors.steps or vectors.samples if vectors.in_sequence else None


def text(value: int) -> str:
    return f"{value:,} samples"
