"""One module per firmware port, found by file name: what it takes to build and flash firmware/ports/<name>.

Each assigns a Port to PORT. The board table says which port a target uses (custom_port).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from .. import registry
from ..installed import Tool


def _nothing(sources: Sequence[str]) -> Mapping[str, bytes]:
    return {}


@dataclass(frozen=True)
class Port:
    """What a firmware port needs on this machine and in a project.

    ``compiler`` is the system's compiler, None if PlatformIO always installs its own. ``is_packaged``: if the system's
    is missing, PlatformIO can install one. ``probe`` is the program that flashes through a debug probe, None if boards
    are flashed over a serial port.

    ``is_here``: the firmware is a program on this machine. ``takes_spaces``: it can be built in a folder with a space
    in its path. ``project_files`` makes the port's own files of a project, given the paths of its sources below src/.
    ``flash_image`` makes the image that an emulator loads, given the ELF in its build folder; None if the emulator
    loads the ELF itself.
    """

    compiler: Tool | None = None
    is_packaged: bool = True
    probe: Tool | None = None
    is_here: bool = False
    takes_spaces: bool = True
    project_files: Callable[[Sequence[str]], Mapping[str, bytes]] = _nothing
    flash_image: Callable[[Path], bytes] | None = None


def known() -> tuple[str, ...]:
    """Names of all ports, sorted."""
    return registry.names("ports")


def find(name: str) -> Port:
    """A port by the name of its folder in firmware/ports; UnknownName if there is none."""
    port: Port = registry.find("ports", name, "port").PORT
    return port
