"""The TFLM library that a target is built with, and the PlatformIO options that its package needs.

The board table's `custom_tflm_lib` names it: a registry spec (owner/name@version), a git URL, or a folder.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from ..errors import UsageError
from ..values import Target
from . import Dependency
from ._tflm_support import LIBRARIES, UNKNOWN, Library

_MANIFESTS = {  # manifest file → patterns of the package's name and version
    "library.properties": (r"^name=(.+)$", r"^version=(.+)$"),
    "library.json": (r'^\s*"name"\s*:\s*"([^"]+)"', r'^\s*"version"\s*:\s*"([^"]+)"'),
    "idf_component.yml": (r"^name:\s*\"?([^\"\n]+)", r"^version:\s*\"?([^\"\n]+)"),
}
# Chirale_TensorFLowLite was made for the Arduino IDE. ARDUINO selects its single-type registrations, whatever the
# framework. ARDUINO_EXCLUDE_CODE leaves DebugLog() to the port, so that only frames are sent over the serial port.
_FLAGS = "-DCMSIS_NN\n-DARDUINO_EXCLUDE_CODE"
_FLAGS_WITHOUT_ARDUINO = "-DARDUINO=10819\n" + _FLAGS
_ZEPHYR = ("tflite-micro", "TENSORFLOW_LITE_MICRO", "REQUIRES_FULL_LIBCPP")  # Zephyr's module and its Kconfig symbols


@dataclass(frozen=True)
class Package:
    """A library as specified by the user; ``version`` is "" if it is unknown."""

    spec: str
    name: str
    version: str
    library: Library

    @property
    def title(self) -> str:
        return f"{self.name} {self.version}".strip()


def package(target: Target) -> Package:
    """A target's package. Raises UsageError if the board table has none, or names a folder that does not exist."""
    spec = target.tflm.get("lib", "")
    if not spec:
        raise UsageError(
            f"{target.name} has no TFLM library: set custom_tflm_lib in [env:{target.name}] of platformio.ini, "
            "or the variable KERF_TFLM_LIB"
        )
    folder = _folder(spec)
    if folder is not None and not folder.is_dir():
        raise UsageError(f"custom_tflm_lib of {target.name} is {spec}, which is not a folder: correct the path")
    name, version = _identity(spec, folder)
    key = name.lower()
    library = next((known for known in LIBRARIES if key in known.names), UNKNOWN)
    return Package(spec, name, version, library)


def is_component(target: Target) -> bool:
    """Whether the target's framework takes libraries as ESP-IDF components."""
    return target.framework == "espidf"


def options(chosen: Package, target: Target) -> Mapping[str, str]:
    """The platformio.ini options for a library that PlatformIO installs; none for an ESP-IDF component."""
    if is_component(target):
        return {}
    folder = _folder(chosen.spec)
    return {
        "lib_deps": f"symlink://{folder.resolve()}" if folder else chosen.spec,
        "lib_compat_mode": "off",  # accept an Arduino library without the Arduino framework
        "extra_scripts": "pre:library.py",
        "build_flags": _FLAGS if target.framework == "arduino" else _FLAGS_WITHOUT_ARDUINO,
    }


def component_dependency(chosen: Package) -> list[str]:
    """The lines under `dependencies:` in idf_component.yml."""
    folder = _folder(chosen.spec)
    if folder is not None:
        return [f"{folder.name}:", f"  path: {folder.resolve()}"]
    if "://" in chosen.spec:
        url, _, version = chosen.spec.partition("#")
        return [f"{_url_name(url)}:", f"  git: {url}", *([f"  version: {version}"] if version else [])]
    name, _, version = chosen.spec.partition("@")
    return [f'{name}: "{version or "*"}"']


def dependency(chosen: Package, target: Target, runtime: str) -> Dependency:
    """The library as an export declares it, without the path of a folder on this machine.

    What is built as an ESP-IDF component is not available as a library of PlatformIO or Arduino, and vice versa.
    """
    is_local, registry = _folder(chosen.spec) is not None, chosen.library.registry
    own = Dependency(runtime, chosen.title, zephyr=_ZEPHYR)
    if is_component(target):
        if not is_local:
            return replace(own, component=component_dependency(chosen))
        return replace(own, component=[f'{registry}: "{chosen.version or "*"}"'] if registry else [])
    header = chosen.library.header
    return replace(own, manifest=_manifest(chosen, is_local), arduino=[chosen.name, header] if header else [])


def _manifest(chosen: Package, is_local: bool) -> Mapping[str, str]:
    """The library in PlatformIO's library.json. A folder is declared by name: if the user's project links it,
    PlatformIO finds it; otherwise, it asks the registry."""
    if "://" in chosen.spec and not is_local:
        return {"name": chosen.name, "version": chosen.spec}
    if is_local:
        declared = {"name": chosen.name, "version": chosen.version}
    else:
        spec, _, version = chosen.spec.partition("@")
        declared = {"owner": spec.rpartition("/")[0], "name": chosen.name, "version": version}
    return {key: value for key, value in declared.items() if value}


def _folder(spec: str) -> Path | None:
    """The folder named by a spec, whether or not it exists; None for a registry spec or a URL."""
    if spec.startswith(("symlink://", "file://")):
        return Path(spec.partition("://")[2])
    if "://" in spec or spec.startswith("git@"):
        return None
    path = Path(spec).expanduser()
    return path if path.is_absolute() or spec.startswith(".") or path.is_dir() else None


def _url_name(url: str) -> str:
    return url.rstrip("/").rpartition("/")[2].removesuffix(".git").removesuffix(".zip")


def _identity(spec: str, folder: Path | None) -> tuple[str, str]:
    """(name, version); the version is "" if it is unknown."""
    if folder is None:
        if "://" in spec or spec.startswith("git@"):
            url, _, version = spec.partition("#")
            return _url_name(url), version
        name, _, version = spec.rpartition("/")[2].partition("@")
        return name.strip(), version.strip(" ^~=")
    for manifest, (name_pattern, version_pattern) in _MANIFESTS.items():
        file = folder / manifest
        if file.is_file():
            text = file.read_text(encoding="utf-8", errors="replace")
            found_name = re.search(name_pattern, text, re.MULTILINE)
            found_version = re.search(version_pattern, text, re.MULTILINE)
            name = found_name[1].strip() if found_name else folder.resolve().name
            return name, found_version[1].strip() if found_version else ""
    return folder.resolve().name, ""
