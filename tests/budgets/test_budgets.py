"""The committed figures of known firmware must be equal: a slower or larger kernel fails here.

The suite measures one small model on every core; `inv budgets`, or `--every-case`, measures all of them.
"""

from collections.abc import Iterator

import pytest

from tools import ports, targets, transports
from tools.pipeline import budgets, places
from tools.pipeline.budgets import Budget
from tools.progress import Progress

IN_SUITE = "wake_word"
TOO_LONG = "microbit"  # its core takes the most instructions: 20 seconds in QEMU

pytestmark = [pytest.mark.emulator, pytest.mark.sampled, pytest.mark.tf, pytest.mark.timeout(3600)]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    known = budgets.load()
    if not metafunc.config.getoption("--every-case"):
        known = tuple(budget for budget in known if budget.model == IN_SUITE and budget.target != TOO_LONG)
    metafunc.parametrize("budget", known, ids=lambda budget: budget.name)


@pytest.fixture(scope="module", autouse=True)
def build(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(places, "BUILD", tmp_path_factory.mktemp("budgets"))
        yield


def test_budget(budget: Budget) -> None:
    target = targets.find(budget.target)
    for tool in (ports.find(target.port).compiler, transports.tool(target.emulators["qemu"])):
        if tool is not None and tool.find() is None:
            pytest.skip(tool.missing)
    now = budgets.measure(budget, Progress())
    verdict = budgets.judge(budget, now)
    if verdict in (budgets.OTHER_COMPILER, budgets.OTHER_MODEL):
        pytest.skip(f"{verdict} ({now.compiler}, {now.model_sha256}): {now.figures} instead of {budget.figures}")
    assert now == budget
