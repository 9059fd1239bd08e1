"""The ESP-IDF component and the Zephyr module: their CMake files and examples, with stand-ins for the SDKs."""

import re
import subprocess
from pathlib import Path

import pytest
from port_project import require
from run_cmake import NEEDED, cmake, configure

pytestmark = NEEDED
VENDOR = Path(__file__).parent / "vendor"
SDK = "pip install -e .[sdk]"
# SDK → its CMake functions, with which an export's files build an executable `check`.
STAND_INS = {
    "espidf": """
function(idf_component_register)
    cmake_parse_arguments(A "" "" "SRCS;INCLUDE_DIRS;REQUIRES" ${{ARGN}})
    set(COMPONENT_LIB ${{kind}} PARENT_SCOPE)
    if(kind STREQUAL check)
        add_executable(check ${{A_SRCS}} {main})
        if(NOT A_REQUIRES STREQUAL "{folder_name};esp_timer")
            message(FATAL_ERROR "it requires ${{A_REQUIRES}}")
        endif()
        target_link_libraries(check component)
    else()
        add_library(component STATIC ${{A_SRCS}})
        target_include_directories(component PUBLIC ${{A_INCLUDE_DIRS}})
    endif()
endfunction()
set(kind component)
add_subdirectory({folder} component)
set(kind check)
add_subdirectory({folder}/examples/check/main check)
""",
    "zephyr": """
macro(zephyr_library_named name)
    set(library ${{name}})
    add_library(${{name}} STATIC)
endmacro()
macro(zephyr_library_sources)
    target_sources(${{library}} PRIVATE ${{ARGN}})
endmacro()
macro(zephyr_library_compile_options)
    target_compile_options(${{library}} PRIVATE ${{ARGN}})
endmacro()
macro(zephyr_include_directories)
    include_directories(${{ARGN}})
    target_include_directories(${{library}} PUBLIC ${{ARGN}})
endmacro()
set(CONFIG_FLATTEN_MODEL y)
set(CONFIG_STREAM_MODEL y)
set(CONFIG_ONE_MODEL y)
add_subdirectory({folder}/zephyr module)
add_executable(check {folder}/samples/check/src/main.c)
target_link_libraries(check {model})
""",
}


# Compiler → options for it, of cores that both SDKs support.
COMPILERS = {
    "arm-none-eabi": "-mcpu=cortex-m4 -mthumb -mfloat-abi=hard -mfpu=fpv4-sp-d16",
    "riscv64-unknown-elf": "-march=rv32imac -mabi=ilp32 -specs=picolibc.specs",
}


def project(folder: Path, sdk: str, export: Path, model: str, first: str = "") -> Path:
    """A CMake project in ``folder`` that builds an export with the stand-ins of an SDK, after what ``first`` says."""
    main = folder / "main.c"
    main.write_text("void app_main(void);\nint main(void) { app_main(); return 0; }\n")
    stand_ins = STAND_INS[sdk].format(folder=export, folder_name=export.name, main=main, model=model)
    (folder / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.16)\nproject(stand_in C CXX)\nset(CMAKE_CXX_STANDARD 17)\n"
        f"{first}include_directories({VENDOR})\n{stand_ins}"
    )
    return folder


def said(folder: Path) -> str:
    """What the project's program prints."""
    configure(folder, folder / "build")
    cmake("--build", folder / "build")
    program = next(path for path in (folder / "build").rglob("check") if path.is_file())
    return subprocess.run([program], capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("model", ["flatten", "stream"])
@pytest.mark.parametrize("sdk", STAND_INS)
def test_the_check_passes(export, tmp_path: Path, sdk: str, model: str) -> None:
    assert said(project(tmp_path, sdk, export(model, sdk), model)) == f"PASS: {model}, 10 samples, 50 us each\n"


@pytest.mark.parametrize("compiler", COMPILERS)
@pytest.mark.parametrize("sdk", STAND_INS)
def test_it_compiles_for_a_microcontroller(export, tmp_path: Path, sdk: str, compiler: str) -> None:
    require(f"{compiler}-g++")
    options = {
        "SYSTEM_NAME": "Generic",
        "TRY_COMPILE_TARGET_TYPE": "STATIC_LIBRARY",
        "C_COMPILER": f"{compiler}-gcc",
        "CXX_COMPILER": f"{compiler}-g++",
    }
    first = f"add_compile_options({COMPILERS[compiler]} $<$<COMPILE_LANGUAGE:CXX>:-fno-rtti>)\n"
    project(tmp_path, sdk, export("flatten", sdk), "flatten", first)
    configure(tmp_path, tmp_path / "build", *(f"-DCMAKE_{name}={value}" for name, value in options.items()))
    cmake("--build", tmp_path / "build", "--target", "component" if sdk == "espidf" else "flatten")
    assert next((tmp_path / "build").rglob("*.a")).stat().st_size > 0


def test_the_manifest_of_the_component(export) -> None:
    """ESP-IDF's component manager requires a semantic version, quoted text and a range of ESP-IDF versions."""
    lines = (export("flatten", "espidf") / "idf_component.yml").read_text().splitlines()
    assert re.fullmatch(r'version: "\d+\.\d+\.\d+(\+[0-9a-f]{8})?"', lines[0])
    assert re.fullmatch(r'description: "[^"\\]+"', lines[1])
    assert lines[2:] == ["dependencies:", '  idf: ">=5.0"']


def test_the_component_manager_accepts_the_component(export) -> None:
    manager = pytest.importorskip("idf_component_tools.manager", reason=f"needs ESP-IDF's component manager: {SDK}")
    for model in ("flatten", "stream"):
        manifest = manager.ManifestManager(str(export(model, "espidf")), model).validate()
        assert manifest.validation_errors == []
        assert manifest.load().dependencies == {"idf": ">=5.0"}


def test_the_manifest_of_the_module(export) -> None:
    """The folders that it names contain what Zephyr looks for."""
    folder = export("flatten", "zephyr")
    lines = (folder / "zephyr" / "module.yml").read_text().splitlines()
    assert lines == ["name: flatten", "build:", "  cmake: zephyr", "  kconfig: zephyr/Kconfig"]
    assert (folder / "zephyr" / "CMakeLists.txt").is_file() and (folder / "zephyr" / "Kconfig").is_file()
    assert "CONFIG_FLATTEN_MODEL=y" in (folder / "samples" / "check" / "prj.conf").read_text().splitlines()
    assert "config FLATTEN_MODEL" in (folder / "zephyr" / "Kconfig").read_text().splitlines()


@pytest.mark.parametrize("model", ["flatten", "stream"])
def test_kconfig_turns_the_module_on(export, tmp_path: Path, model: str) -> None:
    """With the symbols of Zephyr's that it uses, and the sample's configuration."""
    kconfiglib = pytest.importorskip("kconfiglib", reason=f"needs kconfiglib: {SDK}")
    folder = export(model, "zephyr")
    (tmp_path / "Kconfig").write_text(
        f'config CPP\n\tbool\nconfig PRINTK\n\tbool "printk"\nsource "{folder}/zephyr/Kconfig"\n'
    )
    symbols = kconfiglib.Kconfig(str(tmp_path / "Kconfig"), warn_to_stderr=False)
    assert symbols.syms["CPP"].str_value == "n"
    symbols.load_config(str(folder / "samples" / "check" / "prj.conf"))
    assert symbols.warnings == []
    assert [symbols.syms[name].str_value for name in (f"{model.upper()}_MODEL", "CPP", "PRINTK")] == ["y"] * 3
