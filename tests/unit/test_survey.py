"""A survey of a folder: what is tried, how it is counted, and that no file can end the survey."""

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from tools import report
from tools.errors import KerfError, Mismatch, ModelError, QuantizeError, UnknownName, UsageError
from tools.pipeline import attempt
from tools.pipeline import survey as survey_function
from tools.pipeline.survey import Missing, Survey, Tried, find, in_child, require
from tools.progress import Progress
from tools.values import Request

GOOD = {"read": True, "oracle": True, "runs": True, "equal": True, "missing": []}
DAMAGED = {"read": False, "oracle": False, "reason": "it is damaged"}


def refused(*operators: str, oracle: bool = True) -> dict[str, Any]:
    missing = [{"operator": operator, "reason": f"{operator} has no kernel"} for operator in operators]
    return {"read": True, "oracle": oracle, "runs": False if oracle else None, "reason": "refused", "missing": missing}


class Fake:
    """Stands in for the child process: the result of a file is named by its contents."""

    def __init__(self, results: Mapping[str, Mapping[str, Any]]) -> None:
        self.results = results
        self.asked: list[Request] = []

    def __call__(self, ask: Request) -> Mapping[str, Any]:
        self.asked.append(ask)
        kind = Path(ask.model).read_text()
        if kind == "interrupt":
            raise KeyboardInterrupt
        return self.results[kind]


def fill(folder: Path, contents: Mapping[str, str]) -> Path:
    for name, text in contents.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


FOLDER = {
    "a.tflite": "good",
    "deep/er/b.tflite": "one",
    "deep/c.TFLITE": "two",
    "d.tflite": "damaged",
    "e.tflite": "good",
    "f.tflite": "nowhere",
    "notes.txt": "not a model",
    "net.keras": "good Keras",
    "saved/saved_model.pb": "good",
    "saved/inside.tflite": "part of a SavedModel",
}
RESULTS = {
    "good": GOOD,
    "one": refused("WHILE"),
    "two": refused("WHILE", "SVDF"),
    "nowhere": refused("FFT", oracle=False),
    "damaged": DAMAGED,
    "good Keras": GOOD,
}


def test_every_tflite_is_tried_once(tmp_path: Path) -> None:
    fake = Fake(RESULTS)
    ask = Request(samples=5, mode="int16x8", target="stm32f4")
    found = survey_function(fill(tmp_path, FOLDER), ask, Progress(), attempt=fake)
    assert [each.path for each in found.tried] == [
        *("a.tflite", "d.tflite", "deep/c.TFLITE", "deep/er/b.tflite", "e.tflite", "f.tflite")
    ]
    assert found.tried[4] == Tried("e.tflite", duplicate_of="a.tflite")
    assert found.tried[1].reason == "it is damaged"
    assert found.counts() == {
        "files": 5,
        "duplicates": 1,
        "left_out": 2,
        "read": 4,
        "oracle": 3,
        "runs": 1,
        "equal": 1,
        "different": 0,
    }
    assert found.to_json()["percent"] == {"runs": 33.3, "equal": 33.3}
    assert {(each.target, each.samples, each.mode) for each in fake.asked} == {("host", 5, None)}
    require(found)


def test_operators_are_ranked_by_the_files_that_they_stop(tmp_path: Path) -> None:
    rows = survey_function(fill(tmp_path, FOLDER), Request(), Progress(), attempt=Fake(RESULTS)).missing()
    assert [list(row.values()) for row in rows] == [
        ["WHILE", 2, 2, 1, "WHILE has no kernel"],
        ["SVDF", 1, 1, 0, "SVDF has no kernel"],
        ["FFT", 0, 1, 1, "FFT has no kernel"],
    ]


def test_an_operator_of_a_file_that_runs_stops_nothing() -> None:
    """A pass may remove an operator that has no kernel."""
    assert Survey("aot", (Tried("a", True, True, True, True, missing=(Missing("PACK", "no kernel"),)),)).missing() == []


def test_with_convert_the_other_formats_come_last_and_get_the_mode(tmp_path: Path) -> None:
    fake = Fake({**RESULTS, "good Keras": GOOD})
    fill(tmp_path, {name: FOLDER[name] for name in ("a.tflite", "net.keras")})
    found = survey_function(tmp_path, Request(mode="float32"), Progress(), convert=True, attempt=fake)
    assert [(each.model, each.mode) for each in fake.asked] == [
        (str(tmp_path / "a.tflite"), None),
        (str(tmp_path / "net.keras"), "float32"),
    ]
    assert found.counts()["left_out"] == 0


def test_a_saved_model_is_one_model(tmp_path: Path) -> None:
    fill(tmp_path, {"b/saved_model.pb": "", "b/variables/x.h5": "", "c.h5": "", "a.hdf5": ""})
    assert find(tmp_path, Progress()) == [tmp_path / "a.hdf5", tmp_path / "b", tmp_path / "c.h5"]


