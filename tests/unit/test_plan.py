"""The memory plan, by property: what is live at the same time never overlaps, and nothing leaves the arena."""

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from tools.graph.ir import DType, Graph, KernelCall, Op, Placement, Plan, Scratch, Tensor
from tools.graph.plan import ALIGNMENT, lower_bound, plan

InPlace = dict[int, tuple[int, ...]]


def make_graph(
    sizes: Sequence[int], wiring: Sequence[tuple[tuple[int, ...], tuple[int, ...]]], **ports: object
) -> Graph:
    tensors = tuple(Tensor(i, f"t{i}", (size,), DType.INT8) for i, size in enumerate(sizes))
    ops = tuple(Op(i, "OP", f"op{i}", inputs, outputs) for i, (inputs, outputs) in enumerate(wiring))
    return Graph("g", "0" * 64, 0, tensors, ops, **ports)  # type: ignore[arg-type]


def make_calls(graph: Graph, scratch: Sequence[Sequence[int]] = ()) -> list[KernelCall]:
    sizes = [*scratch, *[()] * len(graph.ops)][: len(graph.ops)]
    return [KernelCall("", "", None, {}, tuple(Scratch(size) for size in some)) for some in sizes]


@st.composite
def problems(draw: st.DrawFn) -> tuple[Graph, list[KernelCall], InPlace]:
    """A random graph in execution order, scratch sizes, and input positions that may be overwritten."""
    size = st.integers(0, 200) | st.sampled_from((0, 1, 15, 16, 17, 64))
    sizes = draw(st.lists(size, min_size=1, max_size=3))
    inputs = tuple(range(len(sizes)))
    wiring, scratch, in_place = [], [], {}
    for op in range(draw(st.integers(0, 12))):
        sources = tuple(draw(st.lists(st.integers(0, len(sizes) - 1), min_size=1, max_size=3)))
        outputs = tuple(range(len(sizes), len(sizes) + draw(st.sampled_from((1, 1, 1, 2)))))
        # Equal sizes are what in-place operators mostly have.
        sizes += [draw(size | st.just(sizes[sources[0]])) for _ in outputs]
        wiring.append((sources, outputs))
        scratch.append(draw(st.lists(size, max_size=2)))
        in_place[op] = tuple(draw(st.sets(st.integers(0, len(sources) - 1))))
    outputs = tuple(draw(st.lists(st.integers(0, len(sizes) - 1), min_size=1, max_size=3)))
    graph = make_graph(sizes, wiring, inputs=inputs, outputs=outputs)
    return graph, make_calls(graph, scratch), in_place


def live_times(graph: Graph) -> dict[int, set[int]]:
    """When each tensor must keep its value, worked out the slow way: from its making to each reading."""
    made = dict.fromkeys(graph.inputs, -1)
    for op in graph.ops:
        made.update(dict.fromkeys(op.outputs, op.index))
    times = {tensor: {first} for tensor, first in made.items()}
    for op in graph.ops:
        for tensor in op.inputs:
            times[tensor] |= set(range(made[tensor], op.index + 1))  # type: ignore[index]
    for tensor in graph.outputs:
        times[tensor] |= set(range(made[tensor], len(graph.ops) + 1))
    return times


def overlap(a: Placement, b: Placement) -> bool:
    return max(a.offset, b.offset) < min(a.offset + a.bytes, b.offset + b.bytes)


@settings(max_examples=400, deadline=None)
@given(problems())
def test_nothing_that_is_live_is_overwritten(problem: tuple[Graph, list[KernelCall], InPlace]) -> None:
    graph, calls, in_place = problem
    result = plan(graph, calls, lambda op, _: in_place[op.index])
    times = live_times(graph)
    assert result.tensors.keys() == times.keys()
    for index, place in result.tensors.items():
        assert (place.first, place.last, place.bytes) == (
            min(times[index]),
            max(times[index]),
            graph.tensors[index].bytes,
        )
    for (op, number), place in result.scratch.items():
        scratch = calls[op].arguments[number]
        assert isinstance(scratch, Scratch)
        assert (place.first, place.last, place.bytes) == (op, op, scratch.bytes)
    assert sum(len(call.arguments) for call in calls) == len(result.scratch)

    everything = [*result.tensors.items(), *result.scratch.items()]
    for place in (place for _, place in everything):
        assert place.offset % ALIGNMENT == 0
        assert 0 <= place.offset <= place.offset + place.bytes <= result.arena_bytes
    for number, (key, place) in enumerate(everything):
        for other_key, other in everything[:number]:
            if overlap(place, other) and place.first <= other.last and other.first <= place.last:
                assert isinstance(key, int) and isinstance(other_key, int)
                source, output = sorted((key, other_key), key=lambda tensor: min(times[tensor]))
                assert_in_place(graph, in_place, times, source, output)
    assert result.arena_bytes >= lower_bound(result)
    assert result.arena_bytes % ALIGNMENT == 0


