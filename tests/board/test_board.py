"""On a real board, which these tests flash: pytest tests/board --port PORT|auto --target NAME [--runtime aot|tflm]."""

import time
from dataclasses import replace

import numpy as np
import pytest

from tools import bench, boards, pipeline, protocol, targets
from tools.link import Link
from tools.pipeline import Built
from tools.progress import Progress
from tools.protocol import AskStats, Reset, Resetting, Stats
from tools.transports import Transport
from tools.values import DeviceRun, Request, Target, Vectors

pytestmark = pytest.mark.board


@pytest.fixture(scope="module")
def ask(request: pytest.FixtureRequest) -> Request:
    port, target = request.config.getoption("--port"), request.config.getoption("--target")
    if not port or not target:
        pytest.skip("needs a board: pytest tests/board --port PORT|auto --target NAME")
    return Request(model="digits", mode="int8", runtime=request.config.getoption("--runtime"), target=target, port=port)


@pytest.fixture(scope="module")
def target(ask: Request) -> Target:
    return targets.find(ask.target)


@pytest.fixture(scope="module")
def flashed(ask: Request) -> tuple[Built, str]:
    """The digits on the board, and its port."""
    if boards.is_url(ask.port or ""):  # flashed by someone else
        return pipeline.build(ask, Progress()), ask.port or ""
    built, port = pipeline.flash(ask, Progress())
    assert port is not None
    return built, boards.resolve(port, targets.find(ask.target))


def first_ten(built: Built) -> Vectors:
    vectors = built.rendered.compiled.quantized.vectors
    inputs, expected = (tuple(array[:10] for array in arrays) for arrays in (vectors.inputs, vectors.expected))
    return replace(vectors, inputs=inputs, expected=expected, labels=None)


def measure(line: Transport, built: Built) -> DeviceRun:
    project = built.image.project
    ops = len(project.op_labels)
    return bench.run(line, first_ten(built), project.model_sha256, ops, wanted=project.identity)


def test_handshake(flashed: tuple[Built, str], target: Target) -> None:
    built, port = flashed
    with boards.open(port, target) as line:
        welcome = Link(line).hello()
    assert welcome.model_sha256.hex() == built.image.project.model_sha256
    assert welcome.setup_status == 0
    assert protocol.TICK_UNITS[welcome.tick_unit] == "cycles"
    assert welcome.tick_hz == target.clock_hz


def test_ten_digits_are_right(flashed: tuple[Built, str], target: Target) -> None:
    built, port = flashed
    with boards.open(port, target) as line:
        run = measure(line, built)
    for got, expected in zip(run.outputs, first_ten(built).expected, strict=True):
        assert np.array_equal(got, expected)
    assert run.retries == 0
    assert run.stack_bytes > 0
    assert run.per_op is not None and len(run.per_op) == len(built.image.project.op_labels)


def test_time_is_plausible(flashed: tuple[Built, str], target: Target) -> None:
    """The board's clock shows no more time than passes here, and equal work takes nearly equal time."""
    built, port = flashed
    with boards.open(port, target) as line:
        start = time.monotonic()
        runs = [measure(line, built).invoke for _ in range(2)]
        passed = time.monotonic() - start
    assert all(run.min > 0 for run in runs)
    invokes = sum(run.n + 3 for run in runs)  # three more with operator times
    assert invokes * min(run.min for run in runs) / target.clock_hz < passed
    assert abs(runs[0].median - runs[1].median) <= 0.05 * runs[0].median


def test_operators_add_up_to_the_whole(flashed: tuple[Built, str], target: Target) -> None:
    built, port = flashed
    with boards.open(port, target) as line:
        run = measure(line, built)
    assert run.per_op is not None
    assert 0.7 * run.invoke.median <= sum(run.per_op) <= 1.5 * run.invoke.median


def test_a_reset_in_the_middle_costs_no_result(flashed: tuple[Built, str], target: Target) -> None:
    """The board restarts while an input is being written; if its port disappears, too, it is followed."""
    built, port = flashed
    with boards.open(port, target) as line:
        link = Link(line)
        link.hello()
        link.ask(protocol.Write(0, 0, bytes(32)), protocol.Written)
        link.ask(Reset(), Resetting)
        run = measure(line, built)
    for got, expected in zip(run.outputs, first_ten(built).expected, strict=True):
        assert np.array_equal(got, expected)


def test_opening_the_port_does_not_reset(flashed: tuple[Built, str], target: Target) -> None:
    """The earlier session is still open: a board that had restarted would refuse."""
    _, port = flashed
    with boards.open(port, target) as line:
        Link(line).hello()
    with boards.open(port, target) as line:
        assert Link(line).ask(AskStats(), Stats).arena_bytes > 0
