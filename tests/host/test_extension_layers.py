"""The operators' case tables with the kernels for a core's extensions, or the blocked ones for a core without any.

They run with sanitizers, and every output equals TFLM's.

The DSP kernels have twins in plain C++, Helium's intrinsics are those of tests/host/mve. What a table cannot show on
this machine, the kernels' assembly, tests/cores runs in an emulator.
"""

from typing import Any

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
from tools.graph import schedule as scheduling
from tools.graph.schedule import schedule

CORES = {
    "dsp": find("cortex-m4"),
    "dsp_lean": find("cortex-m4"),
    "helium": find("cortex-m55"),
    "blocked": find("cortex-m3"),
}
BOTH = (test_add, test_conv_2d, test_depthwise_conv_2d, test_fully_connected)
LEAN_STRIDE = 4  # the suite runs one in so many lean cases, as each is planned again without its scratch
# Variant → (table, cases that it takes at least)
TABLES: dict[str, tuple[tuple[Any, ...], int]] = {
    "dsp": ((*BOTH, test_int16, test_mean, test_pool_2d), 20),
    "dsp_lean": ((test_conv_2d, test_fully_connected), 20),
    "helium": (BOTH, 5),
    "blocked": ((test_conv_2d, test_depthwise_conv_2d, test_int16), 9),
}


@pytest.fixture(autouse=True)
def no_lean_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    """The peak of a single layer always includes its scratch."""
    monkeypatch.setattr(scheduling, "LEAN_SAVING", 2)


def chosen(case: list[OpSpec], core: Core, goal: str = "speed") -> tuple[str, ...]:
    return schedule(passes.run(read.read(build(case), "case")), core, goal).variants


def taken(table: Any, variant: str) -> dict[str, list[OpSpec]]:
    return {name: case for name, case in table.CASES.items() if chosen(case, CORES[variant]) == (variant,)}


@pytest.mark.compiler
@pytest.mark.parametrize(
    ("table", "variant", "least"),
    [
        pytest.param(
            table,
            variant,
            least,
            id=f"{variant}-{table.__name__}",
            marks=[pytest.mark.sampled] if variant == "dsp_lean" else [],
        )
        for variant, (tables, least) in TABLES.items()
        for table in tables
    ],
)
def test_equals_tflm(
    table: Any,
    variant: str,
    least: int,
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if variant == "dsp_lean":
        monkeypatch.setattr(scheduling, "LEAN_SAVING", 0)
    cases = taken(table, variant)
    assert len(cases) > least
    if variant == "dsp_lean" and not request.config.getoption("--every-case"):
        cases = dict(list(cases.items())[::LEAN_STRIDE])
    results = run_cases(cases, tmp_path_factory.mktemp(variant), core=CORES[variant])
    assert len(results) == len(cases) > 0
    for result in results.values():
        result.check()


@pytest.mark.parametrize(
    ("variant", "without", "instead"),
    [
        ("dsp", "cortex-m4+nodsp", "blocked"),
        ("dsp", "cortex-m3", "blocked"),
        ("dsp", "host", "portable"),
        ("helium", "cortex-m55+nomve", "dsp"),
    ],
)
def test_a_core_without_the_extension_gets_other_kernels(variant: str, without: str, instead: str) -> None:
    case = test_conv_2d.conv(1, depth=8, channels=8)
    assert chosen(case, CORES[variant]) == (variant,)
    assert chosen(case, find(without)) == (instead,)


def test_one_column_is_computed_as_one_row() -> None:
    """Two columns are computed together, so a narrow layer does not gain, unless it can be turned sideways."""
    tall, narrow = ((20, 1), (5, 1)), ((20, 2), (5, 1))
    wanted = {tall: "dsp", narrow: "blocked"}
    for (size, taps), variant in wanted.items():
        case = test_depthwise_conv_2d.depthwise(1, size=size, filter_size=taps)
        assert chosen(case, CORES["dsp"]) == (variant,)


def test_for_the_goal_size_sparse_weights_stay_sparse() -> None:
    case = thin(test_conv_2d.conv(1, depth=16, channels=32), 0.8)
    assert chosen(case, CORES["dsp"]) == ("dsp",)
    assert chosen(case, CORES["dsp"], goal="size") == chosen(case, find("cortex-m3")) == ("sparse",)


@pytest.mark.parametrize("variant", CORES)
def test_for_the_goal_size_dense_weights_get_the_portable_kernel(variant: str) -> None:
    case = test_conv_2d.conv(1, depth=8, channels=8)
    assert chosen(case, CORES[variant], goal="size") == ("portable",)


@pytest.mark.parametrize("core", CORES.values(), ids=CORES)
@pytest.mark.parametrize(
    "case",
    [
        test_conv_2d.conv(1, depth=4, channels=4, groups=2),
        test_conv_2d.conv(2, channels=1),
        test_fully_connected.dense(3, weight_zero_point=3),
    ],
    ids=["groups", "one channel", "weights with a zero point"],
)
def test_what_has_no_packed_form_stays_portable(case: list[OpSpec], core: Core) -> None:
    assert chosen(case, core) == ("portable",)
