"""Exports with runtime tflm: with a stand-in for TFLM everywhere, with the real library where KERF_TFLM_LIB names it.

Compiled the first time, the real library takes some minutes; then it is in build/.cache.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import test_export_components
import tflm
from port_project import require
from run_cmake import CMAKE, NEEDED, cmake, configure, ctest
from single_op import TensorSpec, single_op
from test_export_library import symbols
from test_export_platformio import printed, users_project

from tools import pipeline, targets
from tools.errors import UsageError
from tools.pipeline import places
from tools.progress import Progress
from tools.runtimes import tflm as runtime
from tools.values import Request

HERE = Path(__file__).parent
UNIT = Path(__file__).parents[1] / "unit"
PROGRAM = """
#include <stdio.h>
{includes}
static uint32_t now;
static uint32_t tick(void) {{ return now += 50; }}
static void show(const char *line) {{ puts(line); }}

int main(void) {{
    int failed = 0;
    for (int i = 0; i < 2; ++i) failed += {checks};
    return failed;
}}
"""
Export = Callable[..., Path]


def program(models: tuple[str, ...]) -> str:
    """A C program that runs the checks of these models twice, in turn."""
    includes = "".join(f"#include <{name}.h>\n#include <{name}_check.h>\n" for name in models)
    return PROGRAM.format(includes=includes, checks=" + ".join(f"{name}_check(tick, show)" for name in models))


def passed(models: tuple[str, ...]) -> list[str]:
    """What the program prints."""
    return [f"PASS: {name}, 10 samples, 50 us each" for name in models] * 2


@pytest.fixture(scope="module")
def reshape(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that is one RESHAPE, which the stand-in can run."""
    shape = TensorSpec((2,), "int32", data=np.array([4, 3], np.int32))
    x, y = (TensorSpec(shape, "int8", 0.5, 3, name=name) for shape, name in (((3, 4), "x"), ((4, 3), "y")))
    model = tmp_path_factory.mktemp("model") / "reshape.tflite"
    model.write_bytes(single_op("RESHAPE", [x, shape], [y], "ReshapeOptions"))
    return model


@pytest.fixture(scope="module")
def made(build_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Export:
    """A function: made(model, "cmake", "one") returns an export named `one`, which tests must not change."""
    known: dict[tuple[str, ...], Path] = {}

    def folder(model: str | Path, format: str, name: str, target: str = "stm32f4", runtime: str = "tflm") -> Path:
        key = (str(model), format, name, target, runtime)
        if key not in known:
            out = tmp_path_factory.mktemp(format) / name
            pipeline.export(Request(model=str(model), target=target, runtime=runtime), Progress(), format, out, name)
            known[key] = out
        return known[key]

    return folder


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> None:
    """The board table's own libraries."""
    monkeypatch.delenv(targets.TFLM_LIB, raising=False)


@pytest.mark.parametrize(
    ("format", "target", "runtime", "said"),
    [
        (
            "espidf",
            "stm32f4",
            "tflm",
            r"espidf cannot declare Chirale_TensorFLowLite 2.0.0.*: use --format arduino, cm",
        ),
        (
            "arduino",
            "esp32",
            "tflm",
            r"arduino cannot declare esp-tflite-micro 1.4.0.*: use --format cmake, espidf",
        ),
        ("platformio", "esp32", "tflm", r"platformio cannot declare esp-tflite-micro 1.4.0"),
        ("cmake", "host", "tflm", r"has no firmware for host: export for the --target of your microcontroller"),
    ],
)
def test_what_cannot_be_declared_is_refused(
    registry: None, tmp_path: Path, format: str, target: str, runtime: str, said: str
) -> None:
    ask = Request(model="no.tflite", runtime=runtime, target=target)  # refused before the model is read
    with pytest.raises(UsageError, match=said):
        pipeline.export(ask, Progress(), format, tmp_path / "out")


def cmake_project(folder: Path, exports: dict[str, Path], library: Path) -> Path:
    """The program of a CMake project that uses these exports, and its build folder."""
    lines = ["cmake_minimum_required(VERSION 3.16)", "project(app C CXX)", "add_executable(app main.c)"]
    for name, export in exports.items():
        lines += [f"add_subdirectory({export} {name})", f"target_link_libraries(app {name}::{name})"]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "CMakeLists.txt").write_text("\n".join(lines) + "\n")
    (folder / "main.c").write_text(program(tuple(exports)))
    configure(folder, folder / "build", f"-DTFLM_DIR={library}")
    cmake("--build", folder / "build")
    return folder / "build" / "app"


