"""The memory plan, by property: what is live at the same time never overlaps, except as a kernel allows it."""

from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tools.graph import plan as planner
from tools.graph.ir import DType, Graph, KernelCall, Op, Placement, Read, Schedule, Scratch, Step, Tensor, Write
from tools.graph.plan import ALIGNMENT, plan

Wiring = Sequence[tuple[tuple[int, ...], tuple[int, ...]]]


def make(
    sizes: Sequence[int],
    wiring: Wiring,
    *,
    inputs: tuple[int, ...],
    outputs: tuple[int, ...],
    trails: Mapping[int, Mapping[int, int]] | None = None,
    in_place: Mapping[int, tuple[int, ...]] | None = None,
    scratch: Sequence[Sequence[int]] = (),
    states: Sequence[int] = (),
    views: Mapping[int, int] | None = None,
) -> Schedule:
    """Steps that read and write tensors of these sizes; ``trails`` and ``in_place`` are a step's first output's."""
    tensors = tuple(
        Tensor(i, f"t{i}", (size,), DType.INT8, initial=np.zeros(size, np.int8) if i in states else None)
        for i, size in enumerate(sizes)
    )
    steps = []
    for at, (sources, made) in enumerate(wiring):
        first, *others = made
        arguments = (
            *(Read(source) for source in sources),
            Write(first, (trails or {}).get(at, {}), (in_place or {}).get(at, ())),
            *(Write(other) for other in others),
            *(Scratch(size) for size in (scratch[at] if at < len(scratch) else ())),
        )
        op = Op(at, "OP", f"op{at}", sources, made)
        steps.append(Step((op,), KernelCall("", "", (), arguments), "portable"))
    graph = Graph("g", "0" * 64, 0, tensors, tuple(step.ops[0] for step in steps), inputs, outputs)
    return Schedule(graph, tuple(steps), views or {})


@st.composite
def schedules(draw: st.DrawFn) -> Schedule:
    """Random steps in execution order with scratch, several outputs, state and distances for sharing memory."""
    size = st.integers(0, 200) | st.sampled_from((0, 1, 15, 16, 17, 64))
    sizes = draw(st.lists(size, min_size=1, max_size=4))
    states = draw(st.sets(st.integers(0, len(sizes) - 1), max_size=len(sizes) - 1))
    inputs = tuple(i for i in range(len(sizes)) if i not in states)
    wiring, scratch, trails, in_place = [], [], {}, {}
    for at in range(draw(st.integers(0, 12))):
        sources = tuple(draw(st.lists(st.integers(0, len(sizes) - 1), min_size=1, max_size=3)))
        outputs = tuple(range(len(sizes), len(sizes) + draw(st.sampled_from((1, 1, 1, 2)))))
        # Equal sizes are what operators that share memory mostly have.
        sizes += [draw(size | st.just(sizes[sources[0]])) for _ in outputs]
        shared = draw(st.sets(st.sampled_from(sources)))
        in_place[at] = tuple(sorted(draw(st.sets(st.sampled_from(sources))) - shared))
        trails[at] = {source: draw(st.sampled_from((0, 0, 1, 16, 40, 500))) for source in sorted(shared)}
        wiring.append((sources, outputs))
        scratch.append(draw(st.lists(size, max_size=2)))
    outputs = tuple(draw(st.lists(st.integers(0, len(sizes) - 1), min_size=1, max_size=3)))
    sharing = {"trails": trails, "in_place": in_place}
    return make(sizes, wiring, inputs=inputs, outputs=outputs, **sharing, scratch=scratch, states=sorted(states))


def live_times(schedule: Schedule) -> dict[int, set[int]]:
    """When each tensor must keep its value, computed the slow way: from its writing step to each reading step."""
    graph, end = schedule.graph, len(schedule.steps)
    made = dict.fromkeys(graph.inputs, -1)
    for at, step in enumerate(schedule.steps):
        made.update({write.tensor: at for write in step.call.writes})
    times = {tensor: {first} for tensor, first in made.items()}
    for at, step in enumerate(schedule.steps):
        for tensor in step.call.reads:
            if tensor in made:
                times[tensor] |= set(range(made[tensor], at + 1))
    for tensor in graph.outputs:
        if tensor in made:
            times[tensor] |= set(range(made[tensor], end + 1))
    return times | {state.index: set(range(-1, end + 1)) for state in graph.states}


def overlap(a: Placement, b: Placement) -> bool:
    return max(a.offset, b.offset) < min(a.offset + a.bytes, b.offset + b.bytes)


def near(a: Placement, b: Placement, distance: int) -> bool:
    """Whether less than this many bytes are between two buffers that do not overlap."""
    gap = max(a.offset, b.offset) - min(a.offset + a.bytes, b.offset + b.bytes)
    return bool(a.bytes and b.bytes) and gap < distance


