"""WHILE and IF: loops and branches equal TFLM's, in each other too, and what has no kernel is refused."""

from collections.abc import Sequence

import numpy as np
import pytest
from against_tflm import Result, collected, run_cases
from moving import Generator, constant, generated, sizes, tensor
from single_op import GraphSpec, OpSpec, TensorSpec, build

from tools.errors import ModelError, UnsupportedModel
from tools.graph import blocks, passes, read

DTYPES = ("int8", "int16", "float32", "int32")
TURNS = 4  # of a loop, at most


def like(some: Sequence[TensorSpec]) -> list[TensorSpec]:
    """Other tensors of the same shapes, types and quantization."""
    return [TensorSpec(t.shape, t.dtype, t.scale, t.zero_point) for t in some]


def add(x: TensorSpec, y: TensorSpec) -> OpSpec:
    """The sum, in the quantization of ``x``."""
    return OpSpec("ADD", [x, y], like([x]), "AddOptions", {})


def loop(inputs: Sequence[TensorSpec], condition: GraphSpec, body: GraphSpec) -> OpSpec:
    options = {"CondSubgraphIndex": condition, "BodySubgraphIndex": body}
    return OpSpec("WHILE", inputs, like(inputs), "WhileOptions", options)


def branch(condition: TensorSpec, inputs: Sequence[TensorSpec], then: GraphSpec, otherwise: GraphSpec) -> OpSpec:
    options = {"ThenSubgraphIndex": then, "ElseSubgraphIndex": otherwise}
    return OpSpec("IF", [condition, *inputs], like(then.outputs), "IfOptions", options)


def counted(
    inputs: Sequence[TensorSpec], body: GraphSpec, turns: TensorSpec | None = None, start: int = 0
) -> list[OpSpec]:
    """The body as often as ``turns`` says, by default an input of 0 … TURNS."""
    turns = turns or TensorSpec((1,), "int32", below=TURNS + 1)
    carried = [constant([start]), turns, *inputs]
    i, n, *others = like(carried)
    less = OpSpec("LESS", [i, n], [TensorSpec((1,), "bool")])
    condition = GraphSpec([less], [i, n, *others], less.outputs)
    j, m = like([i, n])
    more = add(j, constant([1]))
    whole = GraphSpec([more, *body.ops], [j, m, *body.inputs], [*more.outputs, m, *body.outputs])
    return [loop(carried, condition, whole)]


def adding(some: Sequence[TensorSpec]) -> GraphSpec:
    """Adds the second tensor to the first."""
    x, y = like(some)
    op = add(x, y)
    return GraphSpec([op], [x, y], [*op.outputs, y])


def moving(some: Sequence[TensorSpec], order: Sequence[int]) -> GraphSpec:
    """Returns its inputs in another order."""
    inputs = like(some)
    return GraphSpec([], inputs, [inputs[i] for i in order])


def reshaping(some: Sequence[TensorSpec]) -> GraphSpec:
    """Returns views of its inputs, in another order."""
    inputs = like(some)
    ops = [OpSpec("RESHAPE", [x], like([x]), "ReshapeOptions", {"NewShape": list(x.shape)}) for x in inputs]
    return GraphSpec(ops, inputs, [op.outputs[0] for op in reversed(ops)])


def pair(rng: Generator, dtype: str) -> list[TensorSpec]:
    shape = sizes(rng, 1, 4)
    return [tensor(shape, dtype), tensor(shape, dtype)]


def sums(rng: Generator, dtype: str) -> list[OpSpec]:
    some = pair(rng, dtype)
    return counted(some, adding(some))


def choice(rng: Generator, dtype: str) -> list[OpSpec]:
    some = pair(rng, dtype)
    return [branch(TensorSpec((1,), "bool"), some, adding(some), moving(some, (1, 0)))]


def two(dtype: str = "int8") -> list[TensorSpec]:
    return [tensor((2, 3), dtype), tensor((2, 3), dtype)]


def loop_in_a_loop() -> list[OpSpec]:
    """The inner loop runs as often as the outer one, which uses the result twice."""
    some, own = two(), two()
    turns = TensorSpec((1,), "int32")
    ops = counted(own, adding(own), turns)
    last = add(ops[0].outputs[2], own[1])
    body = GraphSpec([*ops, last], [*own, turns], [*last.outputs, ops[0].outputs[3], turns])
    return counted([*some, TensorSpec((1,), "int32", below=3)], body)


