"""Where a layer's scratch decides how much RAM the model takes, a kernel that needs less replaces the fastest one."""

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1] / "host"))
from single_op import OpSpec, build
from test_conv_2d import conv
from test_fully_connected import dense

from tools import cores
from tools.graph import passes, read
from tools.graph.ir import Schedule
from tools.graph.plan import plan
from tools.graph.schedule import schedule

SMALL_IMAGE = conv(1, size=(4, 4), depth=16, channels=32, padding="SAME")
LARGE_IMAGE = conv(1, size=(16, 16), depth=16, channels=32, padding="SAME")
WIDE = dense(1, shape=(1, 640), depth=640, channels=64)


def scheduled(case: list[OpSpec], core: str = "cortex-m4", goal: str = "speed") -> Schedule:
    return schedule(passes.run(read.read(build(case), "case")), cores.find(core), goal)


@pytest.mark.parametrize(("case", "saved"), [(SMALL_IMAGE, 500), (WIDE, 1200)], ids=["conv", "dense"])
def test_a_lean_kernel_replaces_the_one_at_the_peak(
    case: list[OpSpec], saved: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    lean = scheduled(case)
    assert lean.variants == ("dsp_lean",)
    monkeypatch.setattr("tools.graph.schedule.LEAN_SAVING", 2)
    fast = scheduled(case)
    assert fast.variants == ("dsp",)
    assert plan(lean).arena_bytes <= plan(fast).arena_bytes - saved


def test_it_must_save_enough() -> None:
    assert scheduled(LARGE_IMAGE).variants == ("dsp",)


@pytest.mark.parametrize(
    ("core", "goal", "variant"),
    [
        ("cortex-m55", "speed", "helium"),
        ("cortex-m3", "speed", "blocked"),
        ("cortex-m4", "size", "portable"),
        ("cortex-m4", "ram", "portable"),
    ],
)
def test_other_cores_and_goals_have_none(core: str, goal: str, variant: str) -> None:
    assert scheduled(SMALL_IMAGE, core, goal).variants == (variant,)


@pytest.mark.parametrize(
    ("depth", "channels", "streams"),
    [(1, 16, True), (16, 16, True), (16, 1, True), (128, 8, True), (64, 12, True), (128, 10, False), (128, 128, False)],
)
def test_small_dense_layers_are_streamed(
    depth: int, channels: int, streams: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tools.graph.schedule.LEAN_SAVING", 2)
    (step,) = scheduled(dense(1, shape=(1, depth), depth=depth, channels=channels)).steps
    assert (step.call.header == "fully_connected_streamed_dsp.h") == streams
