"""--check-arena on this machine and in QEMU: an operator that writes one byte beside its output is named."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import port_project
import pytest

from tools import faults, pipeline
from tools.errors import Crashed
from tools.graph.ir import Placement
from tools.pipeline import places
from tools.runtimes import Program, aot
from tools.transports import qemu
from tools.values import Request

pytestmark = pytest.mark.emulator

FLATTEN = Path(__file__).parents[1] / "unit" / "flatten.tflite"
CALL = "static void step1_dense() {"


@pytest.fixture(scope="module")
def own_build(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A build/ for these tests alone, except for compiled objects."""
    cache = places.cache()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(places, "BUILD", tmp_path_factory.mktemp("build"))
        patch.setattr(places, "cache", lambda: cache)
        yield


def asked(target: str) -> Request:
    port_project.require(*(["g++"] if target == "host" else ["arm-none-eabi-g++", qemu.TOOL.program]))
    return Request(str(FLATTEN), target=target, samples=4, check_arena=True)


def plant(monkeypatch: pytest.MonkeyPatch, beside: Callable[[Placement], int]) -> None:
    """In the third inference, the last layer also changes the byte that is ``beside`` its output."""
    files = aot.files

    def planted(program: Program, **options: Any) -> Mapping[str, bytes]:
        assert program.plan is not None
        at = beside(program.plan.tensors[program.graph.outputs[0]])
        head, call, tail = files(program, **options)["src/model.cpp"].decode().partition(CALL)
        fault = f"\n    static int inferences = 0;\n    if (++inferences == 3) kerf_arena[{at}] ^= 1;"
        return {"src/model.cpp": f"{head}{call}{fault}{tail}".encode()}

    monkeypatch.setattr(aot, "files", planted)


BESIDE: dict[str, Callable[[Placement], int]] = {
    "1 before": lambda place: place.offset - 1,
    "1 after": lambda place: place.offset + place.bytes,
}


@pytest.mark.usefixtures("own_build")
@pytest.mark.parametrize(
    ("target", "where"),
    [
        ("host", "1 before"),
        ("stm32f4", "1 after"),
        pytest.param("host", "1 after", marks=pytest.mark.soak),
        pytest.param("stm32f4", "1 before", marks=pytest.mark.soak),
    ],
)
def test_a_write_outside_a_tensor_is_named(target: str, where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    ask = asked(target)
    plant(monkeypatch, BESIDE[where])
    with pytest.raises(Crashed) as caught:
        pipeline.run(ask, port_project.Silent())
    found = re.fullmatch(
        r"dense \(FULLY_CONNECTED, firmware/kernels/fully_connected\w*\.h\) wrote outside its tensors, to byte "
        rf"{where} the tensor StatefulPartitionedCall_1:0; it is called in line (\d+) of (\S+/src/model\.cpp): "
        "please report this, with the model",
        str(caught.value),
    )
    assert found, str(caught.value)
    assert "step1_dense" in Path(found[2]).read_text().splitlines()[int(found[1]) - 1]
    assert (caught.value.fault.kind, caught.value.fault.psr) == (faults.OUTSIDE, 1)


@pytest.mark.usefixtures("own_build")
@pytest.mark.parametrize("target", ["stm32f4", pytest.param("host", marks=pytest.mark.soak)])
@pytest.mark.parametrize("goal", ["speed", pytest.param("ram", marks=pytest.mark.soak)])
def test_a_clean_model_runs_and_is_not_recorded(target: str, goal: str) -> None:
    said: list[str] = []
    progress = port_project.Silent()
    progress.say = said.append  # type: ignore[method-assign]
    outcome = pipeline.run(replace(asked(target), optimize=goal), progress)
    assert outcome.measurement.mismatches == 0
    assert "no operator wrote outside its tensors; with --check-arena, nothing is recorded" in said
    assert not places.records().exists()