def test_what_there_is_nothing_to_try_in(tmp_path: Path) -> None:
    def sentence(folder: Path, **options: Any) -> str:
        with pytest.raises(UsageError) as error:
            survey_function(folder, Request(), Progress(), attempt=Fake({}), **options)
        return str(error.value)

    assert "does not exist" in sentence(tmp_path / "missing")
    assert "has no model" in sentence(tmp_path)
    (tmp_path / "one.keras").touch()
    assert "--convert also tries its 1 Keras or TensorFlow model" in sentence(tmp_path)
    assert "`inv run --model` tries a single one" in sentence(tmp_path / "one.keras")
    assert "at least one second" in sentence(tmp_path, timeout_s=0)


def test_a_mode_is_checked_before_anything_is_tried(tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="unknown mode 'int7'"):
        survey_function(fill(tmp_path, FOLDER), Request(mode="int7"), Progress(), convert=True, attempt=Fake({}))


def test_a_file_that_vanishes_does_not_end_the_survey(tmp_path: Path) -> None:
    def attempt(ask: Request) -> Mapping[str, Any]:
        (tmp_path / "b.tflite").unlink()
        return GOOD

    found = survey_function(fill(tmp_path, {"a.tflite": "1", "b.tflite": "2"}), Request(), Progress(), attempt=attempt)
    reason = found.tried[1].reason
    assert found.tried[1].read is False and reason is not None and "b.tflite" in reason


def test_only_regular_files_are_models(tmp_path: Path) -> None:
    (tmp_path / "link.tflite").symlink_to(tmp_path / "missing")
    os.mkfifo(tmp_path / "pipe.tflite")  # reading it would never end
    assert find(tmp_path, Progress()) == []


def test_ctrl_c_keeps_what_is_there(tmp_path: Path) -> None:
    fill(tmp_path, {"a.tflite": "good", "b.tflite": "interrupt", "c.tflite": "one"})
    found = survey_function(tmp_path, Request(), Progress(), attempt=Fake(RESULTS))
    assert [each.path for each in found.tried] == ["a.tflite"]
    assert found.to_json()["complete"] is False
    with pytest.raises(KeyboardInterrupt):
        require(found)


def test_a_difference_is_a_failure() -> None:
    with pytest.raises(Mismatch, match="1 file gave other outputs than the oracle, first b"):
        require(Survey("aot", (Tried("a", True, True, True, None), Tried("b", True, True, True, False))))


Module = Callable[[str], str]


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Module:
    """Makes a module that runs in the place of attempt.py, after writing that the file has been read."""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    def make(code: str) -> str:
        start = "import os, sys, time, json\njson.dump({'read': True}, open(sys.argv[3], 'w'))\n"
        (tmp_path / "instead_of_attempt.py").write_text(start + code)
        return "instead_of_attempt"

    return make


def test_a_crash_ends_the_stage_it_happens_in(module: Module) -> None:
    found = in_child(Request(), 60, module("os.kill(os.getpid(), 11)"))
    assert (found["read"], found["oracle"]) == (True, False)
    assert "kerf crashed on it (SIGSEGV)" in found["reason"]
    found = in_child(Request(), 60, module("raise RuntimeError('lost')"))
    assert "kerf crashed on it (exit code 1: RuntimeError: lost)" in found["reason"]


def test_a_hang_ends_with_the_time_limit(module: Module) -> None:
    """Even of a process that does not end itself in time."""
    found = in_child(Request(), 2, module("time.sleep(60)"), grace_s=0)
    assert found == {"read": True, "oracle": False, "reason": "it took more than 2 s: give a longer --timeout"}


@pytest.mark.parametrize(
    ("error", "read", "on_oracle"),
    [(QuantizeError("the converter crashed"), False, None), (ModelError("no interpreter runs it"), True, False)],
)
def test_a_keras_file_that_no_interpreter_runs_was_still_converted(
    monkeypatch: pytest.MonkeyPatch, error: KerfError, read: bool, on_oracle: bool | None
) -> None:
    def fail(*_: Any) -> None:
        raise error

    monkeypatch.setattr(attempt, "tflite_of", fail)
    (found,) = attempt.steps(Request(model="net.keras", target="host"), Progress())
    assert found == {"read": read, "oracle": on_oracle, "reason": str(error)}


def test_the_tables_and_the_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = survey_function(fill(tmp_path, FOLDER), Request(), Progress(), attempt=Fake(RESULTS)).to_json()
    report.show_survey(found, as_json=True)
    assert json.loads(capsys.readouterr().out) == found
    console = Console(width=160)
    report.show_survey({**found, "complete": False}, as_json=False, console=console)
    shown = capsys.readouterr().out
    for part in (
        *("the same file as a.tflite", "it is damaged", "33.3 % of those that the oracle runs"),
        *("WHILE has no kernel", "Interrupted"),
    ):
        assert part in shown
