"""The memory map of a linked firmware: how much flash and RAM each section takes; used by the report."""

from dataclasses import dataclass
from pathlib import Path

from ..errors import BuildError


@dataclass(frozen=True)
class Section:
    """``flash_bytes`` are stored in flash, ``ram_bytes`` occupied at run time; initialized data needs both."""

    name: str
    address: int
    flash_bytes: int
    ram_bytes: int


def read(elf: Path) -> tuple[Section, ...]:
    """The sections that take memory, by address. Raises BuildError when the file is not an ELF."""
    from elftools.common.exceptions import ELFError
    from elftools.elf.constants import SH_FLAGS
    from elftools.elf.elffile import ELFFile

    found = []
    try:
        with elf.open("rb") as stream:
            for section in ELFFile(stream).iter_sections():
                flags, size = section["sh_flags"], section["sh_size"]
                if not flags & SH_FLAGS.SHF_ALLOC or size == 0:
                    continue
                loaded = section["sh_type"] != "SHT_NOBITS"
                writable = bool(flags & SH_FLAGS.SHF_WRITE) or not loaded
                found.append(Section(section.name, section["sh_addr"], size * loaded, size * writable))
    except (OSError, ELFError) as error:
        raise BuildError(f"{elf} is not an ELF file, so its sections cannot be read: {error}") from error
    return tuple(sorted(found, key=lambda section: section.address))
