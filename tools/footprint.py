"""What of a firmware's code is the bench's: the part that a user who exports the model does not have."""

from pathlib import Path

from .errors import BuildError
from .values import Image

# Mangled names of what is compiled with a model are those of kerf's namespace that are not of these.
_KERF = ("_ZN4kerf", "_ZNK4kerf")
_BENCH = ("4kerf5bench", "4kerf4port", "4kerf4chip", "4kerf9baremetal")


def bench_code_bytes(empty: Image) -> int:
    """The code of a firmware with an empty model, without that model's own kernels and glue.

    Raises BuildError when the image's file is not an ELF.
    """
    return empty.flash_bytes["code"] - _of_model(empty.elf)


def _of_model(elf: Path) -> int:
    from elftools.common.exceptions import ELFError
    from elftools.elf.elffile import ELFFile

    sizes: dict[int, int] = {}  # by address, so that aliases count once
    try:
        with elf.open("rb") as stream:
            table = ELFFile(stream).get_section_by_name(".symtab")
            for symbol in table.iter_symbols() if table else ():
                if symbol.name.startswith(_KERF) and not any(part in symbol.name for part in _BENCH):
                    sizes[symbol["st_value"]] = symbol["st_size"]
    except (OSError, ELFError) as error:
        raise BuildError(f"{elf} is not an ELF file, so its sizes cannot be read: {error}") from error
    return sum(sizes.values())
