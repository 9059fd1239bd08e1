"""PlatformIO's build engine without PlatformIO's registry: installed once, beside others, by several at once."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from heard import Heard

from tools import scons


@pytest.fixture
def core(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """PlatformIO's core folder, empty."""
    monkeypatch.setenv("PLATFORMIO_CORE_DIR", str(tmp_path / "core"))
    return tmp_path / "core"


def never() -> bool:
    raise AssertionError("the registry was asked for something that is already there")


def test_the_build_engine_comes_from_pypi_once(core: Path) -> None:
    steps = Heard()
    assert scons.bootstrap(steps, registry=lambda: False)
    assert len(steps.said) == 1
    assert not scons.bootstrap(steps, registry=never)
    assert os.listdir(core / "packages") == ["tool-scons"]
    package = core / "packages" / "tool-scons"
    # It runs with what is in the folder: -S keeps the environment's own SCons out of sight.
    run = [sys.executable, "-S", str(package / "scons.py"), "--version"]
    said = subprocess.run(run, capture_output=True, text=True, check=True, cwd=core).stdout
    version = json.loads((package / "package.json").read_text())["version"]
    assert version == "4.41101.0"
    assert "SCons: v4.11.1" in said


def test_with_the_registry_platformio_installs_its_own(core: Path) -> None:
    assert not scons.bootstrap(Heard(), registry=lambda: True)
    assert not (core / "packages" / "tool-scons").exists()


def test_an_older_engine_of_another_platformio_stays(core: Path) -> None:
    old = core / "packages" / "tool-scons"
    old.mkdir(parents=True)
    (old / "package.json").write_text('{"name": "tool-scons", "version": "4.40801.0", "system": "*"}')
    spec = {"owner": "platformio", "id": None, "name": "tool-scons", "requirements": None, "uri": None}
    piopm = {"type": "tool", "name": "tool-scons", "version": "4.40801.0", "spec": spec}
    (old / ".piopm").write_text(json.dumps(piopm))
    assert scons.bootstrap(Heard(), registry=lambda: False)
    assert json.loads((old / ".piopm").read_text()) == piopm
    assert not scons.bootstrap(Heard(), registry=never)


def test_two_bootstraps_at_once(core: Path) -> None:
    packages = core / "packages"
    import SCons

    source = Path(SCons.__file__).parent
    failures: list[BaseException] = []

    def run() -> None:
        try:
            scons._install(packages, source, "4.41101.0")
        except BaseException as error:
            failures.append(error)

    first = subprocess.Popen(
        [
            sys.executable,
            "-c",
            f"from pathlib import Path; from tools import scons;"
            f"scons._install(Path({str(packages)!r}), Path({str(source)!r}), '4.41101.0')",
        ]
    )
    run()
    assert first.wait() == 0
    assert failures == []
    assert os.listdir(packages) == ["tool-scons"]
    assert not scons.bootstrap(Heard(), registry=never)


def test_a_registry_that_never_answers_costs_two_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    import urllib.request

    forever = threading.Event()
    asked: list[str] = []

    def urlopen(url: str, timeout: float) -> None:
        asked.append(url)
        forever.wait()
        raise OSError

    monkeypatch.setattr(urllib.request, "urlopen", urlopen)
    assert not scons.registry_answers(0.5)  # would never return if it waited for the answer
    assert asked
    forever.set()


def reply(error: Exception | None) -> Callable[..., Any]:
    class Response:
        def close(self) -> None:
            pass

    def urlopen(url: str, timeout: float) -> Response:
        if error:
            raise error
        return Response()

    return urlopen


def test_what_counts_as_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    import email.message
    import urllib.error
    import urllib.request

    not_found = urllib.error.HTTPError("https://x", 404, "no", email.message.Message(), None)
    for error, answers in ((None, True), (not_found, True), (urllib.error.URLError("no route"), False)):
        monkeypatch.setattr(urllib.request, "urlopen", reply(error))
        assert scons.registry_answers(1.0) is answers
