"""What every package is made from."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .. import __version__
from ..runtimes import Program, Sources
from ..values import Project, Target

MANIFEST = "manifest.json"


@dataclass(frozen=True, eq=False)
class Model:
    """A model compiled for ``runtime``, and its sources for ``target``.

    ``shows_inferences``: the bench's firmware raises the target's pin during each, for an instrument.
    """

    program: Program
    sources: Sources
    target: Target
    runtime: str
    mode: str
    arena_bytes: int
    shows_inferences: bool = False

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
