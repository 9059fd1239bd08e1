"""Runtime tflm: refusals and their reasons, registrations, the library's package, and the size of the arena."""

import itertools
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tools import build, scons, sizing, targets
from tools.arena import Arena, smallest
from tools.errors import MissingTool, UnsupportedModel, UsageError
from tools.graph import ops
from tools.graph.ir import DType, Graph, Op, Quantization, Tensor
from tools.packages import Model, bench
from tools.progress import Progress
from tools.runtimes import Program, _tflm_library, _tflm_support, tflm
from tools.values import Target

SHAPE = (1, 4, 4, 3)


@pytest.fixture(autouse=True)
def no_other_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(targets.TFLM_LIB, raising=False)


@pytest.fixture
def stm32f4() -> Target:
    return targets.find("stm32f4")


@pytest.fixture
def esp32() -> Target:
    return targets.find("esp32")


def graph(
    kind: str, data: DType, weights: DType | None = None, scales: Sequence[float] = (0.5,), name: str = "me"
) -> Graph:
    """One operator from tensor 0 to tensor 1, its weights in tensor 2."""
    quantization = Quantization(tuple(scales), (0,) * len(scales))
    tensors = [Tensor(0, "in", SHAPE, data), Tensor(1, "out", SHAPE, data)]
    inputs: tuple[int, ...] = (0,)
    if weights is not None:
        shape = (len(scales), 4)
        tensors.append(Tensor(2, "w", shape, weights, quantization, np.zeros(shape, weights.value)))
        inputs = (0, 2)
    return Graph("m", "0" * 64, 4, tuple(tensors), (Op(0, kind, name, inputs, (1,)),), (0,), (1,))


def refusal(model: Graph, target: Target) -> str:
    with pytest.raises(UnsupportedModel) as caught:
        tflm.check(model, target)
    return str(caught.value)


@pytest.mark.parametrize("kind", ["CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"])
def test_dynamic_range_weights_are_refused(kind: str, stm32f4: Target, esp32: Target) -> None:
    for target in (stm32f4, esp32):
        said = refusal(graph(kind, DType.FLOAT32, DType.INT8, name="block/conv"), target)
        assert said.startswith(f"operator 0 {kind} 'block/conv' multiplies float activations by 8-bit weights")
        assert "try --mode int8 or float32" in said
        assert "--runtime" not in said


def test_float16_weights_are_refused(stm32f4: Target) -> None:
    said = refusal(graph("DEQUANTIZE", DType.FLOAT16), stm32f4)
    assert said.startswith("operator 0 DEQUANTIZE 'me' takes float16 weights, which TFLM has no kernel for")
    assert "try --mode int8 or float32" in said


@pytest.mark.parametrize("kind", ["CUSTOM:magic", "UNIQUE", "RFFT2D"])
def test_an_operator_without_a_kernel_is_refused(kind: str, stm32f4: Target) -> None:
    said = refusal(graph(kind, DType.INT8), stm32f4)
    assert said.startswith(f"operator 0 {kind} 'me' has no kernel in Chirale_TensorFLowLite 2.0.0 (TFLM of mid-2024)")
    assert "replace the layer" in said


def test_an_operator_that_came_later_is_refused_by_the_older_library_alone(stm32f4: Target, esp32: Target) -> None:
    assert "BATCH_MATMUL" in refusal(graph("BATCH_MATMUL", DType.INT8), stm32f4)
    tflm.check(graph("BATCH_MATMUL", DType.INT8), esp32)


@pytest.mark.parametrize("kind", ["MAX_POOL_2D", "AVERAGE_POOL_2D", "RELU", "TRANSPOSE"])
def test_int16x8_is_refused_where_the_library_lacks_it(kind: str, stm32f4: Target, esp32: Target) -> None:
    said = refusal(graph(kind, DType.INT16), stm32f4)
    assert f"operator 0 {kind} 'me' works on int16x8, but Chirale_TensorFLowLite 2.0.0" in said
    assert "has kernels for float32, int8 only; try --mode int8 or float32" in said
    tflm.check(graph(kind, DType.INT16), esp32)


