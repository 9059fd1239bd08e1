"""The operators' case tables with the kernels that a Cortex-M4 gets, run here with sanitizers: every output is TFLM's.

What a table cannot show on this machine, the kernels' assembly, tests/cores runs in an emulator.
"""

import pytest
import test_add
import test_conv_2d
import test_depthwise_conv_2d
import test_fully_connected
import test_int16
import test_mean
import test_pool_2d
from against_tflm import run_cases
from single_op import OpSpec, build
from test_sparse import thin

from tools.cores import Core, find
from tools.graph import passes, read
from tools.graph.schedule import schedule

M4 = find("cortex-m4")
TABLES = {
    "conv_2d": test_conv_2d.CASES,
    "depthwise_conv_2d": test_depthwise_conv_2d.CASES,
    "fully_connected": test_fully_connected.CASES,
    "add": test_add.CASES,
    "int16": test_int16.CASES,
    "mean": test_mean.CASES,
    "pool_2d": test_pool_2d.CASES,
}


def chosen(case: list[OpSpec], core: Core = M4, goal: str = "speed") -> tuple[str, ...]:
    return schedule(passes.run(read.read(build(case), "case")), core, goal).variants


def taken(table: str) -> dict[str, list[OpSpec]]:
    return {name: case for name, case in TABLES[table].items() if chosen(case) == ("dsp",)}


@pytest.mark.compiler
@pytest.mark.parametrize("table", TABLES)
def test_equals_tflm(table: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    cases = taken(table)
    results = run_cases(cases, tmp_path_factory.mktemp(table), core=M4)
    assert len(results) == len(cases) > 20
    for result in results.values():
        result.check()


def test_a_core_without_the_extension_keeps_the_portable_kernels() -> None:
    case = next(iter(taken("conv_2d").values()))
    assert chosen(case, find("cortex-m4+nodsp")) == chosen(case, find("cortex-m3")) == ("portable",)


def test_for_the_goal_size_sparse_weights_stay_sparse() -> None:
    case = thin(test_conv_2d.conv(1, depth=16, channels=32), 0.8)
    assert chosen(case) == ("dsp",)
    assert chosen(case, goal="size") == chosen(case, find("cortex-m3")) == ("sparse",)


@pytest.mark.parametrize(
    "case",
    [
        test_conv_2d.conv(1, depth=4, channels=4, groups=2),
        test_conv_2d.conv(2, channels=1),
        test_fully_connected.dense(3, weight_zero_point=3),
    ],
    ids=["groups", "one channel", "weights with a zero point"],
)
def test_what_has_no_packed_form_stays_portable(case: list[OpSpec]) -> None:
    assert chosen(case) == ("portable",)
