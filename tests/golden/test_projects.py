"""What is rendered for the boards that cannot be built on every machine: the file list and all that is not copied."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tools import targets
from tools.arena import Arena
from tools.packages import Model, bench
from tools.runtimes import aot

FLATTEN = Path(__file__).parents[1] / "unit" / "flatten.tflite"
SETTINGS = ("platformio.ini", "CMakeLists.txt", "src/CMakeLists.txt", "src/idf_component.yml", "sdkconfig.defaults")


@pytest.mark.parametrize("name", ["nano33ble", "esp32"])
def test_aot_project(golden: Callable[[str, bytes], None], name: str) -> None:
    target = targets.find(name)
    program = aot.compile(FLATTEN.read_bytes(), "flatten", target)
    sources = aot.sources(program, target, Arena(64, "planned"), mode="int8")
    project = bench.project(Model(program, sources, target, "aot", "int8", 64))
    # Which kernels a model reaches is pinned where models are.
    parts = ["=== files", *(name for name in project.files if not name.startswith("src/kernels/"))]
    for setting in SETTINGS:
        if setting in project.files:
            parts += [f"=== {setting}", project.files[setting].decode().rstrip("\n")]
    golden(f"flatten_aot_{name}.txt", ("\n".join(parts) + "\n").encode())
