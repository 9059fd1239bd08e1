"""Rendering: projects are complete and byte-stable, and layers may have any name."""

import hashlib
import json
import re
import subprocess
from dataclasses import replace
from pathlib import Path

import jinja2
import pytest
import tflite
from hostile import HOSTILE
from raw_tflite import RawModel, RawOp, RawTensor

from tools import files, render, write
from tools.arena import Arena
from tools.cores import HOST, find
from tools.errors import BuildError
from tools.packages import MANIFEST, Model, _firmware, _platformio, bench
from tools.runtimes import Program, aot
from tools.values import Identity, Project, Target
from tools.write import Written

FLATTEN = Path(__file__).parent / "flatten.tflite"
TARGET = Target(
    name="bench",
    summary="",
    board="stm32f4",
    framework=None,
    port="cortexm",
    core=find("cortex-m4"),
    clock_hz=1,
    ram_bytes=1 << 17,
    flash_bytes=1 << 20,
    runtimes=("aot",),
    emulators={},
    options={
        "extends": "common",
        "platform": "symlink://firmware/platform",
        "board": "stm32f4",
        "build_flags": "-O2\n-g",
        "monitor_speed": "115200",
        "custom_port": "cortexm",
    },
)


def make_project(program: Program, target: Target = TARGET) -> Project:
    arena = Arena(program.plan.arena_bytes, "planned")
    sources = aot.sources(program, target, arena, mode="int8")
    return bench.project(Model(program, sources, target, "aot", "int8", arena.bytes))


def model_cpp(data: bytes, name: str = "m") -> bytes:
    return aot.files(aot.lower(data, name, HOST), mode="int8")["src/model.cpp"]


@pytest.fixture(scope="module")
def program() -> Program:
    return aot.lower(FLATTEN.read_bytes(), "flatten", HOST)


