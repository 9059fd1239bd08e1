"""Opens a linked firmware, and finds the source line of an address."""

import posixpath
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import BuildError

if TYPE_CHECKING:
    from elftools.dwarf.dwarfinfo import DWARFInfo
    from elftools.elf.elffile import ELFFile


@dataclass(frozen=True)
class Source:
    """Where an instruction comes from: the symbol of its function, and file and line as ``src/kernels/add.h:31``.

    Each is "" if the firmware does not say. ``is_thumb`` if the function is Thumb code.
    """

    function: str = ""
    line: str = ""
    is_thumb: bool = False


@contextmanager
def opened(path: Path) -> "Iterator[ELFFile]":
    """The file's sections and symbols. Raises BuildError, also while they are read, if it is not an ELF file."""
    from elftools.common.exceptions import ELFError
    from elftools.elf.elffile import ELFFile

    try:
        with path.open("rb") as stream:
            yield ELFFile(stream)
    except (OSError, ELFError) as error:
        raise BuildError(f"{path} cannot be read as an ELF file: {error}") from error


def sources(path: Path, addresses: Sequence[int]) -> tuple[Source, ...]:
    """Where each of these instructions comes from. Never raises: that is for the message about another error, and in a
    damaged file, pyelftools may fail in any way."""
    try:
        with opened(path) as file:
            dwarf = file.get_dwarf_info() if file.has_dwarf_info() else None
            return tuple(_source(file, dwarf, address) for address in addresses)
    except Exception:
        return (Source(),) * len(addresses)


def _source(file: "ELFFile", dwarf: "DWARFInfo | None", address: int) -> Source:
    table = file.get_section_by_name(".symtab")
    for symbol in table.iter_symbols() if table else ():
        if symbol["st_info"]["type"] == "STT_FUNC":
            is_thumb = bool(symbol["st_value"] & 1 and file["e_machine"] == "EM_ARM")
            begin = symbol["st_value"] - is_thumb
            if begin <= address < begin + symbol["st_size"]:
                return Source(symbol.name, _line(dwarf, address) if dwarf else "", is_thumb)
    return Source()


def _line(dwarf: "DWARFInfo", address: int) -> str:
    """The table of ranges leads to the unit at once. Where units are missing in it, as in some of RISC-V's, all are
    searched, which may take seconds."""
    ranges = dwarf.get_aranges()
    offset = ranges.cu_offset_at_addr(address) if ranges and ranges.entries else None
    units = dwarf.iter_CUs() if offset is None else [dwarf.get_CU_at(offset)]
    return next(filter(None, (_line_in(dwarf.line_program_for_CU(unit), address) for unit in units)), "")


def _line_in(program: Any, address: int) -> str:
    for states in _sequences(program) if program else ():
        # The functions that the linker left out begin at 0.
        if not 0 < states[0].address <= address < states[-1].address:
            continue
        for state, following in pairwise(states):
            if state.address <= address < following.address and state.line:
                return f"{_name(program.header, state.file)}:{state.line}"
    return ""


def _sequences(program: Any) -> Iterator[list[Any]]:
    """The rows of a line table in runs of ascending addresses."""
    states = []
    for entry in program.get_entries():
        if entry.state:
            states.append(entry.state)
            if entry.state.end_sequence:
                yield states
                states = []


def _name(header: Any, number: int) -> str:
    """The path of a line program's file, as the compiler was given it. The tables of files and of folders are counted
    from 0 since DWARF 5, and from 1 before; folder 0 is where the compiler ran."""
    first = 0 if header.version >= 5 else 1
    file = header.file_entry[number - first]
    folder = header.include_directory[file.dir_index - first] if file.dir_index else b""
    return posixpath.join(folder, file.name).decode(errors="replace")
