"""How much of a firmware's code belongs to the bench, which an exported model does without."""

from pathlib import Path

from . import elf
from .values import Image

# The symbols of a model's kernels and glue are those in kerf's namespace, except in the bench's parts of it. Mangled.
_KERF = ("_ZN4kerf", "_ZNK4kerf")
_BENCH = ("4kerf5bench", "4kerf4port", "4kerf4chip", "4kerf9baremetal")


def bench_code_bytes(empty: Image) -> int:
    """The code of a firmware with an empty model, without that model's own kernels and glue.

    Raises BuildError when the image's file is not an ELF.
    """
    return empty.flash_bytes["code"] - _of_model(empty.elf)


def _of_model(path: Path) -> int:
    sizes: dict[int, int] = {}  # by address, so that aliases count once
    with elf.opened(path) as file:
        table = file.get_section_by_name(".symtab")
        for symbol in table.iter_symbols() if table else ():
            if symbol.name.startswith(_KERF) and not any(part in symbol.name for part in _BENCH):
                sizes[symbol["st_value"]] = symbol["st_size"]
    return sum(sizes.values())
