"""A PlatformIO library: a folder that the user's project lists in lib_deps."""

import json
from collections.abc import Mapping

from ..runtimes import Dependency
from ._library import Library

SUMMARY = "a PlatformIO library: a folder for lib_deps"
CAN_BE_LIVE = True
# Kernels are measured with -O2. These flags only apply to the library; the framework keeps its own.
_FLAGS = ["-O2", "-std=gnu++17", "-ffp-contract=off"]
_UNFLAGS = ["-Os", *(f"-std=gnu++{year}" for year in ("11", "14", "1y", "1z"))]


def declares(dependency: Dependency) -> bool:
    """Whether it is a library of PlatformIO."""
    return bool(dependency.manifest)


def place(library: Library) -> Mapping[str, bytes]:
    """The library's folder."""
    name = library.name
    how = (
        f"Add `lib_deps = symlink://path/to/{name}` to your platformio.ini, and `#include <{name}.h>` in C or "
        f"C++.\nexamples/arduino is a program for boards with the Arduino framework, examples/stdio for any platform "
        f"with printf()."
    )
    dependency = library.dependency
    if dependency is not None:
        how += (
            f"\nIt needs {dependency.title}: PlatformIO fetches it, unless a copy comes first in your lib_deps. Add\n"
            f"`extra_scripts = pre:path/to/{name}/{dependency.name}.py` and, unless your framework is arduino,\n"
            f"`lib_compat_mode = off`."
        )
    if library.live:
        how += "\nkerf_live.py exports the library again when its model has changed, and says how to use it."
    manifest = {
        "name": name,
        "version": library.version,
        "description": library.summary,
        "keywords": "machine learning, tinyml",
        "headers": f"{name}.h",
        "frameworks": "*",
        "platforms": "*",
        **({"dependencies": [dependency.manifest]} if dependency else {}),
        "build": {"flags": _FLAGS, "unflags": _UNFLAGS},
        "examples": [
            {"name": "arduino", "base": "examples/arduino", "files": ["main.cpp"]},
            {"name": "stdio", "base": "examples/stdio", "files": ["main.c"]},
        ],
    }
    return {
        "library.json": (json.dumps(manifest, indent=2) + "\n").encode(),
        f"src/{name}.h": library.header(),
        f"src/{name}_check.h": library.check(),
        **library.sources("src/"),
        "examples/arduino/main.cpp": b"#include <Arduino.h>\n\n" + library.text("sketch.ino.j2"),
        "examples/stdio/main.c": library.text("main.c.j2"),
        **_live(library),
        **_script(library),
        **library.notes(how),
    }


def _live(library: Library) -> Mapping[str, bytes]:
    """The script that exports the library again when the model has changed, if it is to be live."""
    options = [json.dumps(option) for option in library.live]
    return {"kerf_live.py": library.text("platformio/live.py.j2", live=options)} if options else {}


def _script(library: Library) -> Mapping[str, bytes]:
    """The script that builds the library that the sources need, if they need one."""
    if library.dependency is None:
        return {}
    script = f"{library.dependency.name}.py"
    return {script: library.text(f"platformio/{script}.j2")}
