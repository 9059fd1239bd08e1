"""The static memory plan: which bytes of one arena each tensor and each scratch buffer has, and from when to when.

Nothing is allocated on the device: the offsets found here are compiled in. Finding the smallest arena is NP-hard, so
several orders of a greedy placement are tried and the smallest result is kept; `Plan.lower_bound` says how good it is.

An output may lie over the input that it is computed from where the kernel allows it: it then begins a few bytes below
the input, so that what is written trails what is read (`Write.trails`).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from .ir import Placement, Plan, Schedule

ALIGNMENT = 16  # one 128-bit vector (Helium, Neon, SSE), so that kernels may load whole vectors from any tensor's start
MAX_IMPROVEMENTS = 64  # placements tried beyond the fixed orders while the lower bound is not reached

TensorKey = int
ScratchKey = tuple[int, int]
Key = TensorKey | ScratchKey


@dataclass(frozen=True)
class _Buffer:
    """A tensor (key = index) or a scratch buffer (key = step, number), live from ``first`` up to ``last``."""

    key: Key
    bytes: int
    first: int
    last: int


_Offsets = dict[Key, int]
# (input, output) → how many bytes the output must begin before the input, if they share memory.
_Trails = Mapping[tuple[Key, Key], int]


def plan(schedule: Schedule) -> Plan:
    """Places every tensor that is computed, every input, every state, and every Scratch argument of the steps.

    Times are steps; -1 is before the first, when the inputs are filled, and ``len(steps)`` after the last, when the
    outputs are read. State is live all the time. Offsets are multiples of ALIGNMENT, and so is ``arena_bytes``. Two
    buffers that are live at the same time never overlap, except for an output that trails an input which nobody needs
    after that step.
    """
    buffers = _lifetimes(schedule)
    trails = _trails(schedule, buffers)
    bound = max(_needed(buffers, trails).values(), default=0)
    best = _search(buffers, trails, bound)
    return _as_plan(schedule, buffers, best, bound)


def needed(schedule: Schedule) -> list[int]:
    """Bytes that each moment at which a buffer begins to be live needs, however they are placed; largest first."""
    buffers = _lifetimes(schedule)
    return sorted(_needed(buffers, _trails(schedule, buffers)).values(), reverse=True)


# --- lifetimes --------------------------------------------------------------------------------------------------------


def _lifetimes(schedule: Schedule) -> dict[Key, _Buffer]:
    graph, steps = schedule.graph, schedule.steps
    end = len(steps)
    first: dict[int, int] = {}
    last: dict[int, int] = {}

    def live(tensor: int, time: int) -> None:
        placed = schedule.placed(tensor)
        if graph.tensors[placed].data is None:
            first[placed] = min(first.get(placed, time), time)
            last[placed] = max(last.get(placed, time), time)

    for index in graph.inputs:
        live(index, -1)
    for state in graph.states:
        live(state.index, -1)
        live(state.index, end)
    for time, step in enumerate(steps):
        for index in (*step.call.reads, *(write.tensor for write in step.call.writes)):
            live(index, time)
    for index in graph.outputs:
        live(index, end)
    buffers: dict[Key, _Buffer] = {
        index: _Buffer(index, graph.tensors[index].bytes, first[index], last[index]) for index in sorted(first)
    }
    for time, step in enumerate(steps):
        for number, scratch in enumerate(step.call.scratch):
            buffers[time, number] = _Buffer((time, number), scratch.bytes, time, time)
    return buffers


def _trails(schedule: Schedule, buffers: Mapping[Key, _Buffer]) -> dict[tuple[Key, Key], int]:
    """The pairs that may share memory: the input's last use is the step that first writes the output."""
    found: dict[tuple[Key, Key], int] = {}
    for time, step in enumerate(schedule.steps):
        for write in step.call.writes:
            output = schedule.placed(write.tensor)
            for tensor, distance in write.trails.items():
                source = schedule.placed(tensor)
                others = [i for i in step.call.reads if schedule.placed(i) == source and i not in write.trails]
                ends, begins = buffers[source].last == time, buffers[output].first == time
                if source != output and ends and begins and not others:
                    found[source, output] = max(distance, found.get((source, output), 0))
    return found


def _needed(buffers: Mapping[Key, _Buffer], trails: _Trails) -> dict[int, int]:
    """Time → bytes that it needs, however the buffers are placed.

    Without trails all live buffers need their own bytes. An output and the inputs that it may lie over need at least
    the bytes of the inputs, and those of one input with the output as far below it as it must be.
    """
    found = {}
    for time in {buffer.first for buffer in buffers.values()}:
        live = {buffer.key for buffer in buffers.values() if buffer.first <= time <= buffer.last}
        total = sum(buffers[key].bytes for key in live)
        for output in live:
            sources = [s for s, o in trails if o == output and s in live and buffers[output].first == time]
            if not sources:
                continue
            apart, own = sum(buffers[s].bytes for s in sources), buffers[output].bytes
            spans = [max(buffers[s].bytes + min(trails[s, output], own), own) for s in sources]
            total -= apart + own - min(max(apart, *spans), apart + own)
        found[time] = _aligned(total)
    return found


