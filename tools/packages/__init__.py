"""One module per package, found by file name: a model's sources in the form that a build system expects.

`bench` is the PlatformIO project that gets measured: the model and kerf's bench. The others are export formats: the
same model as a library with a C header, for the user's own program.
"""

import json
from collections.abc import Mapping
from typing import Protocol

from .. import registry
from ..errors import UnknownName, UsageError
from ..runtimes import Dependency
from ..values import Project
from ._library import Library, check_name, reference, symbols
from ._model import MANIFEST, Model

__all__ = [
    "MANIFEST",
    "Format",
    "Library",
    "Model",
    "Package",
    "check_dependency",
    "check_live",
    "check_name",
    "export",
    "find",
    "find_format",
    "formats",
    "known",
    "reference",
    "symbols",
]


class Package(Protocol):
    """The interface of `bench`, which makes a project to be measured."""

    SUMMARY: str

    def project(self, model: Model) -> Project:
        """All files, including the manifest. The same arguments and version of kerf give the same bytes."""


class Format(Protocol):
    """The interface of the other modules, which make a library."""

    SUMMARY: str

    # CAN_BE_LIVE = True: `place` heeds Library.live.
    # def declares(dependency: Dependency) -> bool: whether `place` can declare this library; without it, none can be.

    def place(self, library: Library) -> Mapping[str, bytes]:
        """All files except the manifest. The same arguments and version of kerf give the same bytes."""


def known() -> tuple[str, ...]:
    """Names of all packages, sorted."""
    return registry.names("packages")


def find(name: str) -> Package:
    """A package by name; UnknownName if it does not exist."""
    package: Package = registry.find("packages", name, "package")
    return package


def formats() -> tuple[str, ...]:
    """Names of all export formats, sorted."""
    return tuple(name for name in known() if hasattr(find(name), "place"))


def find_format(name: str) -> Format:
    """An export format by name; UsageError for an empty name, UnknownName if it does not exist."""
    if not name:
        raise UsageError(f"--format is missing: give the build system of your program, one of {', '.join(formats())}")
    if name not in formats():
        raise UnknownName("format", name, formats())
    made: Format = registry.find("packages", name, "format")
    return made


def check_dependency(name: str, dependency: Dependency | None) -> None:
    """Raises UsageError for a format that cannot declare the library that the sources need."""

    def can(format: str) -> bool:
        declares = getattr(find(format), "declares", None)
        return declares is not None and bool(declares(dependency))

    if dependency is not None and not can(name):
        others = ", ".join(each for each in formats() if can(each))
        raise UsageError(
            f"--format {name} cannot declare {dependency.title}, which the sources need: use --format {others}, or "
            f"another --target"
        )


def check_live(name: str) -> None:
    """Raises UsageError for a format whose libraries cannot export themselves again."""
    can = tuple(each for each in formats() if hasattr(find(each), "CAN_BE_LIVE"))
    if name not in can:
        raise UsageError(f"--live needs a build system that runs scripts before a build: use --format {', '.join(can)}")


def export(name: str, library: Library) -> Project:
    """The library in the named format, with a manifest that says what it was made from."""
    manifest = {
        **library.model.manifest(),
        "format": name,
        "name": library.name,
        "arena_bytes": library.model.arena_bytes,
        "record": library.record,
    }
    contents = {MANIFEST: (json.dumps(manifest, indent=2) + "\n").encode(), **find_format(name).place(library)}
    return library.model.project(contents)
