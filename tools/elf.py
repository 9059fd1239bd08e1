"""Opens a linked firmware, and finds the source line of an address."""

import posixpath
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import BuildError

if TYPE_CHECKING:
    from elftools.dwarf.dwarfinfo import DWARFInfo
    from elftools.elf.elffile import ELFFile


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


def source(path: Path, address: int) -> str:
    """The file and line that an instruction comes from, as ``src/kernels/add.h:31``; "" if the file does not say."""
    from elftools.common.exceptions import DWARFError, ELFParseError

    try:
        with opened(path) as file:
            return _source(file.get_dwarf_info(), address) if file.has_dwarf_info() else ""
    except (BuildError, DWARFError, ELFParseError):
        return ""


def _source(dwarf: "DWARFInfo", address: int) -> str:
    for unit in dwarf.iter_CUs():
        program = dwarf.line_program_for_CU(unit)
        for states in _sequences(program) if program else ():
            # What the linker left out begins at 0.
            if not 0 < states[0].address <= address < states[-1].address:
                continue
            for state, following in pairwise(states):
                if state.address <= address < following.address:
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
