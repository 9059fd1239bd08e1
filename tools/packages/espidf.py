"""An ESP-IDF component: for EXTRA_COMPONENT_DIRS, a project's components/ or the component registry."""

from collections.abc import Mapping

from ..runtimes import Dependency
from ._library import Library

SUMMARY = "an ESP-IDF component, and a project that runs its check"


def declares(dependency: Dependency) -> bool:
    """Whether it is a component."""
    return bool(dependency.component)


def place(library: Library) -> Mapping[str, bytes]:
    """The component's folder."""
    name = library.name
    how = (
        f"Copy this folder to components/{name} of your project, add `REQUIRES {name}` to your own component, and\n"
        f"`#include <{name}.h>`. In examples/check, `idf.py set-target CHIP flash monitor` runs the check."
    )
    if library.dependency is not None:
        how += f"\nESP-IDF's component manager fetches {library.dependency.title}, which it needs."
    return {
        "CMakeLists.txt": library.text("espidf/CMakeLists.txt.j2"),
        "idf_component.yml": library.text("espidf/idf_component.yml.j2"),
        f"include/{name}.h": library.header(),
        f"include/{name}_check.h": library.check(),
        **library.sources("src/"),
        "examples/check/CMakeLists.txt": library.text("espidf/project.txt.j2"),
        "examples/check/main/CMakeLists.txt": library.text("espidf/main.txt.j2"),
        "examples/check/main/main.c": library.text("espidf/main.c.j2"),
        **library.notes(how),
    }