def test_per_channel_dense_weights_are_refused_where_they_would_be_silently_wrong(
    stm32f4: Target, esp32: Target
) -> None:
    model = graph("FULLY_CONNECTED", DType.INT8, DType.INT8, scales=(0.5, 0.25))
    said = refusal(model, stm32f4)
    assert "operator 0 FULLY_CONNECTED 'me' has per-channel weights" in said
    assert "_experimental_disable_per_channel_quantization_for_dense_layers = True" in said
    assert not tflm.takes_per_channel_dense(stm32f4)
    assert tflm.takes_per_channel_dense(esp32)
    assert tflm.takes_per_channel_dense(targets.find("host"))
    tflm.check(model, esp32)
    tflm.check(graph("FULLY_CONNECTED", DType.INT8, DType.INT8), stm32f4)
    tflm.check(graph("CONV_2D", DType.INT8, DType.INT8, scales=(0.5, 0.25)), stm32f4)


def test_a_dense_layer_without_weights_is_left_to_the_interpreter(stm32f4: Target) -> None:
    """It refuses the model when it makes the expected outputs."""
    model = graph("FULLY_CONNECTED", DType.INT8, DType.INT8, scales=(0.5, 0.25))
    tflm.check(replace(model, ops=(replace(model.ops[0], inputs=(0,)),)), stm32f4)


def test_a_library_nobody_knows_is_trusted_with_no_more_than_the_oldest(stm32f4: Target) -> None:
    other = replace(stm32f4, tflm={"lib": "someone/My_TFLM@9.9"})
    said = refusal(graph("FULLY_CONNECTED", DType.INT8, DType.INT8, scales=(0.5, 0.25)), other)
    assert "My_TFLM 9.9 (of an unknown age)" in said


def test_registrations_name_each_operator_once_and_its_one_type() -> None:
    narrow = {
        "CONV_2D": "AddConv2D(tflite::Register_CONV_2D_INT8())",
        "MAX_POOL_2D": "AddMaxPool2D(tflite::Register_MAX_POOL_2D_INT8())",
        "RESHAPE": "AddReshape()",
    }
    for kind, call in narrow.items():
        assert tflm.registrations(graph(kind, DType.INT8, DType.INT8)) == [call]
    assert tflm.registrations(graph("CONV_2D", DType.INT16, DType.INT8)) == [
        "AddConv2D(tflite::Register_CONV_2D_INT16())"
    ]
    assert tflm.registrations(graph("CONV_2D", DType.FLOAT32, DType.FLOAT32)) == ["AddConv2D()"]


def test_the_narrow_registration_of_mul_is_declared() -> None:
    """The resolver of mid-2024 includes the headers of the others, and not this one."""
    assert tflm.registrations(graph("MUL", DType.INT8)) == ["AddMul(tflite::Register_MUL_INT8())"]
    header = (Path(__file__).parents[2] / "firmware/tflm/library.h").read_text()
    assert '#include "tensorflow/lite/micro/kernels/mul.h"' in header


def test_an_operator_of_two_types_is_registered_for_all() -> None:
    one, other = graph("ADD", DType.INT8), graph("ADD", DType.FLOAT32)
    both = replace(
        one,
        tensors=(*one.tensors, *(replace(t, index=t.index + 2) for t in other.tensors)),
        ops=(*one.ops, Op(1, "ADD", "b", (2,), (3,))),
    )
    assert tflm.registrations(both) == ["AddAdd()"]


@pytest.mark.parametrize(
    ("kind", "method"),
    [
        ("L2_POOL_2D", "AddL2Pool2D"),
        ("BATCH_MATMUL", "AddBatchMatMul"),
        ("CUMSUM", "AddCumSum"),
        ("PADV2", "AddPadV2"),
        ("SPACE_TO_BATCH_ND", "AddSpaceToBatchNd"),
        ("SELECT_V2", "AddSelectV2"),
    ],
)
def test_names_of_the_resolvers_methods(kind: str, method: str) -> None:
    assert _tflm_support.adder(kind) == method


def test_every_type_of_the_matrix_is_one_that_models_have() -> None:
    known = {"any", "int16x8"} | {dtype.value for dtype in DType} - {"float16", "int16"}
    for library in (*_tflm_support.LIBRARIES, _tflm_support.INTERPRETER):
        assert {name for kind in _tflm_support.table() for name in library.types(kind)} <= known
    for kind, row in _tflm_support.table().items():
        assert set(row.registrations) <= set(_tflm_support.CHIRALE.types(kind)), kind


