"""Opens a linked firmware."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import BuildError

if TYPE_CHECKING:
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
