"""What ./kerf asks the system's package manager for, before anything runs."""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RISCV = ("gcc-riscv64-unknown-elf", "qemu-system-misc")


def wanted(tmp_path: Path, *arguments: str, **environment: str) -> str:
    """The sentence that names the missing packages, on a machine without any tool or package manager."""
    dirname = shutil.which("dirname")
    assert dirname is not None
    (tmp_path / "dirname").symlink_to(dirname)
    command = ["/bin/sh", str(ROOT / "kerf"), *arguments]
    done = subprocess.run(command, env={"PATH": str(tmp_path), **environment}, capture_output=True, text=True)
    assert done.returncode == 1
    return done.stderr


@pytest.mark.parametrize("arguments", [["run"], ["run", "--target", "stm32f4"]])
def test_a_target_gets_the_tools_of_the_demo(tmp_path: Path, arguments: list[str]) -> None:
    said = wanted(tmp_path, *arguments)
    assert "gcc-arm-none-eabi" in said and "qemu-system-arm" in said
    assert not any(package in said for package in RISCV)


@pytest.mark.parametrize(
    ("arguments", "environment"),
    [
        (["run", "--target", "riscv32"], {}),
        (["bench", "--targets=stm32f4,riscv32"], {}),
        (["test"], {"KERF_TARGETS": "riscv32"}),
    ],
)
def test_the_tools_for_riscv_are_installed_on_demand(
    tmp_path: Path, arguments: list[str], environment: dict[str, str]
) -> None:
    said = wanted(tmp_path, *arguments, **environment)
    assert all(package in said for package in RISCV)
