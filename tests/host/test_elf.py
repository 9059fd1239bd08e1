"""The source line of an address, from the line tables of each version that compilers write."""

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


@pytest.mark.parametrize("version", [3, 4, 5])
def test_file_and_line(version: int, tmp_path: Path) -> None:
    path = linked(tmp_path, f"-gdwarf-{version}")
    at = addresses(path)
    assert elf.source(path, at["main"]) == "main.cpp:6"
    assert elf.source(path, at["_Z5twicei"]) == "inc/twice.h:1"
    assert "_Z6unusedi" not in at
    assert elf.source(path, 0) == elf.source(path, 8) == elf.source(path, at["main"] - 0x10000) == ""


def test_a_file_that_does_not_say(tmp_path: Path) -> None:
    path = linked(tmp_path, "-g0")
    assert elf.source(path, addresses(path)["main"]) == ""
    damaged = tmp_path / "damaged.elf"
    damaged.write_bytes(path.read_bytes()[:200])
    assert elf.source(damaged, 0x1000) == elf.source(tmp_path / "missing.elf", 0x1000) == ""
