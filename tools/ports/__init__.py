"""One module per port of the firmware, found by file name: what it takes to build and flash firmware/ports/<name>.

Each assigns a Port to PORT. Which port a target has is in platformio.ini (custom_port).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from .. import registry
from ..installed import Tool


def _nothing(sources: Sequence[str]) -> Mapping[str, bytes]:
    return {}


@dataclass(frozen=True)
class Port:
    """What a port needs on this machine, and of a project.

    ``compiler`` is None where PlatformIO brings its own. ``probe`` writes to boards through a debug probe; None where
    they are flashed through their serial port.

    ``is_here`` says that the firmware is a program on this machine, ``takes_spaces`` that it builds in a folder with a
    space in its path. ``project_files`` makes what a project needs besides, from the paths of its sources below src/.
    """

    compiler: Tool | None = None
    probe: Tool | None = None
    is_here: bool = False
    takes_spaces: bool = True
    project_files: Callable[[Sequence[str]], Mapping[str, bytes]] = _nothing


def known() -> tuple[str, ...]:
    """Names of all ports, sorted."""
    return registry.names("ports")


def find(name: str) -> Port:
    """A port by its name, the folder's in firmware/ports; UnknownName when there is none."""
    port: Port = registry.find("ports", name, "port").PORT
    return port