def lines(program: Path) -> list[str]:
    return subprocess.run([program], capture_output=True, text=True, check=True).stdout.splitlines()


class TestCMake:
    """The CMake project with the stand-in."""

    pytestmark = NEEDED

    def test_models_of_both_runtimes_in_one_program(
        self, registry: None, made: Export, reshape: Path, tmp_path: Path
    ) -> None:
        exports = {name: made(reshape, "cmake", name) for name in ("one", "two")}
        exports["three"] = made(reshape, "cmake", "three", runtime="aot")
        library = tflm.stand_in(tmp_path / "tflm")
        tflm.add_cmsis_nn(library)
        assert lines(cmake_project(tmp_path / "app", exports, library)) == passed(("one", "two", "three"))

    def test_its_own_test_passes_with_a_target_of_the_users(
        self, registry: None, made: Export, reshape: Path, tmp_path: Path
    ) -> None:
        library = tflm.stand_in(tmp_path / "tflm")
        (tmp_path / "CMakeLists.txt").write_text(
            "cmake_minimum_required(VERSION 3.16)\nproject(app C CXX)\n"
            f"add_library(tflm STATIC {' '.join(map(str, tflm.sources(library)))})\n"
            f"target_include_directories(tflm PUBLIC {library}/src)\ntarget_compile_features(tflm PUBLIC cxx_std_17)\n"
            f"add_subdirectory({made(reshape, 'cmake', 'one')} one)\nadd_executable(app main.c)\n"
            "target_link_libraries(app one::one)\n"
        )
        (tmp_path / "main.c").write_text(program(("one",)))
        configure(tmp_path, tmp_path / "build")
        cmake("--build", tmp_path / "build")
        assert lines(tmp_path / "build" / "app") == passed(("one",))

    def test_alone_and_installed(self, registry: None, made: Export, reshape: Path, tmp_path: Path) -> None:
        library = tflm.stand_in(tmp_path / "tflm")
        configure(made(reshape, "cmake", "one"), tmp_path / "build", f"-DTFLM_DIR={library}")
        cmake("--build", tmp_path / "build")
        assert "PASS: one, 10 samples" in ctest(tmp_path / "build")
        cmake("--install", tmp_path / "build", "--prefix", tmp_path / "installed")
        config = (tmp_path / "installed" / "lib" / "cmake" / "one" / "one-config.cmake").read_text()
        assert "one::one" in config and "tflm" not in config

    def test_a_missing_library_is_said(self, registry: None, made: Export, reshape: Path, tmp_path: Path) -> None:
        script = made(reshape, "cmake", "one") / "cmake" / "tflm.cmake"
        for options in ([], [f"-DTFLM_DIR={tmp_path}"]):
            done = subprocess.run([CMAKE or "", *options, "-P", script], capture_output=True, text=True)
            assert done.returncode != 0
            said = " ".join(done.stderr.split())
            assert "one needs TFLite Micro" in said and "set -DTFLM_DIR=... to a copy of Chirale_TensorFLow" in said


@pytest.mark.compiler
@pytest.mark.skipif(shutil.which("g++") is None, reason="needs g++: sudo apt-get install g++")
def test_every_symbol_carries_the_name_and_lies_where_the_macros_say(
    registry: None, made: Export, reshape: Path, tmp_path: Path
) -> None:
    """TFLM's own aside, and a function that some libraries leave to the program."""
    folder, library = made(reshape, "cmake", "one"), tflm.stand_in(tmp_path / "tflm")
    placed = [f'-DONE_{what}_ATTRIBUTE=__attribute__((section(".{what.lower()}")))' for what in ("ARENA", "WEIGHTS")]
    command = ["g++", "-std=c++17", "-O2", "-fno-exceptions", "-fno-rtti", "-Wall", "-Wextra", "-Werror", *placed]
    include = [f"-I{folder / 'include'}", f"-I{library / 'src'}"]
    subprocess.run([*command, *include, "-c", folder / "src" / "one.cpp", "-o", tmp_path / "one.o"], check=True)
    found = symbols(tmp_path / "one.o")
    assert {"one_setup", "one_invoke", "one_input", "one_output", "one_arena_memory"} <= set(found)
    foreign = [name for name in found if not re.match(r"one_|_Z\w*8kerf_one", name)]
    assert sorted(name for name in foreign if "6tflite" not in name) == ["DebugLog"]
    assert (found["one_arena"], found["one_constant_model"]) == (".arena", ".weights")
    assert not [name for name in found if name.startswith(("_Znw", "malloc"))]


