"""What a run tells the user besides its record."""

from contextlib import nullcontext
from types import SimpleNamespace
from unittest.mock import MagicMock

import pytest
from heard import Heard

from tools.errors import UsageError
from tools.pipeline import choices, matrix, runs
from tools.progress import Progress
from tools.values import Request


def test_a_clock_that_cannot_tell_single_instructions_apart_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    device = SimpleNamespace(notes=("the emulator's clock counts in steps of 40 instructions",))
    monkeypatch.setattr(runs, "ready", lambda choice, progress: nullcontext(MagicMock()))
    monkeypatch.setattr(runs.bench, "run", lambda *_, **__: device)
    monkeypatch.setattr(runs, "_of_firmware", lambda *_: None)
    monkeypatch.setattr(runs, "_outcome", lambda *_: None)
    progress = Heard()
    runs.run(Request(), progress)
    assert progress.warned == list(device.notes)


@pytest.mark.parametrize(
    ("ask", "sentence"),
    [
        (Request(any_firmware=True), "--any-firmware needs --port"),
        (Request(any_firmware=True, emulator="qemu"), "--any-firmware needs --port"),
        (Request(target="host", runtime="tflm", port="socket://there:1"), "is an interpreter on this machine"),
    ],
)
def test_what_nobody_can_be_behind(ask: Request, sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        assert choices.choose(ask).line


def test_one_firmware_is_not_measured_under_several_names() -> None:
    ask = Request(any_firmware=True, port="socket://there:1")
    for runtimes, targets in (("aot,tflm", "stm32f4"), ("aot", "stm32f4,esp32")):
        with pytest.raises(UsageError, match="give one runtime and one target"):
            matrix.bench_all(ask, "digits", "int8", runtimes, targets, Progress())
    with pytest.raises(UsageError, match="--any-firmware need --target"):
        runs.classify(Request(any_firmware=True, target=runs.INTERPRETER), [__file__], Progress())
