"""Netron opens the file if there is a browser; otherwise the message says what else the user can do."""

import sys
import webbrowser
from pathlib import Path
from types import SimpleNamespace

import pytest

from tools.errors import MissingTool
from tools.report import viewer


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """What Netron is asked for; waiting ends as with Ctrl-C."""
    asked: list[tuple[str, ...]] = []

    def wait() -> None:
        asked.append(("wait",))
        raise KeyboardInterrupt

    netron = SimpleNamespace(
        start=lambda file, browse: asked.append(("start", file, str(browse))),
        wait=wait,
        stop=lambda: asked.append(("stop",)),
    )
    monkeypatch.setitem(sys.modules, "netron", netron)
    return asked


def test_a_model_is_open_until_ctrl_c(monkeypatch: pytest.MonkeyPatch, calls: list[tuple[str, ...]]) -> None:
    monkeypatch.setattr(webbrowser, "get", lambda: object())
    viewer.open(Path("model.tflite"))
    assert calls == [("start", "model.tflite", "True"), ("wait",), ("stop",)]


def test_no_browser_is_named(monkeypatch: pytest.MonkeyPatch, calls: list[tuple[str, ...]]) -> None:
    def none() -> None:
        raise webbrowser.Error

    monkeypatch.setattr(webbrowser, "get", none)
    with pytest.raises(MissingTool, match=r"no browser .* open model.tflite .* inv inspect --html FILE"):
        viewer.open(Path("model.tflite"))
    assert calls == []


def test_netron_takes_what_it_is_given() -> None:
    """The names above are those of the real package."""
    import inspect

    import netron

    assert {"file", "browse"} <= set(inspect.signature(netron.start).parameters)
    assert callable(netron.wait) and callable(netron.stop)