@settings(max_examples=400, deadline=None)
@given(schedules(), st.sampled_from((0, 0, 16, 32)))
def test_nothing_that_is_live_is_overwritten(schedule: Schedule, guard_bytes: int) -> None:
    result, times = plan(schedule, guard_bytes=guard_bytes), live_times(schedule)
    assert result.tensors.keys() == times.keys()
    for index, place in result.tensors.items():
        size = schedule.graph.tensors[index].bytes
        assert (place.first, place.last, place.bytes) == (min(times[index]), max(times[index]), size)
    for (at, number), place in result.scratch.items():
        scratch = schedule.steps[at].call.scratch[number]
        assert (place.first, place.last, place.bytes) == (at, at, scratch.bytes)
    assert sum(len(step.call.scratch) for step in schedule.steps) == len(result.scratch)

    everything = [*result.tensors.items(), *result.scratch.items()]
    for place in (place for _, place in everything):
        assert place.offset % ALIGNMENT == 0
        ends = guard_bytes if place.bytes else 0  # what has no bytes needs no guard
        assert ends <= place.offset <= place.offset + place.bytes <= result.arena_bytes - ends
    for number, (key, place) in enumerate(everything):
        for other_key, other in everything[:number]:
            if overlap(place, other) and place.first <= other.last and other.first <= place.last:
                assert isinstance(key, int) and isinstance(other_key, int)
                source, output = sorted((key, other_key), key=lambda tensor: min(times[tensor]))
                assert_trails(schedule, times, source, output, result.tensors)
            elif near(place, other, guard_bytes) and place.first <= other.last and other.first <= place.last:
                assert isinstance(key, int) and isinstance(other_key, int)
                assert guard_bytes and any(
                    {key, other_key} == {write.tensor, source}
                    for step in schedule.steps
                    for write in step.call.writes
                    for source in write.trails
                ), "only an output that begins a distance before its input may be closer to it"
    assert result.lower_bound <= result.arena_bytes
    assert result.arena_bytes % ALIGNMENT == 0


def assert_trails(
    schedule: Schedule, times: dict[int, set[int]], source: int, output: int, places: Mapping[int, Placement]
) -> None:
    """Checks that ``output`` may overlap ``source`` at these offsets, and that no later step needs ``source``."""
    at = min(times[output])
    assert times[source] & times[output] == {at}, "the input is still needed"
    (write,) = [write for write in schedule.steps[at].call.writes if write.tensor == output]
    if source in write.in_place:
        assert places[output].offset == places[source].offset
    else:
        assert places[output].offset <= places[source].offset - write.trails[source]


@settings(max_examples=100, deadline=None)
@given(schedules())
def test_sharing_memory_never_costs_anything_and_a_plan_is_the_same_every_time(schedule: Schedule) -> None:
    shared = plan(schedule)
    assert shared == plan(schedule)
    steps = [
        Step(step.ops, KernelCall("", "", (), tuple(Write(a.tensor) if isinstance(a, Write) else a
                                                   for a in step.call.arguments)), "portable")
        for step in schedule.steps
    ]  # fmt: skip
    assert shared.arena_bytes <= plan(Schedule(schedule.graph, tuple(steps))).arena_bytes


def test_a_chain_takes_its_two_largest_neighbours() -> None:
    result = plan(make((16, 64, 32, 48), [((0,), (1,)), ((1,), (2,)), ((2,), (3,))], inputs=(0,), outputs=(3,)))
    assert result.arena_bytes == result.lower_bound == 96


def test_operators_that_work_in_place_need_one_buffer() -> None:
    wiring = [((0,), (1,)), ((1,), (2,))]
    result = plan(make((64, 64, 64), wiring, inputs=(0,), outputs=(2,), trails={0: {0: 0}, 1: {1: 0}}))
    assert result.arena_bytes == result.lower_bound == 64
    assert [place.offset for place in result.tensors.values()] == [0, 0, 0]


def test_an_output_lies_as_far_below_its_input_as_it_must() -> None:
    result = plan(make((640, 320), [((0,), (1,))], inputs=(0,), outputs=(1,), trails={0: {0: 33}}))
    assert (result.tensors[0].offset, result.tensors[1].offset) == (48, 0)
    assert result.arena_bytes == result.lower_bound == 688


def test_an_output_that_fits_only_where_its_input_is_lies_there_or_beside_it() -> None:
    result = plan(make((64, 64), [((0,), (1,))], inputs=(0,), outputs=(1,), in_place={0: (0,)}))
    assert result.arena_bytes == result.lower_bound == 64


