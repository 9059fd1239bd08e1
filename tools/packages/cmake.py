"""A CMake project: a static library with an install target, and an example that is also the test."""

from collections.abc import Mapping

from ..runtimes import Dependency
from ._library import Library

SUMMARY = "a CMake project: a library with an install target, and an example that is also the test"


def declares(dependency: Dependency) -> bool:
    """Always: the user says in which folder it is."""
    return True


def place(library: Library) -> Mapping[str, bytes]:
    """The whole project, for add_subdirectory() or, once installed, find_package()."""
    name = library.name
    how = (
        f"In your project: `add_subdirectory({name})`, then `target_link_libraries(app {name}::{name})`.\n"
        "`cmake -B build && cmake --build build && ctest --test-dir build -V` runs the example."
    )
    files = {"CMakeLists.txt": library.text("cmake/CMakeLists.txt.j2")}
    if library.dependency is not None:
        script = f"cmake/{library.dependency.name}.cmake"
        files[script] = library.text(f"{script}.j2")
        how += (
            f"\nIt needs the sources of {library.dependency.title} or of another version of TFLM: give their folder,\n"
            f"as in `cmake -B build -DTFLM_DIR=path/to/it`. {script} compiles them once for all models."
        )
    return {
        **files,
        f"include/{name}.h": library.header(),
        f"include/{name}_check.h": library.check(),
        **library.sources("src/"),
        "example/main.c": library.text("main.c.j2"),
        **library.notes(how),
    }
