"""Runtime tflm from the .tflite to the numbers, with the real library, in QEMU.

The library comes from PlatformIO's registry, or from the folder, URL or registry spec in KERF_TFLM_LIB. Compiling it
takes a few minutes the first time; after that, its objects are in build/.cache, as for every other project.
"""

import os
import re
from pathlib import Path

import pytest
from port_project import Silent, require

from tools import bench, build, pipeline, scons, sizing, targets
from tools.arena import Arena
from tools.errors import DeviceError
from tools.pipeline import Outcome, firmware, places
from tools.values import Request

FLATTEN = Path(__file__).parents[1] / "unit" / "flatten_per_tensor.tflite"
SHARED = Path(__file__).parents[3] / "shared" / "models"

pytestmark = [pytest.mark.emulator, pytest.mark.timeout(3600)]


@pytest.fixture(scope="module", autouse=True)
def library() -> None:
    require("arm-none-eabi-g++", "qemu-system-arm")
    if not os.environ.get(targets.TFLM_LIB) and not scons.registry_answers():
        pytest.skip(f"PlatformIO's registry does not answer, and {targets.TFLM_LIB} names no TFLM library")


@pytest.fixture(autouse=True)
def own_build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Everything except the cache is made again."""
    cache = places.cache()
    monkeypatch.setattr(places, "BUILD", tmp_path)
    monkeypatch.setattr(places, "cache", lambda: cache)
    return tmp_path


def ask(model: str | Path = FLATTEN) -> Request:
    return Request(model=str(model), runtime="tflm", target="stm32f4", emulator="qemu")


def compiled_of_library(log: Path) -> list[str]:
    """PlatformIO keeps a library's objects in lib and three digits of a hash; the project's own are in src."""
    return re.findall(r"^Compiling (\S*/lib[0-9a-f]{3}/\S+)", log.read_text(), re.MULTILINE)


@pytest.mark.tf
def test_all_digits_equal_the_oracle_beside_aot() -> None:
    """The same .tflite on both runtimes: the same operators in the same order, the same numbers."""
    tflm, aot = pipeline.bench_all(ask("digits"), "digits", "int8", "tflm,aot", "stm32f4", Silent())
    assert isinstance(tflm, Outcome) and isinstance(aot, Outcome)
    for outcome in (tflm, aot):
        m = outcome.measurement
        assert (m.samples, m.mismatches, m.tolerance) == (360, 0, 0)
        assert m.accuracy is not None and m.accuracy["device"] == m.accuracy["host"] >= 0.96
    assert tflm.measurement.model_sha256 == aot.measurement.model_sha256
    assert (tflm.measurement.kernels, aot.measurement.kernels) == ("CMSIS-NN", "portable")
    assert tflm.measurement.per_op is not None and aot.measurement.per_op is not None
    assert [op["op"] for op in tflm.measurement.per_op] == [op["op"] for op in aot.measurement.per_op]
    # The operators are those of the first sample, the median that of all: CMSIS-NN's times depend on the numbers.
    invoke = tflm.measurement.invoke
    assert invoke.min < sum(op["median"] for op in tflm.measurement.per_op) <= 1.01 * invoke.median


def test_times_are_the_same_in_every_run_and_nothing_is_compiled_again(own_build: Path) -> None:
    first = pipeline.run(ask(), Silent())
    second = pipeline.run(ask(), Silent())
    assert first.measurement.mismatches == second.measurement.mismatches == 0
    assert first.measurement.invoke == second.measurement.invoke
    assert first.measurement.per_op == second.measurement.per_op
    assert not second.built.image.rebuilt


def test_a_second_model_does_not_compile_the_library(own_build: Path) -> None:
    """The same project in a new folder does not compile it again, either."""
    pipeline.build(ask(), Silent())
    other = own_build / "other.tflite"
    other.write_bytes(FLATTEN.read_bytes())
    built = pipeline.build(ask(other), Silent())
    assert built.rendered.directory is not None
    assert built.image.elf.is_file()
    assert compiled_of_library(built.rendered.directory / build.LOG) == []


def test_the_arena_is_the_smallest_that_works_and_its_margin() -> None:
    outcome = pipeline.run(ask(), Silent())
    reserved = outcome.measurement.ram_bytes["arena"]
    start = pipeline.choose(ask()).line.open
    assert sizing.find(pipeline.build(ask(), Silent()).image.elf, start) + sizing.MARGIN_BYTES == reserved
    assert 0 < outcome.measurement.extra["arena_used_bytes"] < reserved


def test_an_arena_that_is_too_small_says_by_how_much() -> None:
    arena = pipeline.run(ask(), Silent()).measurement.ram_bytes["arena"] - sizing.MARGIN_BYTES
    for less in (16, arena // 2, arena - 16):
        rendered = pipeline.render_to_disk(ask(), Silent(), arena=Arena(arena - less, "Too small."))
        assert rendered.directory is not None
        image = build.build(
            rendered.directory, rendered.project, rendered.target, Silent(), firmware.platformio_settings(rendered)
        )
        vectors = rendered.compiled.quantized.vectors
        said = r"could not be set up on the device: the arena is too small: (\d+) bytes are missing"
        with (
            pipeline.choose(ask()).line.open(image.elf) as line,
            pytest.raises(DeviceError, match=said) as caught,
        ):
            bench.run(line, vectors, rendered.project.model_sha256, len(rendered.project.op_labels), Silent())
        found = re.search(said, str(caught.value))
        assert found is not None and 0 < int(found[1]) <= max(less, 1024)


@pytest.mark.parametrize("name", ["kws", "ic", "vww"])
def test_models_of_mlperf_tiny_equal_the_oracle(name: str) -> None:
    path = SHARED / f"{name}.tflite"
    if not path.is_file():
        pytest.skip(f"{name}.tflite is not there")
    measurement = pipeline.run(ask(path), Silent()).measurement
    assert (measurement.mismatches, measurement.kernels) == (0, "CMSIS-NN")
