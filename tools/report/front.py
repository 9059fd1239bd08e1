"""The Pareto front over accuracy, flash, RAM and time, and which choice moved what: for `inv sweep` and the report."""

from collections.abc import Sequence

from ..values import Measurement
from . import baseline, wording


def place(m: Measurement) -> tuple[str, ...]:
    """Where it was measured; only measurements from the same place compete, since times elsewhere mean something
    else."""
    return (*map(str, baseline.tested_with(m, {})), m.target, m.emulator or "", m.clock.unit)


def costs(m: Measurement) -> tuple[float, ...]:
    """What should be small: the error, flash, RAM and time. Without labels, all are equally accurate."""
    assert m.flash_bytes is not None and m.ram_bytes is not None
    error = 1 - m.accuracy["device"] if m.accuracy else 0.0
    return (error, m.flash_bytes["total"], m.ram_bytes["total"], m.invoke.median)


def competes(m: Measurement) -> bool:
    """Whether its costs are those of a microcontroller."""
    return m.flash_bytes is not None and wording.where(m) != wording.HOST


def front(measurements: Sequence[Measurement]) -> list[int]:
    """The positions of those that no other from the same place beats: as good in all four, and better in one."""
    best: dict[tuple[str, ...], list[tuple[float, ...]]] = {}  # place → costs on its front
    found = []
    competing = [(costs(m), i) for i, m in enumerate(measurements) if competes(m)]
    for own, i in sorted(competing):  # whatever beats another comes before it
        known = best.setdefault(place(measurements[i]), [])
        if own in known or not any(all(a <= b for a, b in zip(other, own, strict=True)) for other in known):
            known += [] if own in known else [own]
            found.append(i)
    return sorted(found)