@pytest.mark.compiler
@pytest.mark.skipif(shutil.which("g++") is None, reason="needs g++: sudo apt-get install g++")
@pytest.mark.parametrize("standard", ["gnu++14", "gnu++17"])
def test_the_sketch_passes(registry: None, made: Export, reshape: Path, tmp_path: Path, standard: str) -> None:
    """With the library that library.properties names, and the header of it that the sketch includes."""
    folder, library = made(reshape, "arduino", "one") / "one", tflm.stand_in(tmp_path / "tflm")
    assert "\ndepends=Chirale_TensorFLowLite\n" in (folder / "library.properties").read_text()
    sketch = folder / "examples" / "one_check" / "one_check.ino"
    assert "#include <Chirale_TensorFlowLite.h>\n" in sketch.read_text()
    flags = [f"-I{path}" for path in (folder / "src", library / "src", HERE / "vendor")]
    sources = [["-x", "c++", "-include", "Arduino.h", sketch]]
    sources += [[path] for path in (folder / "src" / "one.cpp", *tflm.sources(library))]
    objects = []
    for source in sources:
        objects.append(tmp_path / f"{len(objects)}.o")
        subprocess.run(["g++", f"-std={standard}", "-w", *flags, *source, "-c", "-o", objects[-1]], check=True)
    subprocess.run(["g++", *objects, "-o", tmp_path / "sketch"], check=True)
    assert re.fullmatch(r"PASS: one, 10 samples, \d+ us each", *lines(tmp_path / "sketch"))


