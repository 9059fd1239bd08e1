"""Bare-metal Cortex-M: the system's compiler and, for a board, OpenOCD."""

from ..installed import Tool, apt
from . import Port

PORT = Port(
    compiler=Tool(
        "arm-none-eabi-g++",
        "builds for Cortex-M",
        apt("gcc-arm-none-eabi libnewlib-arm-none-eabi libstdc++-arm-none-eabi-newlib"),
    ),
    probe=Tool("openocd", "writes to Cortex-M boards through a debug probe", apt("openocd")),
)