# --- placement --------------------------------------------------------------------------------------------------------


def _search(buffers: Mapping[Key, _Buffer], trails: _Trails, bound: int) -> _Offsets:
    """The best of several orders, each improved by moving the buffer that makes the arena large to the front."""
    forbidden = _forbidden(buffers, trails)

    def size(offsets: _Offsets) -> int:
        return _aligned(max((offset + buffers[key].bytes for key, offset in offsets.items()), default=0))

    best: _Offsets = {}
    for number, start in enumerate(_orders(list(buffers.values()))):
        order = [buffer.key for buffer in start]
        seen = set()
        for _ in range(MAX_IMPROVEMENTS):
            offsets = _place(order, buffers, forbidden)
            if (number == 0 and not best) or size(offsets) < size(best):
                best = offsets
            if size(best) <= bound:
                return best
            top = max(offsets, key=lambda key: offsets[key] + buffers[key].bytes)
            order = [top, *(key for key in order if key != top)]
            if tuple(order) in seen:
                break
            seen.add(tuple(order))
    return best


def _forbidden(buffers: Mapping[Key, _Buffer], trails: _Trails) -> dict[Key, list[tuple[Key, int, int]]]:
    """For each buffer the others that it may meet: (other, low, high), so that its offset minus the other's must not
    lie strictly between low and high."""
    found: dict[Key, list[tuple[Key, int, int]]] = {key: [] for key in buffers}
    some = [buffer for buffer in buffers.values() if buffer.bytes]
    for i, a in enumerate(some):
        for b in some[:i]:
            if a.first <= b.last and b.first <= a.last:
                low, high = -a.bytes, b.bytes  # of a's offset minus b's
                if (b.key, a.key) in trails:  # a is written over b
                    low = -min(trails[b.key, a.key], a.bytes)
                if (a.key, b.key) in trails:
                    high = min(trails[a.key, b.key], b.bytes)
                found[a.key].append((b.key, low, high))
                found[b.key].append((a.key, -high, -low))
    return found


def _orders(buffers: Sequence[_Buffer]) -> Iterable[list[_Buffer]]:
    """Orders that are good on different graphs; ties keep the order of the graph, so the plan is always the same."""
    times = {buffer.first for buffer in buffers}
    busy = {t: sum(b.bytes for b in buffers if b.first <= t <= b.last) for t in times}
    yield sorted(buffers, key=lambda b: -b.bytes)
    yield sorted(buffers, key=lambda b: (-busy[b.first], -b.bytes))
    yield sorted(buffers, key=lambda b: -b.bytes * (b.last - b.first + 1))
    yield sorted(buffers, key=lambda b: (b.first - b.last, -b.bytes))
    yield sorted(buffers, key=lambda b: (b.first, -b.bytes))
    yield sorted(buffers, key=lambda b: (-b.last, -b.bytes))


def _place(
    order: Sequence[Key], buffers: Mapping[Key, _Buffer], forbidden: Mapping[Key, Sequence[tuple[Key, int, int]]]
) -> _Offsets:
    """Each buffer in turn at the lowest aligned offset that none of those placed before it forbids."""
    offsets: _Offsets = {}
    for key in order:
        taken = sorted(
            (offsets[other] + low, offsets[other] + high) for other, low, high in forbidden[key] if other in offsets
        )
        start = 0
        for low, high in taken:
            if low < start < high:
                start = _aligned(high)
        offsets[key] = start
    return offsets


def _as_plan(schedule: Schedule, buffers: Mapping[Key, _Buffer], offsets: _Offsets, bound: int) -> Plan:
    places = {key: Placement(offsets[key], b.bytes, b.first, b.last) for key, b in buffers.items()}
    tensors = {key: place for key, place in places.items() if isinstance(key, int)}
    tensors |= {view: tensors[source] for view, source in schedule.views.items() if source in tensors}
    scratch = {key: place for key, place in places.items() if isinstance(key, tuple)}
    arena_bytes = _aligned(max((place.offset + place.bytes for place in places.values()), default=0))
    return Plan(arena_bytes, dict(sorted(tensors.items())), dict(sorted(scratch.items())), bound)


def _aligned(offset: int) -> int:
    return -(-offset // ALIGNMENT) * ALIGNMENT