def compile_model(source: bytes, folder: Path) -> None:
    """Raises unless the rendered model compiles without a warning."""
    path = folder / "model.cpp"
    path.write_bytes(source)
    flags = ["-std=c++17", "-trigraphs", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-Wundef", "-Wdouble-promotion"]
    command = ["g++", *flags, "-I", str(_firmware.FIRMWARE), "-c", str(path), "-o", str(folder / "model.o")]
    child = subprocess.run(command, capture_output=True, text=True)
    assert child.returncode == 0, child.stderr


def chain(names: list[str]) -> bytes:
    """A model of RELUs, one after the other, with these tensor names."""
    tensors = [RawTensor(name.encode("utf-8", "replace"), type=tflite.TensorType.FLOAT32, scales=()) for name in names]
    ops = [RawOp((i,), (i + 1,)) for i in range(len(names) - 1)]
    return RawModel(tensors, ops, outputs=(len(names) - 1,)).data()


@pytest.mark.compiler
def test_hostile_names_compile(tmp_path: Path) -> None:
    source = model_cpp(chain(["in", *HOSTILE]), 'a "model" */ \\ ??/\n名前')
    assert source.isascii()
    compile_model(source, tmp_path)


@pytest.mark.compiler
def test_a_model_of_one_name_for_all_layers_compiles(tmp_path: Path) -> None:
    long_name = "sequential/" + "very_long_layer_name_" * 20
    compile_model(model_cpp(chain([long_name] * 4)), tmp_path)


@pytest.mark.compiler
@pytest.mark.parametrize(
    "model",
    [
        RawModel((RawTensor("both"),), ops=(), outputs=(0,)),
        RawModel(inputs=(0,), outputs=(0, 1, 1)),
    ],
    ids=["no operator", "outputs twice and an input among them"],
)
def test_unusual_models_compile(model: RawModel, tmp_path: Path) -> None:
    compile_model(model_cpp(model.data()), tmp_path)


@pytest.mark.compiler
def test_the_symbols_that_sizes_are_counted_by(program: Program, tmp_path: Path) -> None:
    source = make_project(program).files["src/model.cpp"].decode()
    compile_model(source.encode(), tmp_path)
    child = subprocess.run(["nm", "-S", str(tmp_path / "model.o")], capture_output=True, text=True, check=True)
    sizes = {line.split()[3]: int(line.split()[1], 16) for line in child.stdout.splitlines() if len(line.split()) == 4}
    assert sizes["kerf_arena"] == int(re.search(r"arena\[(\d+)\]", source)[1])  # type: ignore[index]
    model = sum(size for name, size in sizes.items() if name.startswith("kerf_constant_"))
    asserted = sum(int(n) for n in re.findall(r"static_assert\(sizeof\(\w+\) == (\d+)\)", source))
    assert model == asserted > 0


def test_a_missing_value_is_an_error_not_a_blank() -> None:
    with pytest.raises(jinja2.UndefinedError):
        render.render("common/header.cpp.j2", version="1")


def test_a_project_is_complete_and_points_nowhere_else(program: Program) -> None:
    project = make_project(program)
    assert (project.model, project.target, project.runtime, project.mode) == ("flatten", "bench", "aot", "int8")
    assert project.op_labels == (("conv + flatten", "CONV_2D + RESHAPE"), ("dense", "FULLY_CONNECTED"))
    folders = {name.rpartition("/")[0] for name in project.files}
    assert {"src", "src/model", "src/port", "src/bench", "src/kernels", "src/ports/cortexm", "platform"} <= folders
    assert not any("host" in name for name in folders)
    assert "src/kernels/conv_2d.h" in project.files and "src/kernels/softmax.h" not in project.files
    assert not any(name.startswith("src/tflm/") for name in project.files)
    for name, contents in project.files.items():
        assert str(_firmware.FIRMWARE.parent).encode() not in contents, name
        for included in re.findall(rb'^\s*#\s*include\s+"([^"]+)"', contents, re.MULTILINE):
            beside = name.rpartition("/")[0] + "/" + included.decode()
            assert f"src/{included.decode()}" in project.files or beside in project.files, (name, included)


def test_platformio_ini_has_the_options_of_the_target(program: Program) -> None:
    text = make_project(program).files["platformio.ini"].decode()
    assert text.partition("[env:bench]\n")[2] == (
        "platform = symlink://platform\nboard = stm32f4\nmonitor_speed = 115200\n"
        "build_flags =\n    -O2\n    -g\n    -I src\n"
    )
    assert "default_envs = bench\n" in text


def test_a_foreign_platform_is_left_alone(program: Program) -> None:
    target = replace(TARGET, options={"platform": "nordicnrf52@10.0"}, framework="arduino")
    project = make_project(program, target)
    assert not any(name.startswith("platform/") for name in project.files)
    text = project.files["platformio.ini"].decode()
    assert "platform = nordicnrf52@10.0\nboard = stm32f4\nframework = arduino\nbuild_flags = -I src\n" in text


def test_the_manifest_says_what_the_project_is(program: Program) -> None:
    project = make_project(program)
    manifest = json.loads(project.files["manifest.json"])
    assert manifest["model_sha256"] == program.graph.sha256
    assert manifest["ops"][0] == {"name": "conv + flatten", "op": "CONV_2D + RESHAPE"}
    assert manifest["arena_bytes"] == project.arena_bytes


def test_rendering_is_byte_stable(program: Program) -> None:
    assert make_project(program).files == make_project(aot.lower(FLATTEN.read_bytes(), "flatten", HOST)).files


@pytest.mark.parametrize(
    ("name", "mlperf_id", "encoding"),
    [
        ("kws", "kws01", "kAsIs"),
        ("ic", "ic01", "kUint8ToInt8"),
        ("vww", "vww01", "kUint8ToInt8"),
        ("ad", "ad01", "kFloat32"),
        ("digits", "digits", "kAsIs"),
    ],
)
def test_mlperf_ids_and_encodings(name: str, mlperf_id: str, encoding: str) -> None:
    text = make_project(aot.lower(FLATTEN.read_bytes(), name, HOST)).files["src/model.cpp"].decode()
    assert f'/*name=*/"{name}",\n    /*mlperf_id=*/"{mlperf_id}",' in text
    assert f"/*db_encoding=*/DbEncoding::{encoding}," in text


# --- write ------------------------------------------------------------------------------------------------------------


def on_disk(directory: Path) -> dict[str, bytes]:
    return {p.relative_to(directory).as_posix(): p.read_bytes() for p in directory.rglob("*") if p.is_file()}


def without_manifest(directory: Path) -> dict[str, bytes]:
    return {name: data for name, data in on_disk(directory).items() if name != MANIFEST}


def wanted(project: Project) -> dict[str, bytes]:
    return {name: data for name, data in project.files.items() if name != MANIFEST}


def times(directory: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in directory.rglob("*")}


def test_writing_twice_changes_nothing(program: Program, tmp_path: Path) -> None:
    project = make_project(program)
    directory = tmp_path / "out" / "project"
    assert write.write(project, directory) == Written(len(project.files))
    assert without_manifest(directory) == wanted(project)
    before = times(directory)
    assert write.write(project, directory) == Written(0)
    assert times(directory) == before


def test_the_manifest_on_disk_knows_every_file(program: Program, tmp_path: Path) -> None:
    project = make_project(program)
    write.write(project, tmp_path)
    manifest = json.loads((tmp_path / "manifest.json").read_bytes())
    hashes = {name: hashlib.sha256(data).hexdigest() for name, data in wanted(project).items()}
    assert manifest == json.loads(project.files["manifest.json"]) | {"files": hashes}


def test_writing_repairs_and_removes_only_what_is_kerfs(program: Program, tmp_path: Path) -> None:
    project = make_project(program)
    write.write(project, tmp_path)
    (tmp_path / "src/model.cpp").unlink()
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / ".pio").mkdir()
    (tmp_path / ".pio/object.o").write_text("built")
    after = replace(project, files={k: v for k, v in project.files.items() if not k.startswith("platform/")})
    removed = len(project.files) - len(after.files)
    assert removed > 0
    assert write.write(after, tmp_path) == Written(removed + 2)  # and model.cpp, and the manifest
    assert without_manifest(tmp_path) == {**wanted(after), "notes.txt": b"mine", ".pio/object.o": b"built"}


