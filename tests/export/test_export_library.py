"""The C library that all formats share: its names, helpers and check."""

import json
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection
from single_op import TensorSpec, single_op

from tools import packages, pipeline
from tools.errors import BuildError, UnknownName, UsageError
from tools.oracle.signature import read
from tools.pipeline import places
from tools.pipeline.export import default_name
from tools.progress import Progress
from tools.report import records
from tools.values import Clock, Measurement, Request, Timing, Vectors

FLATTEN = Path(__file__).parents[1] / "unit" / "flatten.tflite"
WARNINGS = ["-Wall", "-Wextra", "-Werror", "-Wundef", "-Wdouble-promotion"]
SANITIZERS = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]


def needs_compiler(test):
    missing = shutil.which("g++") is None
    return pytest.mark.compiler(pytest.mark.skipif(missing, reason="needs g++: sudo apt-get install g++")(test))


def run_in_c(folder: Path, name: str, body: str, out: Path) -> list[str]:
    """The output lines of a C program with this main(), compiled with sanitizers against a CMake export."""
    (out / "main.c").write_text(
        f'#include <math.h>\n#include <stdio.h>\n#include "{name}.h"\n#include "{name}_check.h"\n{body}\n'
    )
    include = f"-I{folder / 'include'}"
    c = ["gcc", "-std=c99", "-pedantic", *WARNINGS, "-Wno-unused-function", *SANITIZERS, include]
    cpp = ["g++", "-std=c++17", "-O1", *WARNINGS, *SANITIZERS, include]
    subprocess.run([*c, "-c", str(out / "main.c"), "-o", str(out / "main.o")], check=True)
    subprocess.run([*cpp, "-c", str(folder / "src" / f"{name}.cpp"), "-o", str(out / "model.o")], check=True)
    link = ["g++", *SANITIZERS, str(out / "main.o"), str(out / "model.o"), "-o", str(out / "program")]
    subprocess.run(link, check=True)
    return subprocess.run([out / "program"], check=True, capture_output=True, text=True).stdout.splitlines()


CHECK = """
static uint32_t now;
static uint32_t tick(void) { return now += 50; }
static void show(const char *line) { puts(line); }
int main(void) {
    printf("%%d\\n", %s_check(tick, show));
    printf("%%d\\n", %s_check(tick, show));
    return 0;
}
"""


@needs_compiler
@pytest.mark.parametrize("model", ["flatten", "stream"])
def test_the_check_passes_as_often_as_it_runs(export, model: str, tmp_path: Path) -> None:
    """The clock advances by 50 us per reading; a model with state is reset each time."""
    lines = run_in_c(export(model, "cmake"), model, CHECK % (model, model), tmp_path)
    assert lines == [f"PASS: {model}, 10 samples, 50 us each", "0"] * 2


@needs_compiler
@pytest.mark.parametrize("model", ["flatten", "stream"])
def test_the_check_names_the_first_difference(export, model: str, tmp_path: Path) -> None:
    folder = shutil.copytree(export(model, "cmake"), tmp_path / "export")
    header = folder / "include" / f"{model}_check.h"
    before, start, expected = header.read_text().partition(f"{model}_check_output[{model.upper()}_CHECK_SAMPLES]")
    numbers = list(re.finditer(r"(?<=[ {\n])-?\d+(?=,)", expected))
    per_sample = len(numbers) // 10
    spoilt = numbers[3 * per_sample + 1]
    wrong = int(spoilt[0]) - 1 if int(spoilt[0]) > 0 else int(spoilt[0]) + 1
    header.write_text(f"{before}{start}{expected[: spoilt.start()]}{wrong}{expected[spoilt.end() :]}")
    lines = run_in_c(folder, model, CHECK % (model, model), tmp_path)
    assert lines == [f"FAIL: {model}, sample 3: output[1] is {spoilt[0]} instead of {wrong}", "1"] * 2


