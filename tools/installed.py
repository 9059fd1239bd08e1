"""Programs that kerf runs but does not install: how to find each, and how to get it if it is missing."""

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .errors import MissingTool


@dataclass(frozen=True)
class Tool:
    """A program on this machine. ``purpose`` says what it does, ``remedy`` how to get it.

    ``variable`` is an environment variable that may hold the program's path or its folder's; "" for none.
    """

    program: str
    purpose: str
    remedy: str
    variable: str = ""

    @property
    def missing(self) -> str:
        """The sentence for a user who lacks it."""
        return f"{self.program} is not installed; {self.remedy}"

    def find(self, environment: Mapping[str, str] = os.environ) -> Path | None:
        """Its path, from the variable or else from PATH; None if it is not installed.

        Raises MissingTool when the variable is set but does not lead to an executable.
        """
        if named := environment.get(self.variable, ""):
            for path in (Path(named), Path(named) / self.program):
                if path.is_file() and os.access(path, os.X_OK):
                    return path.absolute()
            raise MissingTool(f"{self.variable} is {named!r}, but no executable is there; {self.missing}")
        found = shutil.which(self.program, path=environment.get("PATH"))
        return Path(found).absolute() if found else None

    def require(self) -> Path:
        """Its path; raises MissingTool if it is not installed."""
        path = self.find()
        if path is None:
            raise MissingTool(self.missing)
        return path


def apt(packages: str) -> str:
    """The remedy for a program that Debian packages."""
    return f"get it with: sudo apt-get install {packages}"
