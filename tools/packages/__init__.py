"""One module per package format, found by file name: a model's sources in the form that a build system expects.

Each module implements Package. `bench` is the PlatformIO project that gets measured: the model and kerf's bench.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from .. import __version__, registry
from ..runtimes import Program, Sources
from ..values import Project, Target

MANIFEST = "manifest.json"


@dataclass(frozen=True, eq=False)
class Model:
    """What every package is made from: a model compiled for ``runtime``, and its sources for ``target``."""

    program: Program
    sources: Sources
    target: Target
    runtime: str
    mode: str
    arena_bytes: int

    def manifest(self) -> dict[str, Any]:
        """The part of manifest.json that all packages share; each adds its own fields."""
        graph = self.program.graph
        return {
            "kerf": __version__,
            "model": graph.name,
            "mode": self.mode,
            "model_sha256": graph.sha256,
            "model_bytes": graph.model_bytes,
            "runtime": self.runtime,
            "target": self.target.name,
            "kernels": self.sources.kernels,
        }

    def project(self, files: Mapping[str, bytes], build: str = "") -> Project:
        """A Project of this model with these files."""
        graph, sources = self.program.graph, self.sources
        return Project(
            files=dict(sorted(files.items())),
            model=graph.name,
            mode=self.mode,
            model_sha256=graph.sha256,
            model_bytes=graph.model_bytes,
            runtime=self.runtime,
            target=self.target.name,
            kernels=sources.kernels,
            arena_bytes=self.arena_bytes,
            op_labels=self.program.labels,
            kernel_symbols=sources.kernel_symbols,
            library=sources.library,
            core=self.target.core.name,
            build=build,
        )


class Package(Protocol):
    """The interface of each module in this folder."""

    SUMMARY: str

    def project(self, model: Model) -> Project:
        """All files, including the manifest. The same arguments and the same kerf give the same bytes."""


def known() -> tuple[str, ...]:
    """Names of all packages, sorted."""
    return registry.names("packages")


def find(name: str) -> Package:
    """A package by name; UnknownName if there is none."""
    package: Package = registry.find("packages", name, "package")
    return package