@pytest.mark.compiler
def test_pio_run_builds_models_with_the_library(
    made: Export, reshape: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder in lib_deps satisfies the dependency of the exports; its Arduino part is left out."""
    require("g++")
    library, project = tflm.stand_in(tmp_path / "tflm"), tmp_path / "project"
    monkeypatch.setenv(targets.TFLM_LIB, str(library))
    (library / "src" / "peripherals").mkdir()
    (library / "src" / "peripherals" / "serial.cpp").write_text('#error "needs the Arduino API"\n')
    exports = {name: made(reshape, "platformio", name) for name in ("local1", "local2")}
    files = [path for export in exports.values() for path in export.rglob("*") if path.is_file()]
    assert not [path for path in files if str(tmp_path) in path.read_text()]
    (project / "src").mkdir(parents=True)
    (project / "src" / "main.c").write_text(program(tuple(exports)))
    libraries = "".join(f"\n    symlink://{path}" for path in (library, *exports.values()))
    ini = (
        f"[env:app]\nplatform = symlink://{targets.ROOT}/firmware/platform\nboard = host\nbuild_flags = -lm\n"
        f"lib_deps ={libraries}\nextra_scripts = pre:{exports['local1']}/tflm.py\n"
    )
    settings = {"PLATFORMIO_SETTING_ENABLE_TELEMETRY": "no", "PLATFORMIO_PLATFORMS_DIR": str(tmp_path / "platforms")}

    def run(more: str) -> "subprocess.CompletedProcess[str]":
        (project / "platformio.ini").write_text(ini + more)
        command = [sys.executable, "-m", "platformio", "run", "-d", str(project)]
        return subprocess.run(command, env={**os.environ, **settings}, capture_output=True, text=True)

    done = run("")
    assert done.returncode != 0 and "set lib_compat_mode = off in platformio.ini" in done.stderr
    done = run("lib_compat_mode = off\n")
    assert done.returncode == 0, done.stdout + done.stderr
    assert lines(project / ".pio" / "build" / "app" / "firmware.elf") == passed(tuple(exports))


def test_a_manifest_names_the_library_as_others_find_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A registry spec as it is, a URL as a URL, and a folder of this machine by the name of the library in it."""
    url = "https://example.com/tflm.git#v3"
    name = {"name": "Chirale_TensorFLowLite"}
    declared = {
        "spaziochirale/Chirale_TensorFLowLite@^2.0.0": {"owner": "spaziochirale", **name, "version": "^2.0.0"},
        url: {"name": "tflm", "version": url},
        str(tflm.stand_in(tmp_path / "tflm")): {**name, "version": "2.0.0"},
    }
    for spec, manifest in declared.items():
        monkeypatch.setenv(targets.TFLM_LIB, spec)
        found = runtime.library(targets.find("stm32f4"))
        assert found is not None and found.manifest == manifest


class TestSDKs:
    """ESP-IDF and Zephyr, with stand-ins for them and for the library, which they add as the export's manifest says."""

    pytestmark = NEEDED

    @pytest.mark.parametrize(("sdk", "target"), [("espidf", "esp32"), ("zephyr", "stm32f4")])
    def test_the_check_passes(
        self, registry: None, made: Export, reshape: Path, tmp_path: Path, sdk: str, target: str
    ) -> None:
        library = tflm.stand_in(tmp_path / "tflm")
        first = (
            f"add_library(tflm STATIC {' '.join(map(str, tflm.sources(library)))})\n"
            f"target_include_directories(tflm PUBLIC {library}/src)\nlink_libraries(tflm)\n"
        )
        folder = test_export_components.project(tmp_path, sdk, made(reshape, sdk, "one", target), "one", first)
        assert test_export_components.said(folder) == "PASS: one, 10 samples, 50 us each\n"


def test_the_component_manager_accepts_the_component(registry: None, made: Export, reshape: Path) -> None:
    folder = made(reshape, "espidf", "one", "esp32")
    assert '\n  espressif/esp-tflite-micro: "1.4.0"\n' in (folder / "idf_component.yml").read_text()
    reason = "needs ESP-IDF's component manager: pip install -e .[sdk]"
    manager = pytest.importorskip("idf_component_tools.manager", reason=reason)
    manifest = manager.ManifestManager(str(folder), "one").validate()
    assert manifest.validation_errors == []
    assert manifest.load().dependencies == {"idf": ">=5.0", "espressif/esp-tflite-micro": "1.4.0"}


def test_kconfig_turns_the_library_on(registry: None, made: Export, reshape: Path, tmp_path: Path) -> None:
    folder = made(reshape, "zephyr", "one")
    assert (folder / "zephyr" / "module.yml").read_text().endswith("  depends:\n    - tflite-micro\n")
    kconfiglib = pytest.importorskip("kconfiglib", reason="needs kconfiglib: pip install -e .[sdk]")
    zephyrs = ("CPP", "TENSORFLOW_LITE_MICRO", "REQUIRES_FULL_LIBCPP", "PRINTK")
    (tmp_path / "Kconfig").write_text(
        "".join(f'config {name}\n\tbool "{name}"\n' for name in zephyrs) + f'source "{folder}/zephyr/Kconfig"\n'
    )
    found = kconfiglib.Kconfig(str(tmp_path / "Kconfig"), warn_to_stderr=False)
    found.load_config(str(folder / "samples" / "check" / "prj.conf"))
    assert found.warnings == []
    assert [found.syms[name].str_value for name in zephyrs] == ["y"] * len(zephyrs)


# Name → model and runtime. The second keeps state.
PROGRAM_MODELS = {
    "digits": ("digits", "tflm"),
    "stream": (UNIT / "stream.tflite", "tflm"),
    "plain": (UNIT / "flatten.tflite", "aot"),
}


@pytest.fixture(scope="module")
def library() -> Path:
    """The real library's folder."""
    named = os.environ.get(targets.TFLM_LIB, "")
    if not Path(named or "-").is_dir():
        pytest.skip(f"{targets.TFLM_LIB} names no folder with a TFLM library")
    return Path(named).resolve()


@pytest.mark.tf
@pytest.mark.emulator
@pytest.mark.timeout(3600)
class TestWithTheRealLibrary:
    """A program with a trained model, one that keeps state, and one of runtime aot."""

    def exports(self, made: Export, format: str) -> dict[str, Path]:
        models = PROGRAM_MODELS.items()
        return {name: made(model, format, name, runtime=runtime) for name, (model, runtime) in models}

    @pytest.mark.skipif(CMAKE is None, reason="needs CMake: pip install cmake")
    def test_cmake_on_this_machine(self, made: Export, library: Path) -> None:
        """With pointers of 64 bits."""
        require("g++")
        folder = places.cache() / "export-tflm"  # whose objects of the library are kept
        assert lines(cmake_project(folder, self.exports(made, "cmake"), library)) == passed(tuple(PROGRAM_MODELS))

    def test_platformio_in_qemu(self, made: Export, library: Path, tmp_path: Path) -> None:
        require("arm-none-eabi-g++", "qemu-system-arm")
        elf = users_project(tmp_path, self.exports(made, "platformio"), library)
        said = printed(elf, targets.find("stm32f4"))
        expected = [*(f"PASS: {name}, 10 samples, N us each" for name in PROGRAM_MODELS), "end"]
        assert [re.sub(r"\d+ us", "N us", line) for line in said] == expected