def assert_in_place(graph: Graph, in_place: InPlace, times: dict[int, set[int]], source: int, output: int) -> None:
    """``output`` may share the memory of ``source``: declared, the only output, and nobody reads ``source`` later."""
    op = graph.ops[min(times[output])]
    assert op.outputs == (output,)
    assert times[source] & times[output] == {op.index}, "the input is still needed"
    positions = {p for p, tensor in enumerate(op.inputs) if tensor == source}
    assert positions and positions <= set(in_place[op.index])
    assert graph.tensors[output].bytes <= graph.tensors[source].bytes


@settings(max_examples=100, deadline=None)
@given(problems())
def test_sharing_memory_never_costs_any(problem: tuple[Graph, list[KernelCall], InPlace]) -> None:
    graph, calls, in_place = problem
    shared = plan(graph, calls, lambda op, _: in_place[op.index])
    assert shared.arena_bytes <= plan(graph, calls, lambda op, _: ()).arena_bytes
    assert shared == plan(graph, calls, lambda op, _: in_place[op.index]), "a plan is the same every time"


def test_a_chain_takes_its_two_largest_neighbours() -> None:
    graph = make_graph((16, 64, 32, 48), [((0,), (1,)), ((1,), (2,)), ((2,), (3,))], inputs=(0,), outputs=(3,))
    result = plan(graph, make_calls(graph), lambda op, _: ())
    assert result.arena_bytes == lower_bound(result) == 96


def test_in_place_operators_need_one_buffer() -> None:
    graph = make_graph((64, 64, 64), [((0,), (1,)), ((1,), (2,))], inputs=(0,), outputs=(2,))
    result = plan(graph, make_calls(graph), lambda op, _: (0,))
    assert result.arena_bytes == lower_bound(result) == 64
    assert [place.offset for place in result.tensors.values()] == [0, 0, 0]


def test_an_input_that_is_an_output_keeps_its_memory() -> None:
    graph = make_graph((64, 64), [((0,), (1,))], inputs=(0,), outputs=(0, 1))
    assert plan(graph, make_calls(graph), lambda op, _: (0,)).arena_bytes == 128


def test_an_input_that_is_read_twice_is_overwritten_only_where_both_positions_allow_it() -> None:
    graph = make_graph((64, 64), [((0, 0), (1,))], inputs=(0,), outputs=(1,))
    assert plan(graph, make_calls(graph), lambda op, _: (0,)).arena_bytes == 128
    assert plan(graph, make_calls(graph), lambda op, _: (0, 1)).arena_bytes == 64


def test_scratch_is_free_again_after_its_operator() -> None:
    graph = make_graph((16, 16, 16), [((0,), (1,)), ((1,), (2,))], inputs=(0,), outputs=(2,))
    result = plan(graph, make_calls(graph, [[100], [100]]), lambda op, _: ())
    assert result.scratch.keys() == {(0, 0), (1, 0)}
    assert result.arena_bytes == 16 + 16 + 112


def test_another_order_finds_what_largest_first_misses() -> None:
    """Largest first puts 80 and 80 at the bottom and then has no room for 48 beside 16: 144 bytes."""
    graph = make_graph((80, 48, 16, 80), [((0,), (1,)), ((1,), (2,)), ((2,), (3,))], inputs=(0,), outputs=(3,))
    result = plan(graph, make_calls(graph), lambda op, _: ())
    assert result.arena_bytes == lower_bound(result) == 128


def test_an_empty_plan_has_no_lower_bound() -> None:
    assert lower_bound(Plan(0, {})) == 0