def changed(project: Project) -> Project:
    """The next version: another ini and model, one file removed and one added."""
    files = dict(project.files)
    del files["src/bench/bench.h"]
    files["platformio.ini"] += b"; another\n"
    files["src/model.cpp"] += b"// another\n"
    files["src/new.h"] = b"// new\n"
    return replace(project, files=files)


EDITED = ("platformio.ini", "src/bench/bench.h", "src/new.h")


def edit(project: Project, directory: Path) -> None:
    """Edits a file that will change, one that will be removed, and one that will be added."""
    write.write(project, directory)
    for name in EDITED:
        (directory / name).write_text("mine")


def test_what_the_user_has_edited_is_kept(program: Program, tmp_path: Path) -> None:
    project = make_project(program)
    edit(project, tmp_path)
    after = changed(project)
    assert write.write(after, tmp_path) == Written(2, EDITED, ("src/bench/bench.h",))  # the model and the manifest
    assert without_manifest(tmp_path) == wanted(after) | dict.fromkeys(EDITED, b"mine")
    before = times(tmp_path)
    left = ("platformio.ini", "src/new.h")  # the third is the user's alone now
    assert write.write(after, tmp_path) == Written(0, left, ("src/bench/bench.h",)), "said again, and nothing done"
    assert times(tmp_path) == before
    (tmp_path / "src/bench/bench.h").unlink()
    for name in left:
        (tmp_path / name).write_bytes(after.files[name])
    assert write.write(after, tmp_path) == Written(0)


def test_force_writes_over_edits_and_says_so(program: Program, tmp_path: Path) -> None:
    project = make_project(program)
    edit(project, tmp_path)
    after = changed(project)
    assert write.write(after, tmp_path, force=True) == Written(5, EDITED)
    assert without_manifest(tmp_path) == wanted(after)
    assert write.write(after, tmp_path, force=True) == Written(0)


@pytest.mark.parametrize("force", [False, True])
def test_an_interruption_makes_no_edits_of_kerfs_own_files(
    program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, force: bool
) -> None:
    """If kerf is killed after any of its writes, the next kerf gives the same result."""
    project, after = make_project(program), changed(make_project(program))
    real, left = files.write, 0

    def interrupted(path: Path, data: bytes) -> None:
        nonlocal left
        if left == 0:
            raise KeyboardInterrupt
        left -= 1
        real(path, data)

    monkeypatch.setattr(files, "write", interrupted)
    for survived in range(6):
        directory = tmp_path / str(survived)
        left = 1000
        write.write(project, directory)
        left = survived
        try:
            write.write(after, directory, force=force)
            assert survived == 5
        except KeyboardInterrupt:
            left = 1000
            assert write.write(after, directory, force=force).edited == ()
        assert without_manifest(directory) == wanted(after)
        assert write.write(after, directory) == Written(0)


