"""kerf in a checkout, with temporary files and with models whose paths have spaces, commas and letters of all kinds."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from command_line import command_line

TESTS = Path(__file__).parents[1]
ODD = "sp ace/it's ünï,cödé"

Kerf = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def kerf(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Kerf:
    """Like the fixture of the same name, in a checkout with such a path; models are copied next to it."""
    folder = tmp_path_factory.mktemp("odd") / ODD
    shutil.copytree(checkout, folder / "kerf", ignore=shutil.ignore_patterns("build"))
    (folder / "tmp").mkdir()

    def run(*arguments: str, model: Path) -> "subprocess.CompletedProcess[str]":
        copy = shutil.copy(model, folder)
        command = command_line(folder / "kerf", [*arguments, "--model", str(copy)])
        environment = os.environ | {"TMPDIR": str(folder / "tmp")}
        return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)

    return run


@pytest.mark.emulator
@pytest.mark.parametrize(
    ("target", "programs"), [("stm32f4", ("arm-none-eabi-g++", "qemu-system-arm")), ("host", ("g++",))]
)
def test_a_model_runs(kerf: Kerf, target: str, programs: tuple[str, ...]) -> None:
    for program in programs:
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
    done = kerf("run", "--json", "--target", target, model=TESTS / "unit" / "flatten.tflite")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["mismatches"] == 0


@pytest.mark.tf
def test_a_keras_file_is_converted(kerf: Kerf) -> None:
    done = kerf("quantize", "--json", model=TESTS / "tf" / "keras2.h5")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)[0]["mode"] == "int8"
