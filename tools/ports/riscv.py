"""Bare-metal RISC-V: the system's compiler, for which PlatformIO has no C library."""

from ..installed import Tool, apt
from . import Port

PORT = Port(
    compiler=Tool(
        "riscv64-unknown-elf-g++",
        "builds for RISC-V",
        apt("gcc-riscv64-unknown-elf picolibc-riscv64-unknown-elf"),
    ),
    is_packaged=False,
)
