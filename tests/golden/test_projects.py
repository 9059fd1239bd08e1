"""What is rendered for the boards that cannot be built on every machine: the file list and all that is not copied."""

import difflib
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tools import catalog, targets
from tools.arena import Arena
from tools.packages import Model, bench
from tools.runtimes import aot
from tools.values import Project, Target

sys.path.append(str(Path(__file__).parents[1] / "unit"))  # board_files.py
from board_files import BOARDS

FLATTEN = Path(__file__).parents[1] / "unit" / "flatten.tflite"
SETTINGS = ("platformio.ini", "CMakeLists.txt", "src/CMakeLists.txt", "src/idf_component.yml", "sdkconfig.defaults")


@pytest.mark.parametrize("name", ["nano33ble", "esp32"])
def test_aot_project(golden: Callable[[str, bytes], None], name: str) -> None:
    project = rendered(targets.find(name))
    # The golden files of models pin which kernels are copied.
    parts = ["=== files", *(name for name in project.files if not name.startswith("src/kernels/"))]
    for setting in SETTINGS:
        if setting in project.files:
            parts += [f"=== {setting}", project.files[setting].decode().rstrip("\n")]
    golden(f"flatten_aot_{name}.txt", ("\n".join(parts) + "\n").encode())


def test_five_boards_that_are_not_in_the_table(golden: Callable[[str, bytes], None]) -> None:
    """Their platformio.ini, and the port's files, which are the same for all."""
    names = ("test_rp2040", "test_samd51", "test_imxrt", "test_rp2350", "test-esp32-s3")
    boards = [targets.described(catalog.Board(name, "testplatform@1.2.3", BOARDS[name])) for name in names]
    projects = [rendered(board) for board in boards]
    parts = []
    for board, project in zip(boards, projects, strict=True):
        parts += [f"=== {board.name}: {board.summary}", project.files["platformio.ini"].decode()]
    (files,) = {tuple(name for name in project.files if name.startswith("src/ports/")) for project in projects}
    golden("flatten_aot_arduino.txt", ("\n".join([*parts, "=== files", *files]) + "\n").encode())


@pytest.mark.parametrize("name", ["stm32f4", "nano33ble", "esp32"])
def test_what_an_instrument_adds(golden: Callable[[str, bytes], None], name: str) -> None:
    """The driver of the pin and its flag, and nothing more."""
    without, with_it = (rendered(targets.find(name), shows_inferences=shows) for shows in (False, True))
    parts = []
    for file, contents in with_it.files.items():
        before, after = (data.decode().splitlines() for data in (without.files.get(file, b""), contents))
        if Path(file).name not in ("manifest.json", "identity.cpp"):  # which digest the others
            parts += difflib.unified_diff(before, after, file, file, n=1, lineterm="")
    assert without.files.keys() <= with_it.files.keys()
    golden(f"power-{name}.diff", ("\n".join(parts) + "\n").encode())


def rendered(target: Target, shows_inferences: bool = False) -> Project:
    program = aot.compile(FLATTEN.read_bytes(), "flatten", target)
    sources = aot.sources(program, target, Arena(64, "planned"), mode="int8")
    return bench.project(Model(program, sources, target, "aot", "int8", 64, shows_inferences))
