"""Conversion in the process of the test, which has imported TensorFlow already."""

from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from tools import convert


def convert_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Puts the child's own function in the place of starting it."""

    def run(
        module: str, path: str, mode: str, folder: str, log: str, dense: str, **streams: Any
    ) -> CompletedProcess[str]:
        convert._serve(Path(path), mode, Path(folder), Path(log), dense == "1")
        return CompletedProcess([], 0)

    monkeypatch.setattr(convert, "run", run)
