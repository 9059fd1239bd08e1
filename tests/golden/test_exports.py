"""Exports: the file list, and every text except the model itself."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tools import packages, targets
from tools.arena import Arena
from tools.packages import Library, Model
from tools.runtimes import aot
from tools.values import Vectors

FLATTEN = Path(__file__).parents[1] / "unit" / "flatten.tflite"
EVERYWHERE = (".cpp", ".zip", "LICENSE.txt")
ONCE = ("flatten.h", "flatten_check.h", "manifest.json")  # the same in each format


@pytest.mark.parametrize("format", packages.formats())
def test_export(golden: Callable[[str, bytes], None], format: str) -> None:
    target = targets.find("stm32f4")
    program = aot.compile(FLATTEN.read_bytes(), "flatten", target)
    arena = Arena(program.plan.arena_bytes, "planned")
    sources = aot.sources(program, target, arena, mode="int8", symbols=packages.symbols("flatten"))
    model = Model(program, sources, target, "aot", "int8", arena.bytes)
    values = np.arange(2 * 36, dtype=np.int8).reshape(2, 1, 6, 6, 1)
    classes = ("none", 'a "quoted" one', "größe")
    vectors = Vectors((values,), (values[:, 0, 0, :3, 0],), None, classes, "an oracle", True)
    project = packages.export(format, Library(model, "flatten", vectors, None))
    parts = ["=== files", *project.files]
    for name, data in project.files.items():
        is_shown = "main.cpp" in name or not name.endswith(EVERYWHERE)
        if is_shown and (format == "cmake" or not name.endswith(ONCE)):
            parts += [f"=== {name}", data.decode().rstrip("\n")]
    golden(f"export_{format}.txt", ("\n".join(parts) + "\n").encode())
