"""The static memory plan: which bytes of one arena each tensor and each scratch buffer has, and from when to when.

Nothing is allocated on the device: the offsets found here are compiled in. Finding the smallest arena is NP-hard, so
several orders of a greedy placement are tried and the smallest result is kept; `lower_bound` says how good it is.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from . import ops
from .ir import Graph, KernelCall, Op, Placement, Plan, Scratch

ALIGNMENT = 16  # one 128-bit vector (Helium, Neon, SSE), so that kernels may load whole vectors from any tensor's start
MAX_IMPROVEMENTS = 32  # placements tried beyond the fixed orders while the lower bound is not reached

InPlace = Callable[[Op, Graph], Iterable[int]]
TensorKey = int
ScratchKey = tuple[int, int]
Key = TensorKey | ScratchKey


@dataclass(frozen=True)
class _Buffer:
    """A tensor (key = index) or a scratch buffer (key = operator, number), live from ``first`` up to ``last``."""

    key: Key
    bytes: int
    first: int
    last: int


# Buffers that begin at the same offset: a tensor, and those that take over its memory in place, one after the other.
_Block = tuple[_Buffer, ...]
_Offsets = dict[_Block, int]


def plan(graph: Graph, calls: Sequence[KernelCall], in_place: InPlace | None = None) -> Plan:
    """Places every tensor that is not a constant, and every Scratch argument of ``calls`` (one call per operator).

    Times are operator indices; -1 is before the first operator, when the inputs are filled, and ``len(graph.ops)`` is
    after the last, when the outputs are read. Offsets are multiples of ALIGNMENT, and so is ``arena_bytes``. Two
    buffers that are live at the same time never overlap, but for an output that takes over the memory of an input
    which ``in_place`` (default: the operators' own) allows and which nobody needs afterwards.
    """
    assert len(calls) == len(graph.ops), "one kernel call per operator"
    buffers = _lifetimes(graph, calls)
    apart = [(buffer,) for buffer in buffers.values()]
    joined = _join(graph, buffers, in_place or _declared)
    best = _smallest(joined)
    if len(joined) < len(
        apart
    ):  # sharing memory ties buffers to one offset, which can, rarely, cost more than it saves
        best = min(best, _smallest(apart), key=_arena_bytes)
    return _as_plan(best)


def lower_bound(plan: Plan) -> int:
    """The bytes in use when most are: no placement of the same buffers with these lifetimes has a smaller arena."""
    places = [*plan.tensors.values(), *plan.scratch.values()]
    return max(
        (_union(p for p in places if p.first <= time <= p.last) for time in {p.first for p in places}), default=0
    )


# --- lifetimes --------------------------------------------------------------------------------------------------------


def _lifetimes(graph: Graph, calls: Sequence[KernelCall]) -> dict[Key, _Buffer]:
    first = {index: -1 for index in graph.inputs}
    last = dict(first)
    for op in graph.ops:
        for index in op.inputs:
            if index is not None and graph.tensors[index].data is None:
                last[index] = op.index
        for index in op.outputs:
            first[index] = last[index] = op.index
    last.update((index, len(graph.ops)) for index in graph.outputs if index in last)
    buffers: dict[Key, _Buffer] = {
        index: _Buffer(index, graph.tensors[index].bytes, first[index], last[index]) for index in sorted(first)
    }
    for at, call in enumerate(calls):
        for number, scratch in enumerate(a for a in call.arguments if isinstance(a, Scratch)):
            buffers[at, number] = _Buffer((at, number), scratch.bytes, at, at)
    return buffers


def _declared(op: Op, graph: Graph) -> Iterable[int]:
    return ops.find(op.kind).in_place(op, graph)


def _join(graph: Graph, buffers: dict[Key, _Buffer], in_place: InPlace) -> list[_Block]:
    """The buffers as blocks: an operator's only output joins the block of an input that it may and can overwrite."""
    block_of: dict[Key, list[_Buffer]] = {key: [buffer] for key, buffer in buffers.items()}
    for op in graph.ops:
        if len(op.outputs) != 1:
            continue
        output = buffers[op.outputs[0]]
        allowed = set(in_place(op, graph))
        for position, index in enumerate(op.inputs):
            if position not in allowed or index is None or index not in buffers:
                continue
            source = buffers[index]
            elsewhere = any(i == index and p not in allowed for p, i in enumerate(op.inputs))
            if source.last == op.index and output.bytes <= source.bytes and not elsewhere:
                block_of[index].append(output)
                block_of[output.key] = block_of[index]
                break
    unique = {id(block): tuple(block) for block in block_of.values()}
    return list(unique.values())


# --- placement --------------------------------------------------------------------------------------------------------


def _smallest(blocks: Sequence[_Block]) -> _Offsets:
    """The best of several orders, each improved by moving the block that makes the arena large to the front."""
    best: _Offsets | None = None
    for order in _orders(blocks):
        offsets = _place(order)
        if best is None or _arena_bytes(offsets) < _arena_bytes(best):
            best = offsets
    assert best is not None, "an order of no blocks is an order"
    bound = _aligned(lower_bound(_as_plan(best)))
    offsets, seen = best, {tuple(best)}
    for _ in range(MAX_IMPROVEMENTS):
        top = max(offsets, key=lambda block: offsets[block] + _size(block), default=())
        order = [top, *(block for block in offsets if block is not top)]
        if _arena_bytes(best) <= bound or tuple(order) in seen:
            break
        seen.add(tuple(order))
        offsets = _place(order)
        best = min(best, offsets, key=_arena_bytes)
    return best


def _orders(blocks: Sequence[_Block]) -> Iterable[list[_Block]]:
    """Orders that are good on different graphs; ties keep the order of the graph, so the plan is always the same."""
    busy = {t: sum(b.bytes for block in blocks for b in block if b.first <= t <= b.last) for t in _times(blocks)}
    yield sorted(blocks, key=lambda block: -_size(block))
    yield sorted(blocks, key=lambda block: (-max(busy[b.first] for b in block), -_size(block)))
    yield sorted(blocks, key=lambda block: -_size(block) * _duration(block))
    yield sorted(blocks, key=lambda block: (-_duration(block), -_size(block)))
    yield sorted(blocks, key=lambda block: (block[0].first, -_size(block)))
    yield sorted(blocks, key=lambda block: (-block[-1].last, -_size(block)))


def _place(order: Sequence[_Block]) -> _Offsets:
    """Each block in turn at the lowest aligned offset where none of its buffers meets one that is live with it."""
    offsets: _Offsets = {}
    for block in order:
        taken = []  # offsets lowest < x < highest would make a buffer of this block overlap one that has its place
        for other, offset in offsets.items():
            for theirs in other:
                for mine in block:
                    if mine.first <= theirs.last and theirs.first <= mine.last and mine.bytes and theirs.bytes:
                        taken.append((offset - mine.bytes, offset + theirs.bytes))
        start = 0
        for lowest, highest in sorted(taken):
            if lowest < start < highest:
                start = _aligned(highest)
        offsets[block] = start
    return offsets


def _as_plan(offsets: _Offsets) -> Plan:
    places = {b.key: Placement(offset, b.bytes, b.first, b.last) for block, offset in offsets.items() for b in block}
    tensors = {key: place for key, place in places.items() if isinstance(key, int)}
    scratch = {key: place for key, place in places.items() if isinstance(key, tuple)}
    return Plan(_arena_bytes(offsets), dict(sorted(tensors.items())), dict(sorted(scratch.items())))


def _arena_bytes(offsets: _Offsets) -> int:
    return _aligned(max((offset + _size(block) for block, offset in offsets.items()), default=0))


def _aligned(offset: int) -> int:
    return -(-offset // ALIGNMENT) * ALIGNMENT


def _size(block: _Block) -> int:
    return max(buffer.bytes for buffer in block)


def _duration(block: _Block) -> int:
    return block[-1].last - block[0].first + 1


def _times(blocks: Sequence[_Block]) -> set[int]:
    return {buffer.first for block in blocks for buffer in block}


def _union(places: Iterable[Placement]) -> int:
    """Bytes of the arena that these placements cover together."""
    total = end = 0
    for place in sorted(places, key=lambda p: p.offset):
        total += max(0, place.offset + place.bytes - max(end, place.offset))
        end = max(end, place.offset + place.bytes)
    return total
