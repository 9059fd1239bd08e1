"""The CMake project: its test, installation, two models in one program, and cross compilers."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile
from port_project import require_for
from run_cmake import GENERATOR, NEEDED, cmake, configure, ctest
from test_export_platformio import PROGRAM as USER_PROGRAM
from test_export_platformio import printed

from tools import targets

pytestmark = NEEDED

PROGRAM = """
#include <stdio.h>
#include <flatten.h>
#include <flatten_check.h>
#include <stream.h>
#include <stream_check.h>

static uint32_t now;
static uint32_t tick(void) { return now += 50; }
static void show(const char *line) { puts(line); }

int main(void) {
    int failed = 0;
    for (int i = 0; i < 2; ++i) failed += flatten_check(tick, show) + stream_check(tick, show);
    return failed;
}
"""


@pytest.mark.parametrize("target", ["host", "stm32f4"])
def test_its_own_test_passes(export, tmp_path: Path, target: str) -> None:
    """Kernels for the DSP extension give the same results without it."""
    configure(export("flatten", "cmake", target), tmp_path)
    cmake("--build", tmp_path)
    assert "PASS: flatten, 10 samples" in ctest(tmp_path)


@pytest.mark.parametrize("way", ["add_subdirectory", "find_package"])
def test_two_models_in_one_program(export, tmp_path: Path, way: str) -> None:
    """A C program that uses a library in either way."""
    lines = ["cmake_minimum_required(VERSION 3.16)", "project(app C CXX)", "add_executable(app main.c)"]
    for model in ("flatten", "stream"):
        folder = export(model, "cmake")
        if way == "find_package":
            configure(folder, tmp_path / model)
            cmake("--build", tmp_path / model)
            cmake("--install", tmp_path / model, "--prefix", tmp_path / "installed")
            lines.append(f"find_package({model} CONFIG REQUIRED)")
        else:
            lines.append(f"add_subdirectory({folder} {model})")
        lines.append(f"target_link_libraries(app {model}::{model})")
    app = tmp_path / "app"
    app.mkdir()
    (app / "CMakeLists.txt").write_text("\n".join(lines) + "\n")
    (app / "main.c").write_text(PROGRAM)
    configure(app, app / "build", f"-DCMAKE_PREFIX_PATH={tmp_path / 'installed'}")
    cmake("--build", app / "build")
    done = subprocess.run([app / "build" / "app"], capture_output=True, text=True)
    passed = [f"PASS: {model}, 10 samples, 50 us each" for model in ("flatten", "stream")]
    assert (done.returncode, done.stdout.splitlines()) == (0, passed * 2)


@pytest.mark.emulator
@pytest.mark.skipif(shutil.which("arm-none-eabi-g++") is None, reason="needs arm-none-eabi-g++")
@pytest.mark.parametrize(("target", "core"), [("stm32f4", "cortex-m4"), ("mps3-an547", "cortex-m55")])
def test_it_is_compiled_for_a_microcontroller(export, tmp_path: Path, target: str, core: str) -> None:
    flags = f"-mcpu={core} -mthumb -mfloat-abi=hard{' -mfpu=fpv4-sp-d16' if core == 'cortex-m4' else ''}"
    toolchain = tmp_path / "toolchain.cmake"
    toolchain.write_text(
        "set(CMAKE_SYSTEM_NAME Generic)\nset(CMAKE_SYSTEM_PROCESSOR arm)\n"
        "set(CMAKE_C_COMPILER arm-none-eabi-gcc)\nset(CMAKE_CXX_COMPILER arm-none-eabi-g++)\n"
        f'set(CMAKE_C_FLAGS_INIT "{flags}")\nset(CMAKE_CXX_FLAGS_INIT "{flags} -Wall -Wextra -Werror")\n'
        "set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)\n"
    )
    folder = export("flatten", "cmake", target)
    cmake("-S", folder, "-B", tmp_path / "build", *GENERATOR, f"-DCMAKE_TOOLCHAIN_FILE={toolchain}")
    cmake("--build", tmp_path / "build")
    subprocess.run(["arm-none-eabi-ar", "x", "build/libflatten.a"], cwd=tmp_path, check=True)
    objects = list(tmp_path.glob("*.o*"))
    assert len(objects) == 1
    with objects[0].open("rb") as stream:
        assert ELFFile(stream)["e_machine"] == "EM_ARM"
    names = subprocess.run(["arm-none-eabi-nm", objects[0]], capture_output=True, text=True, check=True).stdout
    assert ("helium" if core == "cortex-m55" else "BlockAssembly") in names


@pytest.mark.emulator
@pytest.mark.skipif(shutil.which("arm-none-eabi-g++") is None, reason="needs arm-none-eabi-g++")
def test_the_wrong_core_is_said(export, tmp_path: Path) -> None:
    folder = export("flatten", "cmake", "mps3-an547")
    command = ["arm-none-eabi-g++", "-mcpu=cortex-m4", "-mthumb", "-std=c++17", f"-I{folder / 'include'}", "-c"]
    done = subprocess.run([*command, folder / "src" / "flatten.cpp"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode != 0
    assert "was exported for cortex-m55: compile it with -mcpu=cortex-m55" in done.stderr


@pytest.mark.emulator
def test_models_run_on_risc_v(export, tmp_path: Path) -> None:
    """Both models in one program, one of them with state, built by CMake for bare metal and run in QEMU."""
    target = targets.find("riscv32")
    require_for(target)
    firmware = targets.ROOT / "firmware"
    board = json.loads((firmware / "platform" / "boards" / f"{target.board}.json").read_text())
    build, limits = board["build"], board["upload"]
    prefix = build["toolchain_prefix"]
    flags = " ".join([*build["core_flags"], f"--specs={build['specs']}"])
    symbols = {
        **build["memory"],
        "flash_size": limits["maximum_size"],
        "ram_size": limits["maximum_ram_size"],
    }
    options = ["-nostartfiles", f"-T{firmware}/platform/baremetal.ld", "-Wl,--gc-sections"]
    options += [f"-Wl,--defsym=__{name}={value}" for name, value in symbols.items()]
    models = ("flatten", "stream")
    (tmp_path / "models.h").write_text(
        "".join(f"#include <{model}.h>\n#include <{model}_check.h>\n" for model in models)
        + "static int (*const checks[])(uint32_t (*)(), void (*)(const char*)) = {flatten_check, stream_check};\n"
    )
    (tmp_path / "toolchain.cmake").write_text(
        "set(CMAKE_SYSTEM_NAME Generic)\nset(CMAKE_SYSTEM_PROCESSOR riscv32)\n"
        f"set(CMAKE_C_COMPILER {prefix}gcc)\nset(CMAKE_CXX_COMPILER {prefix}g++)\n"
        f'set(CMAKE_C_FLAGS_INIT "{flags}")\nset(CMAKE_CXX_FLAGS_INIT "{flags} -Wall -Wextra -Werror")\n'
        "set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)\n"
    )
    (tmp_path / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.16)\nproject(app C CXX)\nset(CMAKE_CXX_STANDARD 17)\n"
        + "".join(f"add_subdirectory({export(model, 'cmake', 'riscv32')} {model})\n" for model in models)
        + f"file(GLOB port {firmware}/ports/riscv/*.cpp {firmware}/baremetal/*.cpp)\n"
        f"add_executable(app {USER_PROGRAM} ${{port}})\n"
        f"target_include_directories(app PRIVATE ${{CMAKE_SOURCE_DIR}} {firmware})\n"
        "target_compile_options(app PRIVATE -fno-exceptions -fno-rtti -fno-threadsafe-statics)\n"
        f"target_link_options(app PRIVATE {' '.join(options)})\n"
        "set_target_properties(app PROPERTIES LINKER_LANGUAGE C)\n"  # g++ would look for the C++ library
        f"target_link_libraries(app PRIVATE {' '.join(models)} m)\n"
    )
    cmake("-S", tmp_path, "-B", tmp_path / "build", *GENERATOR, f"-DCMAKE_TOOLCHAIN_FILE={tmp_path}/toolchain.cmake")
    cmake("--build", tmp_path / "build")
    lines = [re.sub(r"\d+ us", "N us", line) for line in printed(tmp_path / "build" / "app", target)]
    assert lines == [*(f"PASS: {model}, 10 samples, N us each" for model in models), "end"]
