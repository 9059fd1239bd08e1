"""The source line of an address, from the line tables of each version that compilers write."""

import random
import subprocess
from pathlib import Path

import pytest

from tools import elf

pytestmark = pytest.mark.compiler

HEADER = "inline int twice(int x) {\n    return x + x;\n}\n"
SOURCE = """#include "twice.h"
volatile int number;
__attribute__((noinline)) int unused(int x) {
    return x + number;
}
int main() {
    number = 1;
    return twice(number);
}
"""


def linked(folder: Path, *flags: str) -> Path:
    (folder / "inc").mkdir(parents=True)
    (folder / "inc" / "twice.h").write_text(HEADER)
    (folder / "main.cpp").write_text(SOURCE)
    command = ["g++", "-O0", "-no-pie", "-ffunction-sections", "-Wl,--gc-sections", "-Iinc", *flags]
    subprocess.run([*command, "main.cpp", "-o", "main.elf"], cwd=folder, check=True)
    return folder / "main.elf"


def addresses(path: Path) -> dict[str, int]:
    with elf.opened(path) as file:
        return {s.name: s["st_value"] for s in file.get_section_by_name(".symtab").iter_symbols()}


def of(path: Path, *at: int) -> list[tuple[str, str]]:
    return [(found.function, found.line) for found in elf.sources(path, at)]


@pytest.mark.parametrize("version", [3, 4, 5])
def test_file_and_line(version: int, tmp_path: Path) -> None:
    path = linked(tmp_path, f"-gdwarf-{version}")
    at = addresses(path)
    assert of(path, at["main"]) == [("main", "main.cpp:6")]
    assert of(path, at["_Z5twicei"]) == [("_Z5twicei", "inc/twice.h:1")]
    lines = [line for _, line in of(path, *range(at["main"], at["main"] + 60))]
    numbers = [int(line.removeprefix("main.cpp:")) for line in lines if line]
    assert sorted(set(numbers)) == [6, 7, 8, 9]
    assert numbers == sorted(numbers)
    assert "_Z6unusedi" not in at
    assert of(path, 0, 8, at["main"] - 0x10000) == [("", "")] * 3


def test_a_file_that_does_not_say(tmp_path: Path) -> None:
    path = linked(tmp_path, "-g0")
    assert of(path, addresses(path)["main"]) == [("main", "")]
    assert of(tmp_path / "missing.elf", 0x1000) == [("", "")]


def test_a_damaged_file_does_not_hide_the_crash(tmp_path: Path) -> None:
    path = linked(tmp_path, "-gdwarf-4")
    rng, whole, at = random.Random(1), path.read_bytes(), addresses(path)["main"]
    with elf.opened(path) as file:
        debug = [s for s in file.iter_sections() if s.name.startswith(".debug")]
    for _ in range(300):
        section, data = rng.choice(debug), bytearray(whole)
        data[section["sh_offset"] + rng.randrange(section["sh_size"])] = rng.randrange(256)
        path.write_bytes(data)
        assert len(elf.sources(path, (at, 0))) == 2
