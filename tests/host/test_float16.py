"""float16 weights: each number is widened exactly, and a convolution widens some filters at a time."""

import subprocess
from pathlib import Path

import numpy as np
import pytest
from against_tflm import CXX_FLAGS, ROOT, Result, run_cases, run_litert
from cases import with_float16_widened
from single_op import OpSpec, build
from test_conv_2d import conv

from tools.cores import HOST
from tools.graph import passes, read
from tools.graph.ir import Scratch
from tools.graph.schedule import schedule

# name → (layer, filters that are widened at once)
CONVOLUTIONS = {
    "all of few": (conv(1, "float16", size=(7, 7), depth=2, channels=10), 10),
    "some of many": (conv(2, "float16", size=(9, 9), depth=16, channels=10), 4),
    "some of each group": (conv(3, "float16", size=(9, 9), depth=32, channels=14, groups=2), 4),
    "one of large ones": (conv(4, "float16", size=(2, 2), depth=32, channels=3), 1),
    "batch of two": (conv(5, "float16", size=(9, 9), depth=16, channels=8, batches=2), 4),
}
LITERT_CASES = {name: with_float16_widened(case[0]) for name, (case, _) in CONVOLUTIONS.items()}

SIGNATURE = "const Conv2DFloat32Params&, const float*, const uint16_t*, const uint16_t*, uint8_t*, float*"


@pytest.mark.compiler
def test_every_finite_number_is_widened_exactly(tmp_path: Path) -> None:
    program = tmp_path / "widen"
    main = ROOT / "tests" / "host" / "widen_main.cpp"
    subprocess.run(["g++", *CXX_FLAGS, f"-I{ROOT / 'firmware'}", main, "-o", program], check=True)
    widened = np.frombuffer(subprocess.run([program], capture_output=True, check=True).stdout, np.uint32)
    halves = np.arange(1 << 16, dtype=np.uint16).view(np.float16)
    finite = np.isfinite(halves)
    np.testing.assert_array_equal(widened[finite], halves[finite].astype(np.float32).view(np.uint32))


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Result]:
    return run_cases(LITERT_CASES, tmp_path_factory.mktemp("float16"), oracle=run_litert)


@pytest.mark.compiler
@pytest.mark.parametrize("name", LITERT_CASES)
def test_equals_litert(results: dict[str, Result], name: str) -> None:
    results[name].check()


@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_so_many_filters_are_widened_at_once(name: str) -> None:
    _, at_once = CONVOLUTIONS[name]
    ops: list[OpSpec] = LITERT_CASES[name]
    graph = passes.run(read.read(build(ops), "m"))
    (call,) = (step.call for step in schedule(graph, HOST).steps)
    (room,) = [a for a in call.arguments if isinstance(a, Scratch)]
    assert (call.function, call.template) == ("conv_2d_float16", (at_once,))
    assert room.bytes == at_once * 4 * graph.input(graph.ops[0], 1).elements // graph.output(graph.ops[0]).shape[-1]


@pytest.mark.compiler
def test_convolutions_that_widen_different_numbers_of_filters_share_their_code(tmp_path: Path) -> None:
    source = tmp_path / "two.cpp"
    calls = "".join(f"template void kerf::conv_2d_float16<{n}>({SIGNATURE});\n" for n in (4, 12))
    source.write_text(f'#include "kernels/conv_2d.h"\n{calls}')
    made = tmp_path / "two.o"
    subprocess.run(["g++", "-std=c++17", "-O2", "-c", f"-I{ROOT / 'firmware'}", source, "-o", made], check=True)
    symbols = subprocess.run(["nm", "-C", made], capture_output=True, text=True, check=True).stdout
    assert symbols.count(" void kerf::internal::Conv2DFilters<") == 1
