"""firmware/tflm with a stand-in for TFLM (tests/host/vendor/tflm); tests/emulator/test_tflm.py runs the real one."""

import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent
FIRMWARE = HERE.parents[1] / "firmware"
POINTER = 8

pytestmark = [
    pytest.mark.compiler,
    pytest.mark.skipif(shutil.which("g++") is None, reason="needs g++: sudo apt-get install g++"),
]

MISSING = [
    "all fits: 0 missing",
    "persistent: 30 missing",
    "buffer: 17 missing",
    "temporary: 1 missing",
    "the first refusal counts: 5 missing",
    "the planner takes all, too little: 2 missing",
    "the planner takes all, enough: 0 missing",
    "used before: 0",
]
PORTS = ["used: 77", "input: 4 bytes, dtype 1, 0.5 * (q - -3)", "output: 4 bytes, dtype 4, 0.25 * (q - 7)"]


def run(
    folder: Path, *, arena_bytes: int = 4096, variables: int = 0, schema: int = 3, room_for_ops: int = 2
) -> list[str]:
    """What the program prints after the allocator's lines, which are checked here."""
    program = folder / "program"
    flags = [
        "-std=c++17",
        "-O1",
        "-Wall",
        "-Wextra",
        "-Werror",
        "-fno-exceptions",
        "-fno-rtti",
        "-fsanitize=address,undefined",
    ]
    defined = {"ARENA_BYTES": arena_bytes, "VARIABLES": variables, "SCHEMA": schema, "ROOM_FOR_OPS": room_for_ops}
    macros = [f"-D{name}={value}" for name, value in defined.items()]
    command = ["g++", *flags, *macros, f"-I{HERE / 'vendor'}", f"-I{FIRMWARE}", str(HERE / "tflm_interpreter.cpp")]
    subprocess.run([*command, "-o", str(program)], check=True)
    lines = subprocess.run([program], check=True, capture_output=True, text=True).stdout.splitlines()
    assert lines[: len(MISSING)] == MISSING
    return lines[len(MISSING) :]


def test_a_model_without_state(tmp_path: Path) -> None:
    operators = ["op 0: 0 bytes, -1", "op 1: 4 bytes, 5", "op 2: 4 bytes, 25"]
    too_much = 5000 - (4096 - 16)  # the stand-in's allocator object takes 16
    assert run(tmp_path) == [
        f"setup of too much: status 1, detail {too_much}",
        f"setup: status 0, detail {too_much}",
        *PORTS,
        *operators,
        f"invoke: status 0, detail {too_much}",
        f"invoke: status 0, detail {too_much}",
        "5",
        "invoke: status 4, detail 1",  # operator 1 failed
        "reset: status 0, detail 1",
        *operators,
        "invoke: status 0, detail 1",
    ]


def test_a_model_with_state(tmp_path: Path) -> None:
    """The variable starts at 100 again after a reset; the operators that set it are not counted as the model's."""
    lines = run(tmp_path, variables=1)
    first = ["op 0: 0 bytes, -1", "op 1: 4 bytes, 101", "op 2: 4 bytes, 10201"]
    assert [line for line in lines if line.startswith("op ") or line.isdigit()] == [*first, "102", *first]


@pytest.mark.parametrize(
    ("variables", "arena_bytes", "missing"), [(0, 1000, 24), (3, 1024, 3 * 8 * POINTER)], ids=["arena", "variables"]
)
def test_an_arena_without_room_for_the_allocator(
    tmp_path: Path, variables: int, arena_bytes: int, missing: int
) -> None:
    lines = run(tmp_path, variables=variables, arena_bytes=arena_bytes)
    assert lines[-1] == f"setup: status 1, detail {missing}"


def test_a_schema_that_the_library_does_not_read(tmp_path: Path) -> None:
    assert run(tmp_path, schema=4)[-1] == "setup: status 3, detail 4"


def test_an_operator_that_the_library_refuses(tmp_path: Path) -> None:
    assert run(tmp_path, room_for_ops=1)[-1] == "setup: status 3, detail 0"