@needs_compiler
def test_real_numbers_become_what_the_host_makes_of_them(export, tmp_path: Path) -> None:
    """Ties, numbers out of range, and NaN."""
    port = read(FLATTEN.read_bytes(), "flatten").inputs[0]
    steps = np.concatenate([np.arange(-3, 260) / 2, [-1e30, 1e30, 127.49, 255.49, 255.5]]).astype(np.float32)
    real = (steps * np.float32(port.scale)).astype(np.float32)
    real = np.concatenate([real, [np.inf, -np.inf]]).astype(np.float32)
    real = np.pad(real, (0, -len(real) % 36))
    literals = ", ".join(
        "INFINITY" if v == np.inf else "-INFINITY" if v == -np.inf else v.hex() + "f" for v in map(float, real)
    )
    body = f"""
static const float real[] = {{{literals}}};
int main(void) {{
    for (unsigned i = 0; i < sizeof real / sizeof *real; i += FLATTEN_INPUT_COUNT) {{
        flatten_set_input(real + i);
        for (int j = 0; j < FLATTEN_INPUT_COUNT; ++j) printf("%d\\n", flatten_input()[j]);
    }}
    float none[FLATTEN_INPUT_COUNT] = {{NAN}};
    flatten_set_input(none);
    printf("%d\\n", flatten_input()[0]);
    return 0;
}}"""
    lines = run_in_c(export("flatten", "cmake"), "flatten", body, tmp_path)
    assert [int(line) for line in lines[:-1]] == port.quantize(real).ravel().tolist()
    assert lines[-1] == "-128"


@needs_compiler
def test_outputs_are_read_as_real_numbers_and_as_a_class(export, tmp_path: Path) -> None:
    port = read(FLATTEN.read_bytes(), "flatten").outputs[0]
    body = """
int main(void) {
    flatten_setup();
    for (int sample = 0; sample < FLATTEN_CHECK_SAMPLES; ++sample) {
        memcpy(flatten_input(), flatten_check_input[sample], sizeof flatten_check_input[sample]);
        if (flatten_invoke() != 0) return 1;
        printf("%d", flatten_best_class());
        for (int i = 0; i < FLATTEN_OUTPUT_COUNT; ++i) {
            printf(" %d %.9g", flatten_output()[i], (double)flatten_real_output(i));
        }
        printf("\\n");
    }
    return 0;
}"""
    lines = run_in_c(export("flatten", "cmake"), "flatten", body, tmp_path)
    assert len(lines) == 10
    for line in lines:
        best, *rest = line.split()
        values = np.array([int(v) for v in rest[::2]], np.int8)
        assert int(best) == int(np.argmax(values))
        expected = (values.astype(np.float32) - np.float32(port.zero_point)) * np.float32(port.scale)
        assert [np.float32(v) for v in rest[1::2]] == expected.tolist()


@needs_compiler
def test_floats_and_several_inputs(build_folder: Path, tmp_path: Path) -> None:
    """Floats may differ up to the limit, but not more."""
    left, right, total = (TensorSpec((1, 6), "float32", name=name) for name in ("left", "right", "total"))
    model, folder = tmp_path / "total.tflite", tmp_path / "export"
    model.write_bytes(single_op("ADD", [left, right], [total], "AddOptions"))
    pipeline.export(Request(model=str(model), target="host"), Progress(), "cmake", folder)
    body = (CHECK % ("total", "total")).replace("int main(void) {", "int main(void) {\n    (void)total_input1();")
    assert run_in_c(folder, "total", body, tmp_path) == ["PASS: total, 10 samples, 50 us each", "0"] * 2
    source = folder / "src" / "total.cpp"
    text = source.read_text()
    for error, passes in ((1e-6, True), (0.5, False)):
        invoke = "return static_cast<int>(kerf::model::invoke(nullptr));"
        assert text.count(invoke) == 1
        spoil = f"const_cast<float*>(total_output())[2] += {error}f;"
        later = f"const int status = static_cast<int>(kerf::model::invoke(nullptr)); {spoil} return status;"
        source.write_text(text.replace(invoke, later))
        first = run_in_c(folder, "total", body, tmp_path)[0]
        assert first.startswith("PASS" if passes else "FAIL: total, sample 0: output[2] is off by ")
        assert passes or abs(int(first.split()[-2]) - 500_000) < 10


