"""A project can be built and run in a folder with any path; a path that a tool cannot handle is refused."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from port_project import Silent, Stub, linked, project, require

from tools import build, scons, targets, write
from tools.errors import BuildError
from tools.transports import host, qemu

ODD = ("sp ace/ünï,cödé", 'it\'s "R&D" (2)/a;b ;c, *[d]?/<e>|{f}`g`\\h/#%!~=:@-日本')


@pytest.mark.compiler
@pytest.mark.parametrize("name", ODD, ids=["plausible", "everything"])
def test_the_host_port(tmp_path: Path, name: str) -> None:
    require("g++")
    image = linked(targets.find("host"), tmp_path / name)
    with host.open(image.elf) as line:
        Stub(line).meet()


@pytest.mark.emulator
@pytest.mark.parametrize("name", ODD, ids=["plausible", "everything"])
def test_the_stm32f4_in_qemu_with_shared_objects(tmp_path: Path, name: str) -> None:
    require("arm-none-eabi-g++", "qemu-system-arm")
    target = targets.find("stm32f4")
    made, folder = project(target), tmp_path / name / "project"
    write.write(made, folder)
    settings = build.shared(tmp_path / name / "cache", made, target)
    image = build.build(folder, made, target, Silent(), settings)
    assert (image.elf.with_suffix(".map")).is_file()
    with qemu.open(image.elf, target.emulators["qemu"]) as line:
        Stub(line).meet()
    assert not build.build(folder, made, target, Silent(), settings).rebuilt


@pytest.mark.emulator
def test_the_same_by_hand(tmp_path: Path) -> None:
    """`pio run` in a folder that `render --out` has written."""
    require("arm-none-eabi-g++")
    folder = tmp_path / ODD[0]
    write.write(project(targets.find("stm32f4")), folder)
    scons.bootstrap(Silent())
    command = [sys.executable, "-m", "platformio", "run"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.emulator
def test_a_library_whose_path_has_a_space(tmp_path: Path) -> None:
    """As KERF_TFLM_LIB names one."""
    require("arm-none-eabi-g++")
    library = tmp_path / ODD[0] / "tiny"
    (library / "src").mkdir(parents=True)
    (library / "library.json").write_text('{"name": "tiny", "version": "1.0.0"}')
    (library / "src" / "tiny.h").write_text("int tiny();\n")
    (library / "src" / "tiny.cpp").write_text('#include "tiny.h"\nint tiny() { return 1; }\n')
    target = targets.find("stm32f4")
    made = project(target, "#include <tiny.h>\nint volatile kept = tiny();\n")
    options = f"lib_deps =\n    symlink://{library}\nlib_compat_mode = off\n"
    files = {**made.files, "platformio.ini": made.files["platformio.ini"] + options.encode()}
    made = replace(made, files=files, library=f"symlink://{library}")
    write.write(made, tmp_path / "project")
    settings = build.shared(tmp_path / "cache", made, target)
    assert not build.is_fetched(made, settings)
    build.fetch_library(tmp_path / "project", made, target, Silent(), settings)
    assert build.is_fetched(made, settings)
    assert build.build(tmp_path / "project", made, target, Silent(), settings).rebuilt


def test_what_scons_takes_for_a_variable(tmp_path: Path) -> None:
    with pytest.raises(
        BuildError, match=r"^SCons takes the \$ in .*/co\$t for a variable and cannot build there: move"
    ):
        linked(targets.find("stm32f4"), tmp_path / "co$t")


def test_a_space_where_esp_idf_builds(tmp_path: Path) -> None:
    made, target = project(targets.find("stm32f4")), targets.find("esp32")
    with pytest.raises(
        BuildError, match=r"^esp32 cannot be built in .*/sp ace, because the path contains a space: move"
    ):
        build.build(tmp_path / "sp ace", made, target, Silent())


@pytest.mark.parametrize("library", ["symlink://{}/it's", "owner/library@1.0.0"])
def test_a_library_that_no_shell_could_name(tmp_path: Path, library: str) -> None:
    target = targets.find("stm32f4")
    made = replace(project(target), library=library.format(tmp_path))
    settings = build.shared(tmp_path / "it's" / "cache", made, target)
    with pytest.raises(
        BuildError, match=r"^PlatformIO cannot build a library in .*, because the path contains ': move it$"
    ):
        build.build(tmp_path, made, target, Silent(), settings)
