"""Programs that kerf starts and does not bring: how each is found, and how to get it where it is missing."""

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .errors import MissingTool


@dataclass(frozen=True)
class Tool:
    """A program on this machine. ``purpose`` says what it does, ``remedy`` what to do where it is missing.

    ``variable`` is an environment variable that may name the program's file, or the folder it is in; "" for none.
    """

    program: str
    purpose: str
    remedy: str
    variable: str = ""

    @property
    def missing(self) -> str:
        """The sentence for a user who does not have it."""
        return f"{self.program} is not installed; {self.remedy}"

    def find(self, environment: Mapping[str, str] = os.environ) -> Path | None:
        """Its file: where the variable says, else on PATH, else None.

        Raises MissingTool when the variable is set and no program is there.
        """
        if named := environment.get(self.variable, ""):
            for path in (Path(named), Path(named) / self.program):
                if path.is_file() and os.access(path, os.X_OK):
                    return path.absolute()
            raise MissingTool(f"{self.variable} is {named!r}, but no executable is there; {self.missing}")
        found = shutil.which(self.program, path=environment.get("PATH"))
        return Path(found).absolute() if found else None

    def require(self) -> Path:
        """Its file; raises MissingTool when there is none."""
        path = self.find()
        if path is None:
            raise MissingTool(self.missing)
        return path


def apt(packages: str) -> str:
    """The remedy for what Debian has."""
    return f"get it with: sudo apt-get install {packages}"