def branch_in_a_loop() -> list[OpSpec]:
    """Every other turn adds, the others swap."""
    some, own, flag = two(), two(), TensorSpec((1,), "bool")
    op = branch(flag, own, adding(own), moving(own, (1, 0)))
    other = OpSpec("LOGICAL_NOT", [flag], [TensorSpec((1,), "bool")])
    body = GraphSpec([op, other], [*own, flag], [*op.outputs, *other.outputs])
    return counted([*some, TensorSpec((1,), "bool")], body)


def loop_in_a_branch() -> list[OpSpec]:
    some, own, turns = two(), two(), TensorSpec((1,), "int32", below=TURNS)
    (op,) = counted(own, adding(own), inner := TensorSpec((1,), "int32"))
    then = GraphSpec([op], [*own, inner], op.outputs[2:])
    inputs = like([*some, turns])
    otherwise = GraphSpec([], inputs, inputs[:2])
    return [branch(TensorSpec((1,), "bool"), [*some, turns], then, otherwise)]


def constant_branch() -> list[OpSpec]:
    """A branch that returns a constant, the other what it got."""
    x, own, ignored = tensor((2, 3), "int8"), tensor((2, 3), "int8"), tensor((2, 3), "int8")
    value = TensorSpec((2, 3), "int8", x.scale, x.zero_point, data=np.arange(6, dtype=np.int8).reshape(2, 3))
    then, otherwise = GraphSpec([], [ignored], [value]), GraphSpec([], [own], [own])
    return [branch(TensorSpec((1,), "bool"), [x], then, otherwise)]


def used_later() -> list[OpSpec]:
    """The loop must not change its inputs, which another operator reads afterwards."""
    some = two()
    (op,) = counted(some, adding(some))
    return [op, add(some[0], op.outputs[2])]


def dense() -> list[OpSpec]:
    """A recurrent layer as Keras' become: each turn reads a row of the input."""
    rng = np.random.default_rng(2)
    rows, state = TensorSpec((TURNS, 1, 3), "float32"), TensorSpec((1, 5), "float32", data=np.zeros((1, 5), np.float32))
    weights = [TensorSpec((5, n), "float32", data=rng.normal(0, 1, (5, n)).astype(np.float32)) for n in (3, 5)]
    i, n, x, h = like([constant(0), constant(TURNS), rows, state])
    less = OpSpec("LESS", [i, n], [TensorSpec((), "bool")])
    condition = GraphSpec([less], [i, n, x, h], less.outputs)
    i, n, x, h = like([i, n, x, h])
    row, fresh, old, both = TensorSpec((1, 3), "float32"), *like([state] * 3)
    more = add(i, constant(1))
    ops = [
        OpSpec("GATHER", [x, i], [row], "GatherOptions", {"Axis": 0}),
        OpSpec("FULLY_CONNECTED", [row, weights[0], None], [fresh], "FullyConnectedOptions", {}),
        OpSpec("FULLY_CONNECTED", [h, weights[1], None], [old], "FullyConnectedOptions", {}),
        OpSpec("ADD", [fresh, old], [both], "AddOptions", {"FusedActivationFunction": 1}),
        more,
    ]
    return [
        loop(
            [constant(0), constant(TURNS), rows, state],
            condition,
            GraphSpec(ops, [i, n, x, h], [*more.outputs, n, x, both]),
        )
    ]


SPECIAL = {
    "no turn": counted(two(), adding(two()), constant([3]), start=3),
    "swaps": counted(two(), moving(two(), (1, 0))),
    "one tensor twice": counted(two(), moving(two(), (1, 1))),
    "rotates": counted([*two(), two()[0]], moving([*two(), two()[0]], (1, 2, 0))),
    "swaps views": counted(two(), reshaping(two())),
    "a loop in a loop": loop_in_a_loop(),
    "a branch in a loop": branch_in_a_loop(),
    "a loop in a branch": loop_in_a_branch(),
    "a branch that returns a constant": constant_branch(),
    "inputs that are used later": used_later(),
    "a recurrent layer": dense(),
}
CASES = {**SPECIAL, **generated({"WHILE": (sums, DTYPES), "IF": (choice, DTYPES)})}


