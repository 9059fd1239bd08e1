"""A model's rendered sources and the files of firmware/ that they need: path in the package → contents."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath

from ..runtimes import Sources

FIRMWARE = Path(__file__).resolve().parent.parent.parent / "firmware"

_INCLUDE = re.compile(rb'^\s*#\s*include\s+"((?:kernels|tflm|baremetal)/[^"]+)"', re.MULTILINE)


def model(sources: Sources) -> dict[str, bytes]:
    """What the runtime has rendered, model.h, and the files of firmware/kernels and firmware/tflm that these include.

    src/ mirrors firmware/, so that an #include reads the same in both.
    """
    return {**sources.files, **copies("model", "src/model"), **_reached(sources.files.values())}


def port(name: str) -> dict[str, bytes]:
    """A port of firmware/ports, the facade that it implements, and the files of firmware/baremetal that it includes."""
    own = copies(f"ports/{name}", f"src/ports/{name}")
    return {**copies("port", "src/port"), **own, **_reached(own.values())}


def power_pin(driver: str) -> dict[str, bytes]:
    """What raises a pin during inferences, in place of the port/busy.h that does nothing."""
    own = copies("power", "src/power")
    driven = {name: own[name] for name in own if PurePosixPath(name).stem == driver}
    return {**driven, "src/port/busy.h": own["src/power/busy.h"]}


def copies(folder: str, destination: str) -> dict[str, bytes]:
    """All files in a folder of firmware/, except hidden files and caches."""
    root = FIRMWARE / folder
    return {
        f"{destination}/{path.relative_to(root).as_posix()}": path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and not any(p.startswith((".", "__pycache__")) for p in path.relative_to(root).parts)
    }


def _reached(sources: Iterable[bytes]) -> Mapping[str, bytes]:
    """The files of firmware/kernels, tflm and baremetal that these sources include, directly or indirectly: headers,
    and the .cpp next to a header."""
    reached: dict[str, bytes] = {}
    waiting = list(sources)
    while waiting:
        for header in (match.decode() for match in _INCLUDE.findall(waiting.pop())):
            if f"src/{header}" in reached:
                continue
            source = str(PurePosixPath(header).with_suffix(".cpp"))
            for name in (header, source) if (FIRMWARE / source).exists() else (header,):
                reached[f"src/{name}"] = (FIRMWARE / name).read_bytes()
                waiting.append(reached[f"src/{name}"])
    return reached
