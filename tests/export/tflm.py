"""A stand-in for TFLM's library, for tests of exports with runtime tflm."""

import re
import shutil
from pathlib import Path

VENDOR = Path(__file__).parent / "vendor" / "tflm"
LIBRARY = Path(__file__).parents[2] / "firmware" / "tflm" / "library.h"
MICRO = "tensorflow/lite/micro"
SCHEMA = "tensorflow/lite/schema/schema_utils.cc"
# What a build of all sources must leave out or replace: other vendors' kernels, tests, what CMSIS-NN has as well.
TRAPS = (f"{MICRO}/kernels/esp_nn/add.cc", f"{MICRO}/kernels/add_test.cc", f"{MICRO}/kernels/add.cc")
REPLACED = (f"{MICRO}/kernels/cmsis_nn/add.cc", "third_party/cmsis_nn/Source/BasicMathFunctions/arm_add.c")


def stand_in(folder: Path) -> Path:
    """A folder laid out like an Arduino library of TFLM, with the headers that firmware/tflm includes; returned."""
    root = folder / "src"
    for header in re.findall(r'^#include "(tensorflow/.+)"', LIBRARY.read_text(), re.MULTILINE):
        (root / header).parent.mkdir(parents=True, exist_ok=True)
        (root / header).write_text('#pragma once\n#include "stand_in.h"\n')
    shutil.copy(VENDOR / "stand_in.h", root)
    shutil.copy(VENDOR / "stand_in.cc", root / MICRO / "micro_interpreter.cc")
    (root / SCHEMA).write_text("#include <cstdint>\nnamespace tflite {\nuint32_t SchemaVersion() { return 3; }\n}\n")
    (root / "Chirale_TensorFlowLite.h").write_text("#pragma once\n")
    (folder / "library.properties").write_text(
        "name=Chirale_TensorFLowLite\nversion=2.0.0\nincludes=Chirale_TensorFlowLite.h\narchitectures=*\n"
    )
    return folder


def sources(folder: Path) -> list[Path]:
    """The stand-in's sources."""
    return [folder / "src" / MICRO / "micro_interpreter.cc", folder / "src" / SCHEMA]


def add_cmsis_nn(folder: Path) -> None:
    """Adds what a copy of TFLM with CMSIS-NN has in addition to the stand-in."""
    for text, paths in (('#error "not for this build"\n', TRAPS), ("extern int nothing;\n", REPLACED)):
        for path in paths:
            file = folder / "src" / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
