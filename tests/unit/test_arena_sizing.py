"""The target on which an interpreter's arena is sized, and that this happens only once."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import pytest

from tools import sizing, targets, transports
from tools.arena import Arena
from tools.pipeline import choices, firmware, places
from tools.progress import Progress
from tools.values import Request

MODEL = Path(__file__).with_name("flatten_per_tensor.tflite")


@pytest.mark.parametrize(
    ("target", "emulator", "margin"),
    [
        ("stm32f4", "qemu", sizing.MARGIN_BYTES),
        ("nano33ble", None, sizing.OTHER_MARGIN_BYTES),
    ],
)
def test_the_arena_is_tried_once_on_the_target_or_its_stand_in(
    target: str, emulator: str | None, margin: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[str] = []

    @contextmanager
    def linked(compiled: firmware.Compiled, progress: Progress, arena: Arena | None = None) -> Iterator[Any]:
        tried.append(compiled.choice.target.name)
        yield MagicMock()

    quantized = SimpleNamespace(tflite=MODEL.read_bytes(), model="m", sha256="0" * 64)
    monkeypatch.delenv(targets.TFLM_LIB, raising=False)
    monkeypatch.setattr(places, "BUILD", tmp_path)
    monkeypatch.setattr(transports, "tool", MagicMock())
    monkeypatch.setattr(firmware, "quantize", lambda ask, progress: quantized)
    monkeypatch.setattr(firmware, "_linked", linked)
    monkeypatch.setattr(sizing, "find", lambda elf, start: 1600)
    ask = Request(runtime="tflm", target=target, emulator=emulator, port=None if emulator else "socket://there:1")
    compiled = firmware.compile_choice(choices.choose(ask), Progress())
    for _ in range(2):
        firmware._size_arena(compiled, Progress())
    assert tried == ["stm32f4"]
    known = firmware._known_arena(compiled)
    assert known is not None and known.bytes == 1600 + margin
