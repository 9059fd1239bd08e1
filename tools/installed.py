"""Programs that kerf runs but does not install: how to find each, and how to get it if it is missing."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from . import child
from .errors import MissingTool


@dataclass(frozen=True)
class Tool:
    """A program on this machine. ``purpose`` says what it does, ``remedy`` how to get it.

    ``variable`` is an environment variable that may hold the program's path or its folder's; "" for none. ``lists`` are
    the arguments with which the program lists what it can do, and ``wanted`` is what must be in that list, the first
    word of a line; () if every program of that name will do.
    """

    program: str
    purpose: str
    remedy: str
    variable: str = ""
    lists: tuple[str, ...] = ()
    wanted: str = ""

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
        """Its path; raises MissingTool if it is not installed, or if another program of that name is."""
        path = self.find()
        if path is None:
            raise MissingTool(self.missing)
        if self.lists:
            self._require_wanted(path)
        return path

    def _require_wanted(self, path: Path) -> None:
        words = " ".join(self.lists)
        try:
            done = child.ask([path, *self.lists])
        except (OSError, subprocess.SubprocessError) as error:
            raise MissingTool(f"`{path} {words}` does not work: {error}; {self.remedy}") from error
        listed = {line.split()[0] for line in done.stdout.decode("utf-8", "replace").splitlines() if line.strip()}
        if self.wanted not in listed:
            raise MissingTool(f"{path} is not the right one, as `{words}` does not list {self.wanted}; {self.remedy}")


def apt(packages: str) -> str:
    """The remedy for a program that Debian packages."""
    return f"get it with: sudo apt-get install {packages}"
