"""Building, without a compiler: limits, and the message for each failed log."""

import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tools import build, doctor, scons
from tools.cores import find
from tools.errors import BuildError, DoesNotFit, KerfError, MissingTool
from tools.progress import Progress
from tools.values import Project, Target

TARGET = Target(
    name="toy",
    summary="a toy",
    board="toy",
    framework=None,
    port="cortexm",
    core=find("cortex-m4"),
    clock_hz=1,
    ram_bytes=1000,
    flash_bytes=20_000,
    runtimes=("aot",),
    emulators={},
    options={},
)
PROJECT = Project(
    files={"src/a.cpp": b"", "src/b.cpp": b"", "src/b.h": b""},
    model="m",
    mode="int8",
    model_sha256="",
    model_bytes=0,
    runtime="aot",
    target="toy",
    kernels="portable",
    arena_bytes=0,
    op_labels=(),
)


@pytest.fixture
def ready(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compiler and build engine are installed."""
    monkeypatch.setattr(build, "_require_compiler", lambda target: None)
    monkeypatch.setattr(scons, "bootstrap", lambda progress: False)


def fake_platformio(monkeypatch: pytest.MonkeyPatch, log: str, code: int) -> list[tuple[list[str], dict[str, str]]]:
    """A PlatformIO that prints ``log`` and ends with ``code``; returns the list of its command lines and settings."""
    calls: list[tuple[list[str], dict[str, str]]] = []
    real = subprocess.Popen

    def popen(command: list[str], **options: Any) -> Any:
        calls.append((command, options["env"]))
        script = f"import sys; sys.stdout.write({log!r}); sys.exit({code})"
        return real([sys.executable, "-c", script], **options)

    monkeypatch.setattr(subprocess, "Popen", popen)
    return calls


def test_what_fits_passes() -> None:
    build.check_fits(1000, 20_000, TARGET)


@pytest.mark.parametrize(
    ("arena", "constants", "said"),
    [
        (1001, 0, "the model's tensors need 1,001 bytes of RAM, but toy has 1,000;"),
        (0, 20_001, "the model's constants need 20,001 bytes of flash, but toy has 20,000;"),
    ],
)
def test_what_cannot_fit_is_refused_with_both_numbers(arena: int, constants: int, said: str) -> None:
    with pytest.raises(DoesNotFit) as caught:
        build.check_fits(arena, constants, TARGET)
    assert str(caught.value) == f"{said} choose a larger target or a smaller model"


LD = "/usr/bin/ld: .pio/build/toy/firmware.elf section `.text' will not fit in region `FLASH'\n"


@pytest.mark.parametrize(
    ("log", "kind", "said"),
    [
        (
            LD + "/usr/bin/ld: region `FLASH' overflowed by 234 bytes\ncollect2: error: ld returned 1 exit status\n",
            DoesNotFit,
            "the firmware needs 20,234 bytes of flash, but toy has 20,000",
        ),
        (
            "ld: region `RAM' overflowed by 1 bytes\ncollect2: error: ld returned 1 exit status\n",
            DoesNotFit,
            "the firmware needs 1,001 bytes of RAM, but toy has 1,000",
        ),
        (
            "Error: The program size (20500 bytes) is greater than maximum allowed (20000 bytes)\n",
            DoesNotFit,
            "the firmware needs 20,500 bytes of flash, but toy has 20,000",
        ),
        (
            "Error: The data size (1500 bytes) is greater than maximum allowed (1000 bytes)\n",
            DoesNotFit,
            "the firmware needs 1,500 bytes of RAM, but toy has 1,000",
        ),
        (
            "Compiling a.o\nsrc/a.cpp:1:2: warning: old\n"
            "src/a.cpp:3:1: error: 'x' was not declared\n*** [a.o] Error 1\n",
            BuildError,
            "building for toy failed: src/a.cpp:3:1: error: 'x' was not declared; the full output is in ",
        ),
        (
            "src/a.o: in function `f':\na.cpp:1: undefined reference to `g()'\n",
            BuildError,
            "undefined reference to `g()'",
        ),
        (
            "Tool Manager: Installing vendor/tool-x @ ~3.1\nHTTPClientError: \n",
            BuildError,
            "PlatformIO needs vendor/tool-x from its registry, which does not answer; connect",
        ),
        (
            "Compiling a.o\n*** [a.o] Error 1\n========== [FAILED] Took 1.00 seconds ==========\n",
            BuildError,
            "building for toy failed: *** [a.o] Error 1;",
        ),
        ("it just\nstopped\n\n", BuildError, "building for toy failed: stopped;"),
        ("", BuildError, "building for toy failed: PlatformIO printed nothing;"),
        (
            "src/a.cpp:1:10: fatal error: cstdint: No such file or directory\n    1 | #include <cstdint>\n",
            MissingTool,
            "the C++ library of arm-none-eabi-g++ is not installed; get it with: sudo apt-get install gcc-",
        ),
        (
            'src/a.cpp:1:10: fatal error: own.h: No such file or directory\n    1 | #include "own.h"\n',
            BuildError,
            "fatal error: own.h: No such file or directory",
        ),
        (
            "arm-none-eabi-g++: fatal error: cannot read spec file 'nano.specs': No such file or directory\n"
            "arm-none-eabi-gcc: error: nano.specs: No such file or directory\n",
            MissingTool,
            "the C++ library of arm-none-eabi-g++ is not installed",
        ),
    ],
)
def test_a_failed_build_in_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ready: None, log: str, kind: type[KerfError], said: str
) -> None:
    fake_platformio(monkeypatch, log, code=1)
    with pytest.raises(KerfError) as caught:
        build.build(tmp_path, PROJECT, TARGET, Progress())
    assert type(caught.value) is kind
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert (tmp_path / build.LOG).read_text() == log


def test_platformio_is_told_the_project_and_asked_for_no_telemetry(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ready: None
) -> None:
    calls = fake_platformio(monkeypatch, "no such thing\n", code=1)
    with pytest.raises(BuildError):
        build.build(tmp_path, PROJECT, TARGET, Progress())
    ((command, environment),) = calls
    assert command == [sys.executable, "-m", "platformio", "run", "-e", "toy", "-d", str(tmp_path)]
    assert environment["PLATFORMIO_SETTING_ENABLE_TELEMETRY"] == "no"


def test_a_linked_file_that_is_no_elf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ready: None) -> None:
    elf = tmp_path / ".pio" / "build" / "toy" / "firmware.elf"
    fake_platformio(monkeypatch, "", code=0)
    with pytest.raises(BuildError, match=r"firmware\.elf cannot be read as an ELF file"):
        build.build(tmp_path, PROJECT, TARGET, Progress())
    elf.parent.mkdir(parents=True)
    elf.write_bytes(b"hello")
    with pytest.raises(BuildError, match=r"firmware\.elf cannot be read as an ELF file.*build again"):
        build.build(tmp_path, PROJECT, TARGET, Progress())
    assert not elf.exists(), "PlatformIO takes it for up to date and never links it again"


@pytest.mark.skipif(sys.platform == "win32", reason="the compilers here are shell scripts")
@pytest.mark.parametrize(
    ("script", "sentence"),
    [
        ("#!/bin/sh\nprintf '\\377\\200'", ""),
        ("#!/bin/sh\nexec sleep 9", "no answer"),
        ("\x01junk", "Exec format error"),
    ],
    ids=["nonsense", "hangs", "no program"],
)
def test_a_broken_compiler_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, sentence: str
) -> None:
    compiler = tmp_path / "arm-none-eabi-g++"
    compiler.write_text(script)
    compiler.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setattr(build.child, "ANSWER_SECONDS", 0.5)
    if not sentence:
        build.shared(tmp_path, PROJECT, TARGET)
        assert doctor.examine()
        return
    with pytest.raises(MissingTool, match=f"{re.escape(str(compiler))} does not work .*{sentence}"):
        build.shared(tmp_path, PROJECT, TARGET)


@pytest.mark.skipif(sys.platform == "win32", reason="there are no process groups")
def test_an_interrupt_ends_what_platformio_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = subprocess.Popen

    def popen(command: list[str], **options: Any) -> Any:
        return real(["sh", "-c", "sleep 60 & echo $!; wait"], **options)

    monkeypatch.setattr(subprocess, "Popen", popen)
    compilers: list[int] = []

    def interrupted(line: str) -> None:
        compilers.append(int(line))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build._platformio(tmp_path, ["run"], interrupted)
    while _runs(compilers[0]):  # an orphan would run until the test is ended
        time.sleep(0.1)


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
        return "Z" not in Path(f"/proc/{process}/stat").read_text().split()[2]
    except (ProcessLookupError, FileNotFoundError):
        return False
