"""What a run tells the user beside its record."""

from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import MagicMock

import pytest

from tools.pipeline import runs
from tools.progress import Progress
from tools.values import Request


class Warnings(Progress):
    def __init__(self) -> None:
        self.heard: list[str] = []

    def warn(self, text: str) -> None:
        self.heard.append(text)


def test_a_clock_that_cannot_tell_single_instructions_apart_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    line = SimpleNamespace(emulator="qemu", open=lambda elf: nullcontext())
    built = MagicMock()
    built.image.elf = Path("firmware.elf")
    device = SimpleNamespace(notes=("the emulator's clock counts in steps of 40 instructions",))
    monkeypatch.setattr(runs, "ready", lambda ask, progress: nullcontext((built, line)))
    monkeypatch.setattr(runs.bench, "run", lambda *_: device)
    monkeypatch.setattr(runs, "_outcome", lambda *_: None)
    progress = Warnings()
    runs.run(Request(), progress)
    assert progress.heard == list(device.notes)
