"""CIRCULAR_BUFFER: the kernel equals TFLM's over a sequence of samples, and what has no kernel is refused."""

import numpy as np
import pytest
from against_tflm import Result, collected, run_cases
from single_op import OpSpec, TensorSpec, build

from tools.errors import ModelError, UnsupportedModel
from tools.graph import read
from tools.graph.check import check


def buffer(
    source: TensorSpec, slots: int, cycles: int | None = 1, variable: bool = True, kind: str = "CUSTOM:CIRCULAR_BUFFER"
) -> OpSpec:
    _, _, width, depth = source.shape
    zero_point = source.zero_point
    output = TensorSpec((1, slots, width, depth), "int8", source.scale, zero_point, variable=variable)
    return OpSpec(kind, [source], [output], None, {} if cycles is None else {"cycles_max": cycles})


def x(width: int = 1, depth: int = 4, zero_point: int = -7) -> TensorSpec:
    return TensorSpec((1, 1, width, depth), "int8", 0.05, zero_point)


def pool(source: TensorSpec) -> OpSpec:
    """The mean over the slots, which reads the buffer after it was changed."""
    _, slots, width, depth = source.shape
    output = TensorSpec((1, 1, width, depth), "int8", source.scale, source.zero_point)
    options = {"Padding": 1, "StrideW": 1, "StrideH": 1, "FilterWidth": 1, "FilterHeight": slots}
    return OpSpec("AVERAGE_POOL_2D", [source], [output], "Pool2DOptions", options)


def network() -> list[OpSpec]:
    """Two buffers with a layer between and behind them, as in a streaming convolution."""
    ops = [buffer(x(2, 3), 4)]
    ops.append(pool(ops[-1].outputs[0]))
    ops.append(buffer(ops[-1].outputs[0], 3))
    return [*ops, pool(ops[-1].outputs[0])]


CASES = {
    **{f"{slots} slots of {w} x {d}": [buffer(x(w, d), slots)] for slots, w, d in ((1, 1, 1), (2, 3, 5), (17, 1, 40))},
    **{f"zero point {zero}": [buffer(x(zero_point=zero), 3)] for zero in (-128, 0, 127)},
    **{f"{slots} slots without options": [buffer(x(), slots, None)] for slots in (5, 13, 25)},
    "network": network(),
}


@pytest.fixture(scope="module")
def results(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Result]:
    return run_cases(collected(request, CASES), tmp_path_factory.mktemp("circular_buffer"))


@pytest.mark.compiler
@pytest.mark.parametrize("name", CASES)
def test_equals_tflm(results: dict[str, Result], name: str) -> None:
    results[name].check()


@pytest.mark.parametrize(
    ("op", "error", "why"),
    [
        (buffer(x(), 4, 2), UnsupportedModel, "gives an output at only one in 2 inferences"),
        (buffer(x(), 4, None), UnsupportedModel, "gives an output at only one in 2 inferences"),
        (buffer(x(), 4, variable=False), ModelError, "is not a variable; convert the model again"),
        (buffer(TensorSpec((1, 2, 1, 4), "int8", 0.05), 4), ModelError, "should be 1x1x1x4"),
    ],
)
def test_what_has_no_kernel_is_refused(op: OpSpec, error: type[Exception], why: str) -> None:
    graph = read.read(build([op]), "buffer")
    with pytest.raises(error, match=why):
        check(graph)


def test_another_operator_must_not_write_a_variable() -> None:
    """A variable has a value already, and the planner gives its memory to nothing else."""
    both = [TensorSpec((1, 4), "int8", 0.05, variable=variable) for variable in (False, True)]
    with pytest.raises(ModelError, match=r"writes tensor .*, which already has a value"):
        read.read(build([OpSpec("RELU", [both[0]], [both[1]])]), "relu")


def test_the_buffer_starts_with_zeros() -> None:
    """The zero point, as TFLM resets an int8 variable."""
    graph = read.read(build([buffer(x(zero_point=9), 2)]), "buffer")
    (state,) = graph.states
    assert state.initial is not None and np.all(state.initial == 9)
