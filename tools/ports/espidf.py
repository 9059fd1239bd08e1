"""Boards with ESP-IDF: PlatformIO installs the compiler, and CMake needs a list of the sources."""

from collections.abc import Mapping, Sequence

from .. import __version__
from ..render import render
from . import Port


def _project_files(sources: Sequence[str]) -> Mapping[str, bytes]:
    """CMake's two files, which list the sources, and ESP-IDF's configuration."""
    templates = {
        "CMakeLists.txt": "common/espidf/CMakeLists.txt.j2",
        "src/CMakeLists.txt": "common/espidf/component.txt.j2",
        "sdkconfig.defaults": "common/espidf/sdkconfig.defaults.j2",
    }
    return {name: render(text, version=__version__, sources=sources).encode() for name, text in templates.items()}


PORT = Port(takes_spaces=False, project_files=_project_files)