def symbols(elf: Path) -> dict[str, str]:
    """Global symbol of an object file → its section."""
    with elf.open("rb") as stream:
        file = ELFFile(stream)
        return {
            symbol.name: file.get_section(symbol["st_shndx"]).name
            for section in file.iter_sections()
            if isinstance(section, SymbolTableSection)
            for symbol in section.iter_symbols()
            if symbol["st_info"]["bind"] in ("STB_GLOBAL", "STB_WEAK") and isinstance(symbol["st_shndx"], int)
        }


@needs_compiler
def test_every_symbol_carries_the_name(export, tmp_path: Path) -> None:
    folder = export("stream", "cmake")
    command = ["g++", "-std=c++17", "-O2", f"-I{folder / 'include'}", "-c", str(folder / "src" / "stream.cpp")]
    subprocess.run([*command, "-o", str(tmp_path / "stream.o")], check=True)
    found = symbols(tmp_path / "stream.o")
    assert {"stream_setup", "stream_invoke", "stream_reset", "stream_input", "stream_output"} <= set(found)
    assert [name for name in found if not re.match(r"stream_|_Z\w*11kerf_stream", name)] == []


@needs_compiler
def test_arena_and_weights_lie_where_the_macros_say(export, tmp_path: Path) -> None:
    folder = export("flatten", "cmake")
    placed = [
        '-DFLATTEN_ARENA_ATTRIBUTE=__attribute__((section(".fast")))',
        '-DFLATTEN_WEIGHTS_ATTRIBUTE=__attribute__((section(".external")))',
    ]
    command = ["g++", "-std=c++17", "-O2", *WARNINGS, *placed, f"-I{folder / 'include'}"]
    subprocess.run([*command, "-c", str(folder / "src" / "flatten.cpp"), "-o", str(tmp_path / "f.o")], check=True)
    found = symbols(tmp_path / "f.o")
    assert found["flatten_arena"] == ".fast"
    constants = {section for name, section in found.items() if name.startswith("flatten_constant_")}
    assert constants == {".external"}


@pytest.mark.parametrize("name", ["2fast", "a-b", "_a", "a__b", "a_", "while", "ünder", "a b", "x" * 61])
def test_an_invalid_name_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="cannot be the prefix of C functions"):
        packages.check_name(name)


@pytest.mark.parametrize("name", ["math", "Arduino", "string"])
def test_a_name_that_hides_a_header_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match=f"would hide the system header {name}.h"):
        packages.check_name(name)


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("digits", "digits"),
        ("digits+sparse0.8", "digits_sparse0_8"),
        ("some/net-v2.tflite", "net_v2"),
        ("net.keras+qat", "net_qat"),
        ("3d.tflite", "n3d"),
    ],
)
def test_a_name_is_made_of_the_models(model: str, name: str) -> None:
    assert default_name(model) == name
    packages.check_name(name)


def vectors(samples: int, elements: int, in_sequence: bool = False) -> Vectors:
    values = np.arange(samples * elements).reshape(samples, elements).astype(np.int16)
    return Vectors((values,), (values[:, :1],), None, (), "", True, in_sequence)


@pytest.mark.parametrize(("samples", "elements", "kept"), [(360, 64, 10), (3, 64, 3), (360, 8000, 2), (360, 50_000, 1)])
def test_as_many_samples_as_a_program_can_hold(samples: int, elements: int, kept: int) -> None:
    assert packages.reference(vectors(samples, elements)).samples == kept


def test_a_sequence_is_exported_from_its_beginning() -> None:
    whole = vectors(360, 8, in_sequence=True)
    assert np.array_equal(packages.reference(whole).inputs[0], whole.inputs[0][:10])