def test_what_aot_can_run_in_int8_tflm_can_on_every_target() -> None:
    """Except for operators that TFLM gained later."""
    later = {"BATCH_MATMUL", "DYNAMIC_UPDATE_SLICE", "EMBEDDING_LOOKUP", "REDUCE_MIN", "REVERSE_V2"}
    for kind in ops.known():
        if "int8" in ops.find(kind).types and not ops.find(kind).litert_alone:
            for library in _tflm_support.LIBRARIES:
                found = {"int8", "any"} & set(library.types(kind))
                assert bool(found) != (kind in later and library is _tflm_support.CHIRALE), (kind, library.title)


def test_the_table_of_types_says_which_library_has_what_not_all_have() -> None:
    table = tflm.types()
    assert table["CONV_2D"] == ("float32", "int8", "int16x8")
    assert table["MUL"] == ("float32", "int8", "int32", "int16x8 (esp-tflite-micro)")
    assert table["MAX_POOL_2D"] == ("float32", "int8", "int16x8 (esp-tflite-micro)")


# --- the library ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spec", "title", "known"),
    [
        ("spaziochirale/Chirale_TensorFLowLite@2.0.0", "Chirale_TensorFLowLite 2.0.0", True),
        ("https://github.com/spaziochirale/Chirale_TensorFlowLite.git#2.0.0", "Chirale_TensorFlowLite 2.0.0", True),
        ("espressif/esp-tflite-micro@1.4.0", "esp-tflite-micro 1.4.0", True),
        ("someone/else", "else", False),
    ],
)
def test_a_library_is_known_by_its_name(spec: str, title: str, known: bool, stm32f4: Target) -> None:
    package = _tflm_library.package(replace(stm32f4, tflm={"lib": spec}))
    assert package.title == title
    assert (package.library is not _tflm_support.UNKNOWN) == known
    assert _tflm_library.options(package, stm32f4)["lib_deps"] == spec


def test_a_folder_is_known_by_its_manifest(tmp_path: Path, stm32f4: Target) -> None:
    (tmp_path / "library.properties").write_text("name=Chirale_TensorFLowLite\nversion=2.0.0\nauthor=x\n")
    package = _tflm_library.package(replace(stm32f4, tflm={"lib": str(tmp_path)}))
    assert (package.title, package.library) == ("Chirale_TensorFLowLite 2.0.0", _tflm_support.CHIRALE)
    assert _tflm_library.options(package, stm32f4)["lib_deps"] == f"symlink://{tmp_path.resolve()}"


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path, stm32f4: Target) -> None:
    with pytest.raises(UsageError, match=r"custom_tflm_lib of stm32f4 is /.*/gone, which is not a folder"):
        _tflm_library.package(replace(stm32f4, tflm={"lib": str(tmp_path / "gone")}))


def test_a_target_without_a_library_is_refused(stm32f4: Target) -> None:
    with pytest.raises(UsageError, match="stm32f4 has no TFLM library: set custom_tflm_lib"):
        tflm.check(graph("ADD", DType.INT8), replace(stm32f4, tflm={}))


def test_the_environment_replaces_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(targets.TFLM_LIB, "me/mine@1")
    assert targets.find("stm32f4").tflm["lib"] == "me/mine@1"
    assert targets.find("host").tflm == {}


def test_an_idf_component_is_a_dependency_and_no_library(esp32: Target) -> None:
    package = _tflm_library.package(esp32)
    assert _tflm_library.options(package, esp32) == {}
    assert _tflm_library.component_dependency(package) == ['espressif/esp-tflite-micro: "1.4.0"']
    git = _tflm_library.package(replace(esp32, tflm={"lib": "https://example.org/esp-tflite-micro.git#abc"}))
    assert _tflm_library.component_dependency(git) == [
        "esp-tflite-micro:",
        "  git: https://example.org/esp-tflite-micro.git",
        "  version: abc",
    ]


def test_libraries_are_pinned() -> None:
    for target in targets.load().values():
        if "tflm" in target.runtimes and target.port != "host":
            assert re.fullmatch(r"\w[\w-]*/[\w-]+@\d+\.\d+\.\d+", target.tflm["lib"]), target.name