@pytest.fixture(scope="module")
def results(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Result]:
    return run_cases(collected(request, CASES), tmp_path_factory.mktemp("control"))


@pytest.mark.compiler
@pytest.mark.parametrize("name", SPECIAL)
def test_equals_tflm(results: dict[str, Result], name: str) -> None:
    results[name].check()


@pytest.mark.compiler
@pytest.mark.sampled(one_in=30)
@pytest.mark.parametrize("name", [name for name in CASES if name not in SPECIAL])
def test_any_shape_equals_tflm(results: dict[str, Result], name: str) -> None:
    results[name].check()


def refused(ops: Sequence[OpSpec]) -> str:
    with pytest.raises((ModelError, UnsupportedModel)) as caught:
        passes.run(read.read(build(ops), "m"))
    return str(caught.value)


def test_an_operator_without_a_kernel_is_named_with_the_loop_around_it() -> None:
    x = two()
    own = like(x)
    unknown = OpSpec("UNIQUE", [own[0]], like(own[:1]))
    said = refused(counted(x, GraphSpec([unknown], own, [*unknown.outputs, own[1]])))
    assert said.startswith("in WHILE 'tensor") and "operator 1 UNIQUE" in said and "has no kernel" in said


def test_other_shapes_in_the_body_are_refused() -> None:
    x, own = two(), [tensor((3, 2), "int8"), tensor((3, 2), "int8")]
    said = refused(counted(x, moving(own, (0, 1))))
    assert "(int8, 2x3) is" in said and "(int8, 3x2) in its body" in said and "a fixed shape" in said


def test_another_quantization_in_the_body_is_refused() -> None:
    x = two()
    own = [TensorSpec(t.shape, "int8", 0.7) for t in x]
    assert "no kernel converts between them" in refused(counted(x, moving(own, (0, 1))))


def test_too_few_outputs_of_the_body_are_refused() -> None:
    own = two()
    assert "its body has 3 tensors instead of 4" in refused(counted(two(), GraphSpec([], own, own[:1])))


def test_state_in_a_loop_is_refused() -> None:
    own, handle = two(), TensorSpec((), "resource")
    value = like(own[:1])
    ops = [
        OpSpec("VAR_HANDLE", [], [handle], "VarHandleOptions", {"SharedName": "v"}),
        OpSpec("READ_VARIABLE", [handle], value),
    ]
    said = refused(counted(two(), GraphSpec(ops, own, [*value, own[1]])))
    assert "in its body keeps state, which has no kernel there" in said


def test_a_condition_that_is_no_bool_is_refused() -> None:
    some = two()
    number = GraphSpec([], own := like(some), own[:1])
    assert "its condition is not a single bool" in refused([loop(some, number, moving(some, (0, 1)))])


@pytest.mark.parametrize(
    ("number", "why"), [(0, "runs subgraph 0 of 3"), (7, "runs subgraph 7 of 3"), (2, "runs subgraph 2, which runs it")]
)
def test_wrong_numbers_of_subgraphs_are_refused(number: int, why: str) -> None:
    """The body, which is subgraph 2, runs another one."""
    own, options = two(), {"CondSubgraphIndex": 1, "BodySubgraphIndex": number}
    inner = OpSpec("WHILE", own, like(own), "WhileOptions", options)
    assert why in refused(counted(two(), GraphSpec([inner], own, inner.outputs)))


def test_loops_that_are_too_deep_in_each_other_are_refused() -> None:
    body = adding(two())
    for _ in range(blocks.MAX_NESTING + 1):
        own = two()
        (op,) = counted(own, body, constant([1]))
        body = GraphSpec([op], own, op.outputs[2:])
    assert "are more than 16 levels deep in each other" in refused(counted(two(), body))


def test_loops_that_become_too_many_operators_are_refused() -> None:
    """Each graph runs the next one twice: 2^16 times the last."""
    body = adding(two())
    for _ in range(blocks.MAX_NESTING - 1):
        own, flag = two(), TensorSpec((1,), "bool", data=np.array([True]))
        first = branch(flag, own, body, body)
        body = GraphSpec([first], own, first.outputs)
    flag = TensorSpec((1,), "bool")
    assert "has more than 65535 operators, counting those of loops and branches" in refused(
        [branch(flag, two(), body, body)]
    )
