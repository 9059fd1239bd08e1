"""What `inv test` and `inv soak --tests` run."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tools import checks
from tools.errors import UsageError

ROOT = Path(__file__).parents[2]
LONG_FORMS = """
import pytest

def test_short(): pass

@pytest.mark.soak
def test_long(): pass

@pytest.mark.sampled
def test_share(pytestconfig): print("every case:", pytestconfig.getoption("--every-case"))

@pytest.mark.sampled(one_in=3)
@pytest.mark.parametrize("name", range(90))
def test_table(name): pass
"""


def ran(folder: Path, *options: str) -> str:
    (folder / "conftest.py").write_bytes((ROOT / "tests" / "conftest.py").read_bytes())
    (folder / "test_forms.py").write_text(LONG_FORMS)
    command = [sys.executable, "-m", "pytest", "-vs", "-p", "no:cacheprovider", f"-c{ROOT / 'pyproject.toml'}"]
    done = subprocess.run([*command, f"--rootdir={folder}", *options, folder], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_long_forms_run_on_request_only(tmp_path: Path) -> None:
    said = ran(tmp_path)
    tests = re.findall("::(test_[a-z]+)", said)
    assert tests[:2] == ["test_short", "test_share"]
    assert len(tests[2:]) == 30
    assert "every case: False" in said and "61 deselected" in said


def test_soak_tests_runs_them_and_every_case(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[list[str]] = []
    monkeypatch.setattr(checks, "_pytest", lambda options: asked.append(options) or 0)
    assert checks.long_tests("") == 0
    options = [option for option in asked[0] if option not in checks.IN_PARALLEL]
    said = ran(tmp_path, *options)
    assert re.findall("::(test_[a-z]+)", said) == ["test_long", "test_share", *["test_table"] * 90]
    assert "every case: True" in said


def test_a_board_is_not_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[list[str]] = []
    monkeypatch.setattr(checks, "_pytest", lambda options: asked.append(options) or 0)
    checks.test("", "", "")
    checks.test("digits", "auto", "esp32")
    assert asked == [list(checks.IN_PARALLEL), ["-k", "digits", "--port", "auto", "--target", "esp32"]]


@pytest.mark.parametrize(("port", "target", "said"), [("auto", "", "--target"), ("", "esp32", "--port")])
def test_the_board_tests_need_both_options(port: str, target: str, said: str) -> None:
    with pytest.raises(UsageError, match=f"needs {said}"):
        checks.test("", port, target)


@pytest.mark.parametrize("seed", [0, 1, 2, 3, 4, 5])
def test_every_ending_of_an_attack_is_counted(seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT / "tests")
    from soak import _endings, _engine

    (row,) = _engine.soak("_endings", seed, tmp_path)
    wanted = _endings.ENDINGS[seed]
    assert (row.right, row.named, row.other) == tuple(wanted == each for each in ("right", "named", "other"))
    kept = tmp_path / "_endings" / str(seed)
    assert kept.exists() == (wanted == "other")
    if kept.exists():
        assert (kept / "input.txt").read_text() == f"the input of attack {seed}"
        assert f"inv soak _endings --seed {seed} --minutes 0" in (kept / "failure.txt").read_text()