# --- the arena --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("needed", [16, 17, 1000, 4096, 4090, 4081])
def test_bisection_finds_the_smallest(needed: int) -> None:
    asked: list[int] = []

    def works(arena_bytes: int) -> bool:
        asked.append(arena_bytes)
        return arena_bytes >= needed

    found = smallest(works, 16, 4096)
    assert found == -(-needed // 16) * 16
    assert len(asked) <= 8
    assert all(n % 16 == 0 for n in asked)


def test_a_finding_is_kept_with_its_margin(tmp_path: Path) -> None:
    cache = tmp_path / "arenas"
    assert sizing.recall(cache, "a", "stm32f4", "stm32f4") is None
    sizing.remember(cache, "a", 1600)
    sizing.remember(cache, "b", 3200)
    here, there = (sizing.recall(cache, "a", "stm32f4", target) for target in ("stm32f4", "nano33ble"))
    assert here is not None and there is not None
    assert here.bytes == 1600 + sizing.MARGIN_BYTES
    assert there.bytes == 1600 + sizing.OTHER_MARGIN_BYTES
    assert "1,600 bytes is the smallest arena that works, found by trial on stm32f4; 256 are added" in here.origin


REMEMBERING = (
    "import sys; from pathlib import Path; from tools import sizing\n"
    "for i in range(50): sizing.remember(Path(sys.argv[1]), f'{sys.argv[2]} {i}', i)"
)


def test_two_at_once_both_keep_what_they_find(tmp_path: Path) -> None:
    root = Path(__file__).resolve().parents[2]
    commands = [[sys.executable, "-c", REMEMBERING, str(tmp_path), who] for who in ("one", "other")]
    both = [subprocess.Popen(command, cwd=root) for command in commands]
    assert [each.wait() for each in both] == [0, 0]
    for who, i in itertools.product(("one", "other"), range(50)):
        assert sizing.recall(tmp_path, f"{who} {i}", "stm32f4", "stm32f4") is not None


def test_sources_do_not_depend_on_anything_but_the_model_and_the_target(stm32f4: Target) -> None:
    program = Program(b"0123", graph("RESHAPE", DType.INT8), ())
    one, other = (tflm.sources(program, stm32f4, Arena(4096, "Tried."), mode="int8") for _ in range(2))
    assert one == other
    assert b"alignas(16) uint8_t kerf_arena[4096 * (sizeof(void*) / 4)];" in one.files["src/model.cpp"]
    assert b"MicroMutableOpResolver<1>" in one.files["src/model.cpp"]
    assert b"// Tried.\n" in one.files["src/model.cpp"]


def test_a_project_has_what_stands_around_the_interpreter(stm32f4: Target) -> None:
    """Every header that is not the library's, and what is compiled beside it."""
    program = Program(b"0123", graph("RESHAPE", DType.INT8), ())
    sources = tflm.sources(program, stm32f4, Arena(4096, "Tried."), mode="int8")
    files = bench.project(Model(program, sources, stm32f4, "tflm", "int8", 4096)).files
    ours = {name for name in files if name.startswith("src/tflm/")}
    assert "src/tflm/interpreter.cpp" in ours
    for name in ("src/model.cpp", *ours):
        for included in re.findall(rb'^#include "([^"]+)"', files[name], re.MULTILINE):
            assert included.startswith(b"tensorflow/") or f"src/{included.decode()}" in files, (name, included)


def test_per_model_values_stay_out_of_the_flags(stm32f4: Target) -> None:
    """A change of build_flags would compile the library again."""
    flags = set()
    for kind, arena in (("RESHAPE", 4096), ("ADD", 1024)):
        program = Program(b"0123", graph(kind, DType.INT8, name=kind), ())
        flags.add(tuple(sorted(tflm.sources(program, stm32f4, Arena(arena, kind), mode="int8").options.items())))
    assert len(flags) == 1


def test_a_library_that_cannot_be_fetched_is_named_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """PlatformIO itself would wait for its registry for minutes."""
    monkeypatch.setattr(scons, "registry_answers", lambda: False)
    monkeypatch.setattr(build, "_require_compiler", lambda target: None)
    stm32f4 = targets.find("stm32f4")
    program = Program(b"0123", graph("RESHAPE", DType.INT8), ())
    sources = tflm.sources(program, stm32f4, Arena(4096, "Tried."), mode="int8")
    project = bench.project(Model(program, sources, stm32f4, "tflm", "int8", 4096))
    with pytest.raises(MissingTool) as caught:
        build.build(tmp_path, project, stm32f4, Progress(), build.shared(tmp_path / "cache", project, stm32f4))
    assert "spaziochirale/Chirale_TensorFLowLite@2.0.0 must be fetched from PlatformIO's registry" in str(caught.value)
    assert "KERF_TFLM_LIB" in str(caught.value)
