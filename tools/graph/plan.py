"""The static memory plan: the arena offset and the lifetime of each tensor and scratch buffer.

Nothing is allocated on the device: the offsets found here are compiled in. Finding the smallest arena is NP-hard, so
greedy placement is tried in several orders, and in random ones that follow from them; the smallest result is kept.
`Plan.lower_bound` shows how good it is.

If the kernel allows it, an output may overlap the input that it is computed from. It then starts a few bytes before the
input, so that writes trail reads (`Write.trails`), or at the same offset (`Write.in_place`).
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random

from .ir import Placement, Plan, Schedule

ALIGNMENT = 16  # one 128-bit vector (Helium, Neon, SSE), so that kernels may load whole vectors from any tensor's start
MAX_IMPROVEMENTS = 64  # placements tried per order while the lower bound is not reached
MAX_CHANGES = 200  # of each order, while the lower bound is not reached
MAX_VISITS = 200_000  # constraints visited per order; limits the placements of graphs with hundreds of live buffers
MAX_APART = 4  # in-place outputs, those with the largest inputs, that are also tried apart from their input

TensorKey = int
ScratchKey = tuple[int, int]
Key = TensorKey | ScratchKey


@dataclass(frozen=True)
class _Buffer:
    """A tensor (key = index) or a scratch buffer (key = step, number), live from ``first`` to ``last``."""

    key: Key
    bytes: int
    first: int
    last: int


_Offsets = dict[Key, int]
# (input, output) → the least and most bytes by which the output may start before the input if they overlap.
_Trails = Mapping[tuple[Key, Key], tuple[int, int]]
_ANY = 1 << 62


def plan(schedule: Schedule, outside: Collection[int] = (), guard_bytes: int = 0) -> Plan:
    """Assigns an offset to every computed tensor, input, state and Scratch argument of the steps.

    Times are step numbers; -1 is before the first step, when the inputs are filled, and ``len(steps)`` after the last,
    when the outputs are read. State is always live. Offsets and ``arena_bytes`` are multiples of ALIGNMENT. Two buffers
    that are live at the same time never overlap, except an output and an input whose last use is that step. Inputs that
    are ``outside`` get no place: they are somewhere else already.

    At least ``guard_bytes``, a multiple of ALIGNMENT, separate buffers that do not overlap; as many are free at both
    ends of the arena. An output that must begin some distance before its input may be closer to it.
    """
    own = buffers = _lifetimes(schedule, outside)
    if guard_bytes:
        buffers = {key: replace(b, bytes=b.bytes + guard_bytes) if b.bytes else b for key, b in own.items()}
    trails = _trails(schedule, buffers)
    bound = max(_needed(buffers, trails).values(), default=0)
    orders = _orders(list(buffers.values()))
    best = _search(buffers, trails, bound, orders)
    # Placing an output in place gives it the lowest possible offset, but sometimes everything fits better without.
    in_place = [pair for pair, (_, most) in trails.items() if most == 0]
    for pair in sorted(in_place, key=lambda pair: -buffers[pair[0]].bytes)[:MAX_APART]:
        if _size(best, buffers) <= bound:
            break
        fewer = {each: allowed for each, allowed in trails.items() if each != pair}
        other = _search(buffers, fewer, bound, orders[-2:])
        if _size(other, buffers) < _size(best, buffers):
            best, trails = other, fewer
    if trails and _size(best, buffers) > bound:  # sometimes everything fits better without any overlap
        other = _search(buffers, {}, bound, orders)
        if _size(other, buffers) < _size(best, buffers):
            best = other
    for allowed in (trails, {}):
        if _size(best, buffers) > bound:
            best = min(best, _climb(buffers, allowed, bound, orders), key=lambda offsets: _size(offsets, buffers))
    placed = {key: offset + guard_bytes for key, offset in best.items()}
    return _as_plan(schedule, own, placed, guard_bytes + _size(best, buffers), guard_bytes + bound)


def needed(schedule: Schedule) -> list[int]:
    """The bytes that any placement needs at each time when a buffer becomes live; largest first."""
    buffers = _lifetimes(schedule)
    return sorted(_needed(buffers, _trails(schedule, buffers)).values(), reverse=True)


# --- lifetimes --------------------------------------------------------------------------------------------------------


def _lifetimes(schedule: Schedule, outside: Collection[int] = ()) -> dict[Key, _Buffer]:
    graph, steps = schedule.graph, schedule.steps
    end = len(steps)
    first: dict[int, int] = {}
    last: dict[int, int] = {}

    def live(tensor: int, time: int) -> None:
        storage = schedule.storage_of(tensor)
        if graph.tensors[storage].data is None and storage not in outside:
            first[storage] = min(first.get(storage, time), time)
            last[storage] = max(last.get(storage, time), time)

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


def _trails(schedule: Schedule, buffers: Mapping[Key, _Buffer]) -> dict[tuple[Key, Key], tuple[int, int]]:
    """The pairs that may overlap: the step that first writes the output is the input's last use."""
    found: dict[tuple[Key, Key], tuple[int, int]] = {}
    for time, step in enumerate(schedule.steps):
        for write in step.call.writes:
            output = schedule.storage_of(write.tensor)
            allowed = {tensor: (least, _ANY) for tensor, least in write.trails.items()}
            allowed |= dict.fromkeys(write.in_place, (0, 0))
            for tensor, (least, most) in allowed.items():
                source = schedule.storage_of(tensor)
                others = [i for i in step.call.reads if schedule.storage_of(i) == source and i not in allowed]
                if source not in buffers:
                    continue
                ends, begins = buffers[source].last == time, buffers[output].first == time
                if source != output and ends and begins and not others:
                    low, high = found.get((source, output), (0, _ANY))
                    found[source, output] = max(least, low), min(most, high)
    return found


