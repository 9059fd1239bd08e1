"""The memory plan that a sweep makes before a model is trained is the one that it has afterwards."""

from pathlib import Path

import pytest

from tools import pipeline
from tools.pipeline import origin, places
from tools.progress import Progress
from tools.values import Request

pytestmark = [pytest.mark.tf, pytest.mark.soak]


def test_the_memory_plan_before_and_after_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "BUILD", tmp_path)
    ask = Request("digits+filters=8+channels0.5")
    untrained = origin.outline(ask, Progress())
    assert untrained is not None and list(tmp_path.iterdir()) == [], "nothing is trained or kept"
    choice = pipeline.choose(ask)
    before = choice.runtime.compile(untrained.tflite, "before", choice.target, "speed")
    after = pipeline.compile(ask, Progress()).program
    assert before.plan is not None and after.plan is not None
    assert before.plan.arena_bytes == after.plan.arena_bytes
    assert origin.outline(ask, Progress()) is None, "it is trained now"
