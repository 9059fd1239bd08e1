"""A CMake project: a static library with an install target, and an example that is also the test."""

from collections.abc import Mapping

from ._library import Library

SUMMARY = "a CMake project: a library with an install target, and an example that is also the test"


def place(library: Library) -> Mapping[str, bytes]:
    """The whole project, for add_subdirectory() or, once installed, find_package()."""
    name = library.name
    how = (
        f"In your project: `add_subdirectory({name})`, then `target_link_libraries(app {name}::{name})`.\n"
        "`cmake -B build && cmake --build build && ctest --test-dir build -V` runs the example."
    )
    return {
        "CMakeLists.txt": library.text("cmake/CMakeLists.txt.j2"),
        f"include/{name}.h": library.header(),
        f"include/{name}_check.h": library.check(),
        f"src/{name}.cpp": library.source(),
        "example/main.c": library.text("main.c.j2"),
        **library.notes(how),
    }
