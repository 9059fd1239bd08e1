"""Sparse weights: where they are stored compressed, and kerf's kernel equals TFLM's case by case."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
from against_tflm import Result, run_cases
from single_op import OpSpec, single_op
from test_conv_2d import conv
from test_conv_2d import generated as convs
from test_fully_connected import dense
from test_fully_connected import generated as denses

from tools.cores import HOST
from tools.graph import passes, read
from tools.graph.ir import Constant, Scratch
from tools.graph.schedule import schedule


def thin(case: list[OpSpec], share: float = 0.8, seed: int = 0) -> list[OpSpec]:
    """The same layer with that share of its weights at zero."""
    (op,) = case
    weights = op.inputs[1]
    assert weights is not None and weights.data is not None
    data = np.where(np.random.default_rng(seed).random(weights.data.shape) < share, 0, weights.data).astype(np.int8)
    return [replace(op, inputs=[op.inputs[0], replace(weights, data=data), *op.inputs[2:]])]


def thinned(prefix: str, cases: Mapping[str, list[OpSpec]]) -> dict[str, list[OpSpec]]:
    return {f"{prefix} {name}": thin(case, (0.7, 0.8, 0.95)[i % 3], i) for i, (name, case) in enumerate(cases.items())}


CASES = {
    "wide": thin(conv(1, size=(6, 17), depth=8, channels=5)),
    "wide, unpadded": thin(conv(2, size=(6, 17), depth=8, channels=5, padding="VALID")),
    "wide, strided": thin(conv(3, size=(6, 19), depth=8, channels=5, stride=(2, 3))),
    "pointwise": thin(conv(4, size=(3, 9), depth=17, channels=9, filter_size=(1, 1))),
    "filter larger than the image": thin(conv(5, size=(2, 3), filter_size=(5, 7))),
    "dilated rows": thin(conv(6, size=(9, 9), depth=5, dilation=(3, 1))),
    "strided, uneven padding": thin(conv(12, size=(8, 18), depth=5, channels=5, stride=(2, 2))),
    "last columns unused": thin(conv(13, size=(8, 19), depth=5, channels=5, stride=(3, 4), padding="VALID")),
    "batch of three": thin(conv(7, size=(5, 9), depth=5, batches=3)),
    "zero points": thin(conv(8, size=(5, 9), depth=5, zero_points=(-128, 127))),
    "no bias": thin(conv(9, depth=8, bias_limit=None)),
    "dense": thin(dense(10, shape=(3, 70), depth=70, channels=9)),
    "dense per channel": thin(dense(11, shape=(2, 33), depth=33, channels=9, weight_scale=None)),
    **thinned("conv", convs(50, "int8")),
    **thinned("dense", denses(30, "int8")),
}


def call_of(case: list[OpSpec]) -> tuple[str, int]:
    """The kernel of a layer, and the bytes of its weights in flash."""
    (op,) = case
    graph = passes.run(read.read(single_op(op.kind, op.inputs, op.outputs, op.options_table, **op.options), "m"))
    (call,) = (step.call for step in schedule(graph, HOST).steps)
    stored = [a.data.nbytes for a in call.arguments if isinstance(a, Constant) and a.suffix in ("bitmap", "values")]
    return call.function, sum(stored) or graph.input(graph.ops[0], 1).bytes


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Result]:
    return run_cases(CASES, tmp_path_factory.mktemp("sparse"))


@pytest.mark.compiler
@pytest.mark.parametrize("name", CASES)
def test_equals_tflm(results: dict[str, Result], name: str) -> None:
    results[name].check()


def test_most_of_these_cases_are_compressed() -> None:
    functions = [call_of(case)[0] for case in CASES.values()]
    assert functions.count("conv_2d_int8_sparse") > 0.6 * len(functions)


@pytest.mark.parametrize(
    ("share", "function", "least", "most"),
    [
        (0.0, "conv_2d_int8", 4608, 4608),
        (0.3, "conv_2d_int8", 4608, 4608),
        (0.5, "conv_2d_int8_sparse", 2820, 2940),
        (0.7, "conv_2d_int8_sparse", 1900, 2030),
        (0.9, "conv_2d_int8_sparse", 990, 1080),
    ],
)
def test_the_smaller_form_is_stored(share: float, function: str, least: int, most: int) -> None:
    """A bit for each of the 4,608 weights, a byte for each that is not zero."""
    found, stored = call_of(thin(conv(1, depth=16, channels=32), share))
    assert found == function and least <= stored <= most


@pytest.mark.parametrize(
    "case",
    [
        conv(1, depth=16, channels=32, dilation=(1, 2), size=(9, 9)),
        conv(2, depth=16, channels=32, groups=2),
        dense(3, shape=(1, 64), depth=64, channels=32, weight_zero_point=3),
    ],
    ids=["dilated columns", "groups", "zero point"],
)
def test_what_the_kernel_does_not_cover_stays_dense(case: list[OpSpec]) -> None:
    assert not call_of(thin(case, 0.9))[0].endswith("sparse")


@pytest.mark.parametrize(
    ("case", "room"),
    [
        (conv(1, size=(6, 17), depth=8, channels=9, padding="VALID"), 0),
        (conv(1, size=(6, 17), depth=8, channels=9), 3 * 19 * 8),
        (conv(1, size=(6, 18), depth=8, channels=9, stride=(2, 2)), 3 * 19 * 8),
        (dense(2, shape=(1, 64), depth=64, channels=32), 0),
    ],
    ids=["unpadded", "padded", "padded at the end", "dense"],
)
def test_padded_rows_have_room(case: list[OpSpec], room: int) -> None:
    """There is scratch for one row per row of the filter: with copied rows, no weight is checked against the edge."""
    (op,) = thin(case, 0.9)
    graph = passes.run(read.read(single_op(op.kind, op.inputs, op.outputs, op.options_table, **op.options), "m"))
    (call,) = (step.call for step in schedule(graph, HOST).steps)
    assert [a.bytes for a in call.arguments if isinstance(a, Scratch)] == [room]
