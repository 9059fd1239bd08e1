"""Exports: the file list, and every text except the model itself."""

import difflib
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest

from tools import packages, runtimes, targets
from tools.arena import Arena
from tools.packages import Library, Model
from tools.values import Vectors

UNIT = Path(__file__).parents[1] / "unit"
FLATTEN, PER_TENSOR = UNIT / "flatten.tflite", UNIT / "flatten_per_tensor.tflite"
EVERYWHERE = (".cpp", ".zip", "LICENSE.txt")
ONCE = ("flatten.h", "flatten_check.h", "flatten_library.h", "manifest.json")  # the same in each format


def exported(
    format: str, model: Path = FLATTEN, runtime: str = "aot", target_name: str = "stm32f4"
) -> Mapping[str, bytes]:
    """The files of an export."""
    target, chosen = targets.find(target_name), runtimes.find(runtime)
    program = chosen.compile(model.read_bytes(), "flatten", target)
    arena = Arena(program.plan.arena_bytes if program.plan else 4096, "planned")
    sources = chosen.sources(program, target, arena, mode="int8", symbols=packages.symbols("flatten"))
    made = Model(program, sources, target, runtime, "int8", arena.bytes)
    values = np.arange(2 * 36, dtype=np.int8).reshape(2, 1, 6, 6, 1)
    classes = ("none", 'a "quoted" one', "größe")
    vectors = Vectors((values,), (values[:, 0, 0, :3, 0],), None, classes, "an oracle", True)
    return packages.export(format, Library(made, "flatten", vectors, None)).files


@pytest.mark.parametrize("format", packages.formats())
def test_export(golden: Callable[[str, bytes], None], format: str) -> None:
    files = exported(format)
    parts = ["=== files", *files]
    for name, data in files.items():
        is_shown = "main.cpp" in name or not name.endswith(EVERYWHERE)
        if is_shown and (format == "cmake" or not name.endswith(ONCE)):
            parts += [f"=== {name}", data.decode().rstrip("\n")]
    golden(f"export_{format}.txt", ("\n".join(parts) + "\n").encode())


def test_what_an_export_needs_for_tflm(golden: Callable[[str, bytes], None], monkeypatch: pytest.MonkeyPatch) -> None:
    """In each format, what differs from the export for aot."""
    monkeypatch.delenv(targets.TFLM_LIB, raising=False)
    lines: list[str] = []
    for format in packages.formats():
        target = "esp32" if format == "espidf" else "stm32f4"
        aot, tflm = (exported(format, PER_TENSOR, runtime, target) for runtime in ("aot", "tflm"))
        for name in sorted({*aot, *tflm}):
            if name.endswith((*EVERYWHERE, *ONCE, "README.md")) and (format != "cmake" or name.endswith(EVERYWHERE)):
                continue
            before, after = (files.get(name, b"").decode().splitlines() for files in (aot, tflm))
            lines += difflib.unified_diff(before, after, f"{format}/{name}", f"{format}/{name}", n=0, lineterm="")
    golden("export_tflm.diff", ("\n".join(lines) + "\n").encode())
