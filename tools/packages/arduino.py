"""A library for the Arduino IDE and arduino-cli: a folder, and a .zip of it that the IDE installs.

https://docs.arduino.cc/arduino-cli/library-specification
"""

from collections.abc import Mapping

from .. import files
from ..runtimes import Dependency
from ._library import Library

SUMMARY = "an Arduino library: a folder, and a .zip of it that the IDE installs"


def declares(dependency: Dependency) -> bool:
    """Whether it is an Arduino library."""
    return bool(dependency.arduino)


def place(library: Library) -> Mapping[str, bytes]:
    """The folder <name>, and <name>.zip with its contents."""
    name = library.name
    how = (
        f"Arduino IDE: Sketch > Include Library > Add .ZIP Library > {name}.zip, then File > Examples > {name}.\n"
        f"With arduino-cli: `arduino-cli lib install --zip-path {name}.zip`. Your sketch needs `#include <{name}.h>`."
    )
    if library.dependency is not None:
        title, header = library.dependency.title, library.dependency.arduino[1]
        how += (
            f"\nThe library manager offers to install {title}, which it needs. Your sketch must have\n"
            f"`#include <{header}>`, too: otherwise, the Arduino IDE does not build with that library."
        )
    folder = {
        "library.properties": library.text("arduino/library.properties.j2"),
        f"src/{name}.h": library.header(),
        f"src/{name}_check.h": library.check(),
        **library.sources("src/"),
        f"examples/{name}_check/{name}_check.ino": library.text("sketch.ino.j2"),
        **library.notes(how),
    }
    placed = {f"{name}/{path}": data for path, data in sorted(folder.items())}
    return {**placed, f"{name}.zip": files.pack(placed)}
