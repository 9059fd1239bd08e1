"""What runtime tflm renders for every target that has firmware: model, operator list, library, options."""

import difflib
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tools import targets
from tools.arena import Arena
from tools.packages import Model, bench
from tools.runtimes import tflm

FLATTEN = Path(__file__).parents[1] / "unit" / "flatten_per_tensor.tflite"
PINNED = "stm32f4"  # in full; of the others, only the differences


@pytest.fixture
def rendered(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Mapping[str, str]]:
    """For a target: the files that are not copies of firmware/."""
    monkeypatch.delenv(targets.TFLM_LIB, raising=False)

    def files(name: str) -> Mapping[str, str]:
        target = targets.find(name)
        program = tflm.compile(FLATTEN.read_bytes(), "flatten", target)
        sources = tflm.sources(program, target, Arena(4096, "4,096 bytes, for this test."), mode="int8")
        project = bench.project(Model(program, sources, target, "tflm", "int8", 4096))
        return {path: project.files[path].decode() for path in sorted([*sources.files, "platformio.ini"])}

    return files


def test_all_of_one_target(rendered: Callable[[str], Mapping[str, str]], golden: Callable[[str, bytes], None]) -> None:
    for path, text in rendered(PINNED).items():
        golden(f"tflm-{PINNED}/{path.replace('/', '-')}", text.encode())


@pytest.mark.parametrize("name", ["nano33ble", "esp32"])
def test_what_another_target_differs_in(
    name: str, rendered: Callable[[str], Mapping[str, str]], golden: Callable[[str, bytes], None]
) -> None:
    one, other = rendered(PINNED), rendered(name)
    lines: list[str] = []
    for path in sorted({*one, *other}):
        before, after = (files.get(path, "").splitlines() for files in (one, other))
        lines += difflib.unified_diff(before, after, f"{PINNED}/{path}", f"{name}/{path}", n=0, lineterm="")
    golden(f"tflm-{name}.diff", ("\n".join(lines) + "\n").encode())
