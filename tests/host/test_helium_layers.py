"""The operators' case tables with the kernels that a Cortex-M55 gets, run here with sanitizers: every output is TFLM's.

The kernels' intrinsics are those of tests/host/mve. What a table cannot show on this machine, their assembly,
tests/cores runs in an emulator.
"""

import pytest
import test_add
import test_conv_2d
import test_depthwise_conv_2d
import test_fully_connected
from against_tflm import run_cases
from single_op import OpSpec, build

from tools.cores import Core, find
from tools.graph import passes, read
from tools.graph.schedule import schedule

M55 = find("cortex-m55")
TABLES = {
    "add": test_add.CASES,
    "conv_2d": test_conv_2d.CASES,
    "depthwise_conv_2d": test_depthwise_conv_2d.CASES,
    "fully_connected": test_fully_connected.CASES,
}


def chosen(case: list[OpSpec], core: Core = M55) -> tuple[str, ...]:
    return schedule(passes.run(read.read(build(case), "case")), core).variants


def taken(table: str) -> dict[str, list[OpSpec]]:
    return {name: case for name, case in TABLES[table].items() if chosen(case) == ("helium",)}


@pytest.mark.compiler
@pytest.mark.parametrize("table", TABLES)
def test_equals_tflm(table: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    cases = taken(table)
    results = run_cases(cases, tmp_path_factory.mktemp(table), core=M55)
    assert len(results) == len(cases) > 5
    for result in results.values():
        result.check()


def test_a_core_without_helium_keeps_other_kernels() -> None:
    case = next(iter(taken("conv_2d").values()))
    assert chosen(case, find("cortex-m55+nomve")) == ("dsp",)


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