def _needed(buffers: Mapping[Key, _Buffer], trails: _Trails) -> dict[int, int]:
    """Time → the bytes that any placement needs.

    Without trails, this is the sum of the aligned sizes of all live buffers. An output and the inputs that it may
    overlap need at least the inputs' bytes, and at least the span of the output and any one of these inputs.
    """
    found, room = {}, {key: _aligned(buffer.bytes) for key, buffer in buffers.items()}
    for time in {buffer.first for buffer in buffers.values()}:
        live = {buffer.key for buffer in buffers.values() if buffer.first <= time <= buffer.last}
        total = sum(room[key] for key in live)
        for output in live:
            sources = [s for s, o in trails if o == output and s in live and buffers[output].first == time]
            if not sources:
                continue
            apart, own = sum(room[s] for s in sources), room[output]
            spans = [max(room[s] + _aligned(min(trails[s, output][0], own)), own) for s in sources]
            total -= apart + own - min(max(apart, *spans), apart + own)
        found[time] = total
    return found


# --- placement --------------------------------------------------------------------------------------------------------


def _search(
    buffers: Mapping[Key, _Buffer], trails: _Trails, bound: int, orders: Iterable[Sequence[_Buffer]]
) -> _Offsets:
    """The best of several orders, each improved by moving the buffer that ends highest to the front."""
    forbidden = _forbidden(buffers, trails)
    constraints = sum(map(len, forbidden.values()))
    tries = min(MAX_IMPROVEMENTS, 1 + MAX_VISITS // max(constraints, 1))
    best: _Offsets = {}
    for number, start in enumerate(orders):
        order = [buffer.key for buffer in start]
        seen = set()
        for _ in range(tries):
            offsets = _place(order, buffers, forbidden)
            if (number == 0 and not best) or _size(offsets, buffers) < _size(best, buffers):
                best = offsets
            if _size(best, buffers) <= bound:
                return best
            top = max(offsets, key=lambda key: offsets[key] + buffers[key].bytes)
            order = [top, *(key for key in order if key != top)]
            if tuple(order) in seen:
                break
            seen.add(tuple(order))
    return best


def _climb(
    buffers: Mapping[Key, _Buffer], trails: _Trails, bound: int, orders: Iterable[Sequence[_Buffer]]
) -> _Offsets:
    """The best of several orders, each changed at random, a buffer at a time. A change is kept unless it costs memory.

    The numbers are the same for every run and every version of Python, which random() alone promises.
    """
    forbidden, rng = _forbidden(buffers, trails), Random(0)
    tries = min(MAX_CHANGES, MAX_VISITS // max(sum(map(len, forbidden.values())), 1))
    best: _Offsets = {}
    for start in orders:
        order = [buffer.key for buffer in start]
        offsets = _place(order, buffers, forbidden)
        for _ in range(tries):
            changed = list(order)
            key = changed.pop(int(rng.random() * len(changed)))
            changed.insert(int(rng.random() * len(order)), key)
            other = _place(changed, buffers, forbidden)
            if _size(other, buffers) <= _size(offsets, buffers):
                order, offsets = changed, other
            if _size(offsets, buffers) <= bound:
                return offsets
        if not best or _size(offsets, buffers) < _size(best, buffers):
            best = offsets
    return best


def _size(offsets: _Offsets, buffers: Mapping[Key, _Buffer]) -> int:
    """Bytes of the arena."""
    return _aligned(max((offset + buffers[key].bytes for key, offset in offsets.items()), default=0))


def _forbidden(buffers: Mapping[Key, _Buffer], trails: _Trails) -> dict[Key, list[tuple[Key, int, int]]]:
    """Each buffer's constraints (other, low, high): its offset minus the other's must not be strictly between low and
    high."""
    found: dict[Key, list[tuple[Key, int, int]]] = {key: [] for key in buffers}
    some = [buffer for buffer in buffers.values() if buffer.bytes]
    for i, a in enumerate(some):
        for b in some[:i]:
            if a.first <= b.last and b.first <= a.last:
                gaps = [(-a.bytes, b.bytes)]  # a's offset minus b's
                if (b.key, a.key) in trails:  # a may overwrite b
                    least, most = trails[b.key, a.key]
                    gaps = [(-a.bytes, -most), (-min(least, a.bytes), b.bytes)]
                if (a.key, b.key) in trails:
                    least, most = trails[a.key, b.key]
                    gaps = [(-a.bytes, min(least, b.bytes)), (most, b.bytes)]
                for low, high in gaps:
                    if low < high:
                        found[a.key].append((b.key, low, high))
                        found[b.key].append((a.key, -high, -low))
    return found


def _orders(buffers: Sequence[_Buffer]) -> Sequence[Sequence[_Buffer]]:
    """Orders that suit different graphs, the last two by time. Ties keep the graph's order, so plans are
    deterministic."""
    times = {buffer.first for buffer in buffers}
    busy = {t: sum(b.bytes for b in buffers if b.first <= t <= b.last) for t in times}
    return (
        sorted(buffers, key=lambda b: -b.bytes),
        sorted(buffers, key=lambda b: (-busy[b.first], -b.bytes)),
        sorted(buffers, key=lambda b: -b.bytes * (b.last - b.first + 1)),
        sorted(buffers, key=lambda b: (b.first - b.last, -b.bytes)),
        sorted(buffers, key=lambda b: (b.first, -b.bytes)),
        sorted(buffers, key=lambda b: (-b.last, -b.bytes)),
    )


def _place(
    order: Sequence[Key], buffers: Mapping[Key, _Buffer], forbidden: Mapping[Key, Sequence[tuple[Key, int, int]]]
) -> _Offsets:
    """Places each buffer in turn at the lowest aligned offset that the buffers placed so far allow."""
    offsets: _Offsets = {}
    for key in order:
        taken = sorted(
            (offsets[other] + low, offsets[other] + high) for other, low, high in forbidden[key] if other in offsets
        )
        start = 0
        for low, high in taken:
            if low >= start:
                break
            if low < start < high:
                start = _aligned(high)
        offsets[key] = start
    return offsets


def _as_plan(
    schedule: Schedule, buffers: Mapping[Key, _Buffer], offsets: _Offsets, arena_bytes: int, bound: int
) -> Plan:
    placements = {key: Placement(offsets[key], b.bytes, b.first, b.last) for key, b in buffers.items()}
    tensors = {key: each for key, each in placements.items() if isinstance(key, int)}
    tensors |= {view: tensors[source] for view, source in schedule.views.items() if source in tensors}
    scratch = {key: each for key, each in placements.items() if isinstance(key, tuple)}
    return Plan(arena_bytes, dict(sorted(tensors.items())), dict(sorted(scratch.items())), bound)


def _aligned(offset: int) -> int:
    return -(-offset // ALIGNMENT) * ALIGNMENT
