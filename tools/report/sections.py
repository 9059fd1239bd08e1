"""The memory map of a linked firmware: how much flash and RAM each section takes; used by the report."""

from dataclasses import dataclass
from pathlib import Path

from .. import elf


@dataclass(frozen=True)
class Section:
    """``flash_bytes`` are stored in flash, ``ram_bytes`` occupied at run time; initialized data needs both."""

    name: str
    address: int
    flash_bytes: int
    ram_bytes: int


def read(path: Path) -> tuple[Section, ...]:
    """The sections that take memory, by address. Raises BuildError when the file is not an ELF."""
    from elftools.elf.constants import SH_FLAGS

    found = []
    with elf.opened(path) as file:
        for section in file.iter_sections():
            flags, size = section["sh_flags"], section["sh_size"]
            if not flags & SH_FLAGS.SHF_ALLOC or size == 0:
                continue
            loaded = section["sh_type"] != "SHT_NOBITS"
            writable = bool(flags & SH_FLAGS.SHF_WRITE) or not loaded
            found.append(Section(section.name, section["sh_addr"], size * loaded, size * writable))
    return tuple(sorted(found, key=lambda section: section.address))
