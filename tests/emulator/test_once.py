"""A task looks up each name once and runs each stage once."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from port_project import Silent, require

from tools import oracle, pipeline, targets
from tools.graph import passes, read
from tools.pipeline import choices, firmware, places
from tools.runtimes import aot
from tools.values import Request

FLATTEN = Path(__file__).parents[1] / "unit" / "flatten.tflite"
# Everything that one run does once: where it is looked up, and its name there.
STAGES = {
    "platformio.ini is parsed": (targets, "load"),
    "the file is read": (read, "read"),
    "passes": (passes, "run"),
    "schedule": (aot, "schedule"),
    "plan": (aot, "plan"),
    "the runtime is asked": (aot, "compile"),
    "the line is chosen": (choices, "choose_line"),
    "the .tflite and its vectors": (firmware, "quantize"),
}


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Counter[str]:
    monkeypatch.setattr(places, "BUILD", tmp_path)
    counted: Counter[str] = Counter()

    def counting(what: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            counted[what] += 1
            return function(*arguments, **options)

        return call

    for what, (module, name) in STAGES.items():
        monkeypatch.setattr(module, name, counting(what, getattr(module, name)))
    return counted


@pytest.mark.compiler
def test_one_run_does_everything_once(calls: Counter[str]) -> None:
    """When the vectors are made, the oracle reads the file, too: it splits the model by which interpreter defines its
    operators, before any target is known. That happens once for all runs of a model, so it is not counted here."""
    require("g++")
    ask = Request(str(FLATTEN), target="host")
    pipeline.quantize(ask, Silent())
    calls.clear()
    assert pipeline.run(ask, Silent()).measurement.mismatches == 0
    assert calls == dict.fromkeys(STAGES, 1)


@pytest.mark.skipif(not oracle.is_installed(oracle.TFLM), reason="there is no TFLM interpreter for this machine")
def test_one_run_in_the_interpreter_builds_nothing(calls: Counter[str], tmp_path: Path) -> None:
    ask = Request(str(FLATTEN), runtime="tflm", target="host")
    assert isinstance(pipeline.choose(ask).line, pipeline.Interpreter)
    pipeline.quantize(ask, Silent())
    calls.clear()
    outcome = pipeline.run(ask, Silent())
    assert outcome.built is None and outcome.measurement.mismatches == 0
    assert not list(tmp_path.rglob("platformio.ini"))
    once = ("platformio.ini is parsed", "the line is chosen", "the .tflite and its vectors")
    # By the runtime, and by the oracle, which runs the interpreter and needs to know which outputs are defined.
    assert calls == dict.fromkeys(once, 1) | {"the file is read": 2}
