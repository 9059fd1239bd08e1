"""Guards: the bytes of the arena that no live buffer occupies, in which a step must not write.

With --check-arena, the plan leaves room around every buffer, and the firmware fills these bytes before each step and
compares them after it.
"""

from collections.abc import Iterator

from .ir import Placement, Plan, Schedule

BYTES = 32  # around each buffer: two vectors of Helium's, the longest that a kernel writes at once


def of(plan: Plan, step: int) -> list[tuple[int, int]]:
    """The (begin, end) of the guards during a step, in order: all that is free, not only what is near a buffer."""
    found, free = [], 0
    for place in sorted(_live(plan, step), key=lambda place: place.offset):
        if place.offset > free:
            found.append((free, place.offset))
        free = max(free, place.offset + place.bytes)
    if free < plan.arena_bytes:
        found.append((free, plan.arena_bytes))
    return found


def describe(schedule: Schedule, plan: Plan, step: int, offset: int) -> str:
    """What a step did that wrote to this byte of a guard: the layer, its kernel, and the nearest buffer."""
    names = {f"the tensor {schedule.graph.tensors[i].name}": place for i, place in plan.tensors.items()}
    names |= {f"its scratch buffer {number}": place for (at, number), place in plan.scratch.items() if at == step}
    near = [(offset, "after", "the beginning of the arena")]
    for name, place in names.items():
        if place in _live(plan, step):
            end = place.offset + place.bytes
            near.append((offset - end + 1, "after", name) if offset >= end else (place.offset - offset, "before", name))
    distance, side, name = min(near)
    what = schedule.steps[step]
    kernel = f"firmware/kernels/{what.call.header}"
    return f"{what.name} ({what.kind}, {kernel}) wrote outside its tensors, to byte {distance} {side} {name}"


def _live(plan: Plan, step: int) -> Iterator[Placement]:
    for place in (*plan.tensors.values(), *plan.scratch.values()):
        if place.bytes and place.first <= step <= place.last:
            yield place