def ask(**more: str) -> Request:
    return Request(model=str(FLATTEN), **more)


def test_the_readme_has_the_figures_of_the_same_sources(build_folder: Path, tmp_path: Path) -> None:
    """It prefers a board to an emulator, and ignores other builds."""
    out = tmp_path / "out"
    made = pipeline.export(ask(), Progress(), "cmake", out)
    assert "Run `inv run` with the same options" in (out / "README.md").read_text()
    assert json.loads((out / "manifest.json").read_text())["record"] is None
    build = pipeline.render_to_disk(ask(), Progress(), tmp_path / "bench").project.build
    emulated = Measurement(
        model=made.project.model,
        mode="int8",
        model_sha256=made.project.model_sha256,
        model_bytes=made.project.model_bytes,
        runtime="aot",
        target="stm32f4",
        emulator="qemu",
        kernels="dsp",
        flash_bytes={"total": 24_000, "code": 16_000, "model": 8_000},
        ram_bytes={"total": 5_000, "static": 800, "arena": 3_600, "stack": 600},
        clock=Clock("instructions", None),
        invoke=Timing(3_000_000, 3_000_001, 3_000_100, 360),
        setup=1_200,
        per_op=None,
        samples=360,
        mismatches=0,
        tolerance=0.0,
        accuracy={"device": 0.9944, "host": 0.9944},
        kerf="0.1.0",
        commit=None,
        device={"target": "stm32f4", "core": "cortex-m4", "build": build},
    )
    other = replace(emulated, invoke=Timing(1, 2, 3, 4), device={**emulated.device, "build": "0" * 16})
    for measurement in (emulated, other):
        records.append(measurement, places.records())
    pipeline.export(ask(), Progress(), "cmake", out)
    text = (out / "README.md").read_text()
    for figure in ("stm32f4 in qemu", "3,000,001 instructions", "24,000 bytes", "5,000 bytes", "0.9944", build):
        assert figure in text
    board = replace(emulated, emulator=None, clock=Clock("cycles", 168_000_000), accuracy=None)
    for measurement in (board, emulated):
        records.append(measurement, places.records())
    pipeline.export(ask(), Progress(), "cmake", out)
    assert "17.857 ms per inference" in (out / "README.md").read_text()
    assert json.loads((out / "manifest.json").read_text())["record"] == json.loads(json.dumps(records.to_json(board)))


def test_the_same_export_twice_has_the_same_bytes(build_folder: Path, tmp_path: Path) -> None:
    for format in packages.formats():
        made = [pipeline.export(ask(), Progress(), format, tmp_path / format).project for _ in range(2)]
        assert made[0].files == made[1].files


def test_what_cannot_be_exported_is_refused(build_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="unknown format 'bench'"):
        pipeline.export(ask(), Progress(), "bench", tmp_path / "out")
    with pytest.raises(UsageError, match="one of arduino, cmake, "):
        pipeline.export(ask(), Progress(), "", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_folder_that_holds_something_else_is_kept(build_folder: Path, tmp_path: Path) -> None:
    thesis, bench, cmake = tmp_path / "thesis", tmp_path / "bench", tmp_path / "cmake"
    thesis.mkdir()
    (thesis / "thesis.txt").write_text("years of work")
    pipeline.render_to_disk(ask(), Progress(), bench)
    pipeline.export(ask(), Progress(), "cmake", cmake)
    for folder, what in (
        (thesis, "is not empty and not a kerf project"),
        (bench, "holds a project of `inv render`"),
        (cmake, "holds an export for cmake"),
    ):
        before = sorted(folder.rglob("*"))
        with pytest.raises(BuildError, match=what):
            pipeline.export(ask(), Progress(), "arduino", folder)
        assert sorted(folder.rglob("*")) == before
    with pytest.raises(BuildError, match="holds an export for cmake"):
        pipeline.render_to_disk(ask(), Progress(), cmake)
