"""A Zephyr module: for ZEPHYR_EXTRA_MODULES or a west manifest."""

from collections.abc import Mapping

from ..runtimes import Dependency
from ._library import Library

SUMMARY = "a Zephyr module, and a sample that runs its check"


def declares(dependency: Dependency) -> bool:
    """Whether it is a module."""
    return bool(dependency.zephyr)


def place(library: Library) -> Mapping[str, bytes]:
    """The module's folder."""
    name = library.name
    how = (
        f"Build your application with `-DZEPHYR_EXTRA_MODULES=path/to/{name}` and CONFIG_{name.upper()}_MODEL=y, and\n"
        f"`#include <{name}.h>`. `west build -b BOARD path/to/{name}/samples/check` builds the check."
    )
    if library.dependency is not None:
        module = library.dependency.zephyr[0]
        how += (
            f"\nIt needs Zephyr's module {module}: `west config manifest.project-filter -- +{module}`, then\n"
            f"`west update`."
        )
    return {
        "zephyr/module.yml": library.text("zephyr/module.yml.j2"),
        "zephyr/CMakeLists.txt": library.text("zephyr/CMakeLists.txt.j2"),
        "zephyr/Kconfig": library.text("zephyr/Kconfig.j2"),
        f"include/{name}.h": library.header(),
        f"include/{name}_check.h": library.check(),
        **library.sources("src/"),
        "samples/check/CMakeLists.txt": library.text("zephyr/project.txt.j2"),
        "samples/check/prj.conf": library.text("zephyr/prj.conf.j2"),
        "samples/check/src/main.c": library.text("zephyr/main.c.j2"),
        **library.notes(how),
    }
