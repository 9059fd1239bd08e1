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

    ``compiler`` is None where PlatformIO installs its own; ``is_packaged``: PlatformIO has one to install where the
    system's is missing. ``probe`` flashes boards through a debug probe; None where they are flashed over a serial port.

    ``is_here``: the firmware is a program on this machine. ``takes_spaces``: it can be built in a folder with a space
    in its path. ``project_files`` makes the port's own files of a project, given the paths of its sources below src/.
    ``flash_image`` makes what an emulator loads, given the ELF where it was built; None where that is the ELF itself.
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
