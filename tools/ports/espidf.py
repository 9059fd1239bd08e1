"""Boards with ESP-IDF: PlatformIO installs the compiler, and CMake needs a list of the sources."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from .. import __version__
from ..errors import BuildError
from ..render import render
from . import Port


def _project_files(sources: Sequence[str]) -> Mapping[str, bytes]:
    """CMake's two files, which list the sources, and ESP-IDF's configuration."""
    templates = {
        "CMakeLists.txt": "common/espidf/CMakeLists.txt.j2",
        "src/CMakeLists.txt": "common/espidf/component.txt.j2",
        "sdkconfig.defaults": "common/espidf/sdkconfig.defaults.j2",
    }
    return {name: render(text, version=__version__, sources=sources).encode() for name, text in templates.items()}


# The offsets in the ESP32's flash of the files that PlatformIO builds (CONFIG_BOOTLOADER_OFFSET_IN_FLASH,
# CONFIG_PARTITION_TABLE_OFFSET, the first partition), and the size of the flash, as in sdkconfig.defaults.
_FLASH = {0x1000: "bootloader.bin", 0x8000: "partitions.bin", 0x10000: "firmware.bin"}
_FLASH_BYTES = 4 << 20


def _flash_image(elf: Path) -> bytes:
    """The whole flash of an ESP32, 0xff where it is empty, as `esptool merge_bin --fill-flash-size 4MB` makes it."""
    image = bytearray(b"\xff" * _FLASH_BYTES)
    for offset, name in _FLASH.items():
        try:
            part = (elf.parent / name).read_bytes()
        except OSError as error:
            raise BuildError(f"there is no {name} next to {elf} ({error.strerror}): build it again") from error
        image[offset : offset + len(part)] = part
    if len(image) > _FLASH_BYTES:
        raise BuildError(f"{elf.with_name('firmware.bin')} does not fit into {_FLASH_BYTES:,} bytes of flash")
    return bytes(image)


PORT = Port(takes_spaces=False, project_files=_project_files, flash_image=_flash_image)