def test_an_output_lies_beside_its_input_where_that_takes_less_in_all() -> None:
    """Where 3 lies over 2, the greedy orders find nothing below 208."""
    wiring, scratch = [((0,), (1,)), ((1,), (2,)), ((2,), (3,))], ((32,), (32,))
    sharing = {"trails": {0: {0: 48}, 1: {1: 96}}, "in_place": {2: (2,)}}
    result = plan(make((112, 64, 64, 64), wiring, inputs=(0,), outputs=(3,), scratch=scratch, **sharing))
    assert result.arena_bytes == result.lower_bound == 192
    assert not overlap(result.tensors[2], result.tensors[3])


def test_an_input_that_is_an_output_keeps_its_memory() -> None:
    assert plan(make((64, 64), [((0,), (1,))], inputs=(0,), outputs=(0, 1), trails={0: {0: 0}})).arena_bytes == 128


def test_state_shares_its_memory_with_nobody() -> None:
    wiring = [((0, 1), (2,)), ((2,), (3,))]
    result = plan(
        make((64, 64, 64, 64), wiring, inputs=(0,), outputs=(3,), states=(1,), trails={0: {0: 0, 1: 0}, 1: {2: 0}})
    )
    assert (result.tensors[1].first, result.tensors[1].last) == (-1, 2)
    assert result.arena_bytes == 128


def test_a_view_is_live_as_long_as_what_it_shows() -> None:
    wiring = [((0,), (1,)), ((0,), (3,)), ((2, 3), (4,))]  # 2 is 1 under another shape
    result = plan(make((16,) * 5, wiring, inputs=(0,), outputs=(4,), views={2: 1}))
    assert result.tensors[2] == result.tensors[1]
    assert (result.tensors[1].first, result.tensors[1].last) == (0, 2)
    assert result.arena_bytes == 48


def test_scratch_is_free_again_after_its_step() -> None:
    wiring = [((0,), (1,)), ((1,), (2,))]
    result = plan(make((16, 16, 16), wiring, inputs=(0,), outputs=(2,), scratch=[[100], [100]]))
    assert result.scratch.keys() == {(0, 0), (1, 0)}
    assert result.arena_bytes == 16 + 16 + 112


def test_another_order_finds_what_largest_first_misses() -> None:
    """Largest first puts 80 and 80 at the bottom and then has no room for 48 beside 16: 144 bytes."""
    result = plan(make((80, 48, 16, 80), [((0,), (1,)), ((1,), (2,)), ((2,), (3,))], inputs=(0,), outputs=(3,)))
    assert result.arena_bytes == result.lower_bound == 128


def test_random_orders_find_what_the_others_miss() -> None:
    """ResNet8's first layers with Helium's kernels, whose outputs may begin a little below their inputs. Without the
    random orders, it takes 41,600 bytes."""
    sizes = (3072, 16384, 16384, 16384, 16384, 8192, 8192, 8192, 8192, 4096)
    wiring = [((0,), (1,)), ((1,), (2,)), ((2,), (3,)), ((3, 1), (4,)), ((4,), (5,)), ((5,), (6,)), ((4,), (7,))]
    wiring += [((6, 7), (8,)), ((8,), (9,))]
    trails = {0: {0: 13414}, 1: {1: 544}, 2: {2: 544}, 3: {1: 0, 3: 0}, 4: {4: 32}, 5: {5: 576}, 6: {4: 32}}
    trails |= {7: {6: 0, 7: 0}, 8: {8: 64}}
    scratch = [[224], [576], [576], [], [576], [1152], [64], [], [1152]]
    result = plan(make(sizes, wiring, inputs=(0,), outputs=(9,), trails=trails, scratch=scratch))
    assert result.arena_bytes == result.lower_bound == 33888


def test_the_bound_knows_where_the_next_buffer_may_begin() -> None:
    sizes = tuple(range(1, 40))
    result = plan(make(sizes, [(sizes[:-1], (0,))], inputs=sizes[:-1], outputs=(0,)))
    assert result.arena_bytes == result.lower_bound == sum(-(-size // ALIGNMENT) * ALIGNMENT for size in sizes)


def test_hundreds_of_live_buffers_are_placed_a_few_times_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each placement then looks at tens of thousands of pairs."""
    calls = []
    place = planner._place
    monkeypatch.setattr(planner, "_place", lambda *arguments: calls.append(1) or place(*arguments))
    count = 150
    sizes = tuple(1 + 37 * i % 101 for i in range(2 * count))
    wiring = [((i,), (count + i,)) for i in range(count)]
    result = plan(make(sizes, wiring, inputs=tuple(range(count)), outputs=tuple(range(count, 2 * count))))
    assert result.arena_bytes < 1.1 * result.lower_bound
    assert len(calls) <= 60
