"""compare on an emulated board: every layer of a real model as the firmware computes it, next to TFLM's."""

from pathlib import Path

import numpy as np
import port_project
import pytest

from tools import bench, build, compare, oracle, packages, targets, write
from tools.arena import Arena
from tools.compare.layers import Difference
from tools.oracle import signature
from tools.report import details, sections
from tools.runtimes import Program, aot
from tools.transports import qemu
from tools.values import Image, Quantized, Vectors

pytestmark = pytest.mark.emulator

MODEL = Path(__file__).parents[1] / "unit" / "flatten.tflite"
SAMPLES = 2


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Quantized, Program, Image]:
    port_project.require("arm-none-eabi-g++", qemu.TOOL.program)
    if not oracle.is_installed(oracle.TFLM):
        pytest.skip("tflite-micro has no wheel for this machine")
    tflite = MODEL.read_bytes()
    target = targets.find("mps2-an385")
    program = aot.compile(tflite, "flatten", target)
    assert program.plan is not None
    sources = aot.sources(program, target, Arena(program.plan.arena_bytes, ""), mode="int8")
    project = packages.find("bench").project(
        packages.Model(program, sources, target, "aot", "int8", program.plan.arena_bytes)
    )
    directory = tmp_path_factory.mktemp("compare")
    write.write(project, directory)
    image = build.build(directory, project, target, port_project.Silent())
    rng = np.random.default_rng(3)
    ports = signature.read(tflite, "flatten").inputs
    inputs = tuple(rng.integers(-128, 128, (5, *port.sample_shape)).astype(port.dtype) for port in ports)
    found = oracle.expected(tflite, inputs)
    vectors = Vectors(inputs, found.outputs, None, (), found.oracle, found.exact)
    return Quantized("flatten", "int8", tflite, project.model_sha256, MODEL, vectors), program, image


def test_every_layer_of_the_firmware_is_tflms(built: tuple[Quantized, Program, Image]) -> None:
    quantized, program, image = built
    like = tuple(np.zeros(each.tensor.shape, each.tensor.dtype.value) for each in program.reported)
    inputs = tuple(array[:SAMPLES] for array in quantized.vectors.inputs)
    emulator = targets.find("mps2-an385").emulators["qemu"]
    with qemu.open(image.elf, emulator) as line:
        rows, firmware = bench.capture(line, inputs, like, quantized.sha256, wanted=image.project.identity)
        run = bench.run(line, quantized.vectors, quantized.sha256, len(like), wanted=image.project.identity)
    assert bench.compare(quantized.vectors, run.outputs) == (), "a capture leaves nothing behind"
    assert any(array.any() for array in rows[0])
    found = compare.examine(quantized, program, None, rows, firmware, "qemu")
    assert [layer.device for layer in found.layers] == [Difference(0.0, 0.0)] * len(program.graph.ops)
    assert (found.layer, found.device_samples) == (None, SAMPLES)


def test_sections_are_what_the_sizes_say(built: tuple[Quantized, Program, Image]) -> None:
    quantized, program, image = built
    found = sections.read(image.elf)
    assert sum(section.flash_bytes for section in found) == image.flash_bytes["total"]
    kept = details.of(
        quantized, program.graph, None, None, quantized.vectors.expected, targets.find("mps2-an385"), found
    )
    by_name = {section["name"]: section for section in kept["sections"]}
    assert by_name[".text"]["ram_bytes"] == 0
    variables = sum(by_name[name]["ram_bytes"] for name in (".data", ".bss") if name in by_name)
    assert variables == image.static_bytes + image.arena_bytes