def test_files_that_a_build_takes_and_kerf_did_not_write(program: Program, tmp_path: Path) -> None:
    project = make_project(program)
    write.write(project, tmp_path)
    for name in ("src/extra.cpp", "lib/mine/mine.h", "notes.txt", "src/.hidden"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("mine")
    assert write.write(project, tmp_path).foreign == ("lib/mine/mine.h", "src/extra.cpp")


def test_an_edited_manifest_cannot_remove_anything_outside(program: Program, tmp_path: Path) -> None:
    outside, directory = tmp_path / "outside.txt", tmp_path / "project"
    outside.write_text("keep")
    digest = hashlib.sha256(b"keep").hexdigest()
    project = make_project(program)
    write.write(project, directory)
    listed = json.loads((directory / "manifest.json").read_bytes())
    names = {"../outside.txt": digest, str(outside): digest, "src/../../outside.txt": digest, "": digest, "x": 3}
    listed["files"] |= names
    listed["before"] = {"../outside.txt": [digest], "y": digest, "z": [3]}
    (directory / "manifest.json").write_text(json.dumps(listed))
    assert write.write(project, directory, force=True) == Written(1)
    assert outside.read_text() == "keep"


@pytest.mark.parametrize(
    "manifest",
    [
        "{}",
        '{"kerf": true, "files": {"thesis.tex": "x"}}',
        '{"kerf": "0.1"}',
        '{"kerf": "0.1", "files": ["thesis.tex"]}',
        '{"files": {"thesis.tex": "x"}}',
        "[" * 5000,
    ],
)
@pytest.mark.parametrize("force", [False, True])
def test_a_manifest_of_something_else_is_no_licence(
    program: Program, tmp_path: Path, manifest: str, force: bool
) -> None:
    (tmp_path / "thesis.tex").write_text("mine")
    (tmp_path / "manifest.json").write_text(manifest)
    with pytest.raises(BuildError, match="not empty and not a kerf project"):
        write.write(make_project(program), tmp_path, force=force)
    assert on_disk(tmp_path) == {"thesis.tex": b"mine", "manifest.json": manifest.encode()}


def test_a_folder_of_someone_elses_is_refused(program: Program, tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("mine")
    with pytest.raises(BuildError, match="not empty and not a kerf project"):
        write.write(make_project(program), tmp_path)
    assert on_disk(tmp_path) == {"thesis.tex": b"mine"}


def test_a_file_in_place_of_the_folder_is_an_error(program: Program, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")
    with pytest.raises(BuildError, match="cannot write the project"):
        write.write(make_project(program), tmp_path / "out")


def test_an_interrupted_first_write_is_taken_up_again(program: Program, tmp_path: Path) -> None:
    project = make_project(program)
    (tmp_path / ".manifest.partial.json").write_text("{")
    assert write.write(project, tmp_path) == Written(len(project.files))


def built_as(program: Program, target: Target = TARGET) -> str:
    """The build that the rendered firmware says it is, which is the one that the host knows."""
    project = make_project(program, target)
    stated = project.files[bench.IDENTITY].decode()
    assert json.loads(project.files["manifest.json"])["build"] == project.build
    for name, value in (("target", target.name), ("core", target.core.name), ("build", project.build)):
        assert f'/*{name}=*/"{value}",' in stated
    assert project.identity == Identity(target.name, target.core.name, "aot", project.build)
    assert re.fullmatch("[0-9a-f]{16}", project.build)
    return project.build


def test_a_build_is_told_by_all_its_sources_and_options(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    same = built_as(program)
    assert built_as(program) == same
    options = {**TARGET.options, "build_flags": "-Os\n-g"}
    others = [
        built_as(program, replace(TARGET, **changes))
        for changes in (
            {"name": "other"},
            {"core": find("cortex-m7")},
            {"options": options},
            {"port": "host"},
            {"framework": "espidf"},
        )
    ]
    others.append(built_as(aot.lower(FLATTEN.read_bytes(), "flatten2", HOST)))
    monkeypatch.setattr(_platformio, "ini", lambda *_: "[env]")
    others.append(built_as(program))
    assert len({same, *others}) == 8


def test_what_only_kerf_reads_changes_no_build(program: Program) -> None:
    assert built_as(program, replace(TARGET, summary="x", usb_ids=("1:2",), clock_hz=5)) == built_as(program)
