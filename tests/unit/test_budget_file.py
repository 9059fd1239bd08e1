"""The file of budgets, and the message for a figure that differs from the committed one."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tools import report, targets
from tools.errors import BuildError, KerfError
from tools.pipeline import budgets
from tools.pipeline.budgets import COLUMNS, Budget
from tools.progress import Progress
from tools.report import describe
from tools.values import SHA256_DIGITS

KEPT = Budget("ds_cnn", "int8", "stm32f4", "", "GCC: 12.2.1", "9a4971665ceb", 13_000_000, 52_000, 10_900)
OTHER = replace(KEPT, target="mps3-an547")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "budgets.csv"
    budgets.save([KEPT, OTHER], path)
    return path


def test_the_committed_file() -> None:
    """Every core that QEMU has, and other modes than int8; each firmware once, all of them measured."""
    found = budgets.load()
    assert len({b.name for b in found}) == len(found) >= 12
    assert [b.name for b in found if None in b.figures or not b.compiler or len(b.model_sha256) != SHA256_DIGITS] == []
    cores = {targets.find(b.target).core.name for b in found}
    assert cores >= {"cortex-m0", "cortex-m3", "cortex-m4", "cortex-m7", "cortex-m55"}
    assert {b.mode for b in found} >= {"int8", "int16x8", "float32", "dynamic"}


def test_the_file_is_read_as_it_was_written(path: Path) -> None:
    assert budgets.load(path) == (KEPT, OTHER)
    before = path.read_bytes()
    budgets.save(budgets.load(path), path)
    assert path.read_bytes() == before


def test_a_line_without_figures_is_to_be_measured(path: Path) -> None:
    path.write_text(",".join(COLUMNS) + "\nempty,int8,stm32f4,,,,,,\n")
    assert budgets.load(path) == (Budget("empty", "int8", "stm32f4"),)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "the first line must be model,mode,"),
        ("model,mode\n", "the first line must be model,mode,"),
        (",".join(COLUMNS) + "\nempty,int8\n", "line 2: give 9 values"),
        (",".join(COLUMNS) + "\nempty,int8,stm32f4,,,,1,2,3,4\n", "line 2: give 9 values"),
        (",".join(COLUMNS) + "\nempty,int8,stm32f4,,,,-1,2,3\n", "line 2: give 9 values"),
        (",".join(COLUMNS) + "\nempty,int8,stm32f4,,,,1,2.5,3\n", "line 2: give 9 values"),
    ],
)
def test_a_damaged_file_is_refused(path: Path, text: str, said: str) -> None:
    path.write_text(text)
    with pytest.raises(KerfError, match=said):
        budgets.load(path)


@pytest.mark.parametrize(
    ("change", "verdict"),
    [
        ({}, budgets.EQUAL),
        ({"instructions": 13_000_001}, budgets.DIFFERS),
        ({"instructions": 12_999_999}, budgets.DIFFERS),  # a better figure is committed as well
        ({"flash_bytes": 52_004}, budgets.DIFFERS),
        ({"ram_bytes": 10_908}, budgets.DIFFERS),
        ({"compiler": "GCC: 13.2.1", "instructions": 1}, budgets.OTHER_COMPILER),
        ({"model_sha256": "000000000000", "instructions": 1}, budgets.OTHER_MODEL),
    ],
)
def test_the_verdict(path: Path, change: dict[str, object], verdict: str) -> None:
    checked = budgets.check(Progress(), path=path, measure=lambda b, _: replace(b, **change))
    assert [each.verdict for each in checked] == [verdict] * 2
    if verdict == budgets.DIFFERS:
        with pytest.raises(KerfError, match=r"^2 of 2 budgets differ from the measurement; .*`inv budgets --update`"):
            budgets.require(checked, updated=False)
    else:
        budgets.require(checked, updated=False)
    budgets.require(checked, updated=True)
    assert budgets.load(path) == (KEPT, OTHER)


def test_update_writes_what_was_measured_and_keeps_the_line_of_a_run_that_failed(path: Path) -> None:
    now = replace(KEPT, compiler="GCC: 13.2.1", instructions=1)

    def measure(budget: Budget, progress: Progress) -> Budget:
        if budget == OTHER:
            raise BuildError("it does not compile")
        return now

    checked = budgets.check(Progress(), update=True, path=path, measure=measure)
    assert budgets.load(path) == (now, OTHER)
    assert [each.verdict for each in checked] == [budgets.OTHER_COMPILER, "it does not compile"]
    with pytest.raises(KerfError, match="1 of 2 runs failed"):
        budgets.require(checked, updated=True)


def test_a_budget_that_is_not_measured_yet_is_not_kept(path: Path) -> None:
    budgets.save([Budget("empty", "int8", "stm32f4")], path)
    (checked,) = budgets.check(Progress(), path=path, measure=lambda b, _: KEPT)
    assert checked.verdict == budgets.NEW
    with pytest.raises(KerfError, match="1 of 1 budgets"):
        budgets.require([checked], updated=False)


def test_what_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    now = replace(KEPT, instructions=14_300_000)
    rows = [
        describe.budget(budgets.Checked(KEPT, now, budgets.DIFFERS)),
        describe.budget(budgets.Checked(OTHER, None, "it does not compile")),
        describe.budget(budgets.Checked(Budget("empty", "int8", "stm32f4"), KEPT, budgets.NEW)),
    ]
    report.show_budgets(rows, as_json=False)
    text = " ".join(capsys.readouterr().out.split())
    assert "ds_cnn int8 stm32f4 13,000,000 → 14,300,000 (+10.0%) 52,000 10,900 DIFFERS" in text
    assert "ds_cnn int8 mps3-an547 13,000,000 52,000 10,900 it does not compile" in text
    assert "empty int8 stm32f4 13,000,000 52,000 10,900 new" in text
    report.show_budgets(rows, as_json=True)
    assert json.loads(capsys.readouterr().out)[0]["instructions"] == [13_000_000, 14_300_000]
