"""`inv export --live`: a user's project whose library follows the model, with `pio run` alone."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import MODELS
from port_project import require

from tools import pipeline
from tools.errors import UsageError
from tools.progress import Progress
from tools.values import Request

ROOT = Path(__file__).parents[2]
MAIN = """
#include <stdio.h>
#include <net.h>
#include <net_check.h>

static uint32_t now;
static uint32_t tick(void) { return now += 50; }
static void show(const char *line) { puts(line); }

int main(void) { return net_check(tick, show); }
"""
# Stands in for a checkout: it has what the script looks at, counts its calls, and runs this checkout's kerf.
KERF = f"""#!/bin/sh
echo "$@" >>"$(dirname "$0")/calls"
exec {sys.executable} {ROOT}/tasks.py --search-root {ROOT} "$@"
"""
LIVE = Request(model=str(MODELS["flatten"]), target="host")

PioRun = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def calls(tmp_path: Path) -> Callable[[], int]:
    """How often the stand-in's kerf has been called."""
    kerf = tmp_path / "kerf"
    (kerf / "tools").mkdir(parents=True)
    (kerf / "tools" / "stage.py").write_text("one\n")
    (kerf / "kerf").write_text(KERF)
    (kerf / "kerf").chmod(0o755)
    (kerf / "calls").write_text("")
    return lambda: len((kerf / "calls").read_text().splitlines())


@pytest.fixture
def pio_run(tmp_path: Path, calls: Callable[[], int], build_folder: Path) -> PioRun:
    """`pio run` in a project with the library `net`, which was exported from the model at net.tflite."""
    project = tmp_path / "project"
    (project / "src").mkdir(parents=True)
    (project / "src" / "main.c").write_text(MAIN)
    (project / "net.tflite").write_bytes(MODELS["flatten"].read_bytes())
    (project / "platformio.ini").write_text(
        "[env:app]\n"
        f"platform = symlink://{ROOT}/firmware/platform\n"
        "board = host\n"
        "build_flags = -lm\n"
        "lib_deps = symlink://net\n"
        "extra_scripts = pre:net/kerf_live.py\n"
        "custom_kerf = ../kerf\n"
        "custom_kerf_model = net.tflite\n"
    )
    pipeline.export(LIVE, Progress(), "platformio", project / "net", "net", live=True)

    def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
        settings = {
            "PLATFORMIO_SETTING_ENABLE_TELEMETRY": "no",
            "PLATFORMIO_PLATFORMS_DIR": str(tmp_path / "platforms"),
        }
        command = [sys.executable, "-m", "platformio", "run", "-d", str(project), *arguments]
        return subprocess.run(command, env={**os.environ, **settings}, capture_output=True, text=True)

    return run


def printed(folder: Path) -> str:
    program = folder / "project" / ".pio" / "build" / "app" / "firmware.elf"
    return subprocess.run([program], capture_output=True, text=True, check=True).stdout


@pytest.mark.compiler
def test_a_build_exports_again_what_has_changed_and_only_then(
    tmp_path: Path, calls: Callable[[], int], pio_run: PioRun
) -> None:
    require("g++")

    def built(expected_calls: int) -> str:
        done = pio_run()
        assert done.returncode == 0, done.stdout + done.stderr
        assert calls() == expected_calls
        return printed(tmp_path)

    model, header = tmp_path / "project" / "net.tflite", tmp_path / "project" / "net" / "src" / "net.h"
    assert built(1).startswith("PASS: net, 10 samples")  # nothing is known yet
    before = header.read_text()

    os.utime(model)
    assert built(1).startswith("PASS")  # the same contents
    assert pio_run("-t", "clean").returncode == 0 and calls() == 1

    model.write_bytes(MODELS["stream"].read_bytes())
    assert built(2).startswith("PASS: net, 10 samples")
    assert "void net_reset(void);" in header.read_text() != before

    (tmp_path / "kerf" / "tools" / "stage.py").write_text("two\n")
    assert built(3).startswith("PASS")
    assert built(3).startswith("PASS")


@pytest.mark.compiler
def test_a_build_stops_with_a_sentence(tmp_path: Path, calls: Callable[[], int], pio_run: PioRun) -> None:
    require("g++")
    (tmp_path / "project" / "net.tflite").write_bytes(b"no model")
    done = pio_run()
    assert done.returncode != 0 and "kerf could not export net (exit code 1)" in done.stderr, done.stderr
    (tmp_path / "kerf" / "kerf").unlink()
    done = pio_run()
    assert done.returncode != 0 and "which is not a checkout of kerf" in done.stderr
    assert calls() == 1


def test_only_a_build_system_that_runs_scripts_can_be_live(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"--live needs .*: use --format platformio"):
        pipeline.export(LIVE, Progress(), "cmake", tmp_path / "out", live=True)


def test_the_script_repeats_the_options_and_names_no_path(build_folder: Path, tmp_path: Path) -> None:
    ask = Request(model=str(MODELS["flatten"]), target="stm32f4", optimize="size", strip=True)
    made = pipeline.export(ask, Progress(), "platformio", tmp_path / "out", "net", live=True)
    script = made.project.files["kerf_live.py"].decode()
    listed = script[script.index("OPTIONS = [") : script.index("]\n")].split("\n")
    given = ['"--name=net",', '"--target=stm32f4",', '"--optimize=size",', '"--strip",']
    assert [line.strip() for line in listed[1:-1]] == ['"--format=platformio",', '"--live",', *given]
    assert str(MODELS["flatten"].parent) not in script
