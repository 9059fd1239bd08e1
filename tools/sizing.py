"""How much arena an interpreter needs on the target, found by trial in an emulator, between two builds.

An interpreter reports less arena than its setup needs, so the size can only be found by trial. One firmware serves all
trials: in a copy of it, the two words that locate the interpreter's memory are changed to point to unused RAM, and
after booting it reports whether its setup succeeded.
"""

import struct
import tempfile
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path

from . import cache, elf, faults, files
from .arena import STEP_BYTES, Arena, smallest
from .errors import BuildError, DeviceError, DoesNotFit
from .link import Link
from .protocol import Welcome
from .transports import Transport

MARGIN_BYTES = 256  # added if the trials ran on the target itself …
OTHER_MARGIN_BYTES = 2048  # … or on another one, whose kernels may need less scratch memory

MEMORY = "kerf_arena_memory"  # firmware/tflm/interpreter.h: a pointer, a number of bytes
UNUSED_BEGIN, UNUSED_END = "__bss_end", "__ram_end"
ARENA_TOO_SMALL = 1  # model.h's Status

Start = Callable[[Path], AbstractContextManager[Transport]]


def find(path: Path, start: Start) -> int:
    """The smallest arena, in bytes, with which the model in this firmware can be set up in an emulator.

    Raises DoesNotFit when even all RAM is too little, DeviceError when it fails for another reason than memory,
    BuildError when the firmware lacks the symbols to change.
    """
    addresses, offset = _symbols(path)
    begin = -(-addresses[UNUSED_BEGIN] // STEP_BYTES) * STEP_BYTES
    most = (addresses[UNUSED_END] - begin) // STEP_BYTES * STEP_BYTES
    with tempfile.TemporaryDirectory(prefix="kerf-arena-") as folder:
        copy = Path(folder) / path.name

        def attempt(arena_bytes: int) -> Welcome | None:
            copy.write_bytes(_patched(path.read_bytes(), offset, begin, arena_bytes))
            try:
                with start(copy) as transport:
                    return Link(transport).hello()
            except DeviceError:  # it crashed for lack of memory
                return None

        def works(arena_bytes: int) -> bool:
            welcome = attempt(arena_bytes)
            return welcome is not None and welcome.setup_status == 0

        most_of_all = attempt(most)
        if most_of_all is None:
            raise DeviceError(f"the model crashes during setup, even with all {most:,} bytes of free RAM as its arena")
        if most_of_all.setup_status == ARENA_TOO_SMALL:
            raise DoesNotFit(
                f"the model needs at least {most_of_all.setup_detail:,} more bytes of RAM than the {most:,} that are "
                "free; choose a larger target or a smaller model"
            )
        if most_of_all.setup_status:
            why = faults.describe_status(most_of_all.setup_status, most_of_all.setup_detail)
            raise DeviceError(f"the model could not be set up on the device: {why}")
        return smallest(works, STEP_BYTES, most)


def recall(folder: Path, key: str, tried_on: str, target: str) -> Arena | None:
    """The arena for ``target`` from what `remember` stored, including a margin; None if it stored nothing."""
    kept = cache.load(_finding(folder, key), key)
    if kept is None:
        return None
    found = kept.fields["arena_bytes"]
    margin = MARGIN_BYTES if tried_on == target else OTHER_MARGIN_BYTES
    return Arena(
        found + margin,
        f"{found:,} bytes is the smallest arena that works, found by trial on {tried_on}; {margin:,} are added.",
    )


def remember(folder: Path, key: str, arena_bytes: int) -> None:
    """Stores the result of `find`, which takes several seconds."""
    cache.keep(_finding(folder, key), key, arena_bytes=arena_bytes)


def _finding(folder: Path, key: str) -> Path:
    """One file per key: in a shared file, two kerfs at once could lose each other's entries."""
    return folder / f"{files.digest(key)[:16]}.json"


def _symbols(path: Path) -> tuple[Mapping[str, int], int]:
    """The addresses of the symbols above, and the offset of MEMORY's two words in the file."""
    from elftools.elf.sections import SymbolTableSection

    with elf.opened(path) as file:
        table = file.get_section_by_name(".symtab")
        assert isinstance(table, SymbolTableSection)
        addresses = {}
        for name in (MEMORY, UNUSED_BEGIN, UNUSED_END):
            found = table.get_symbol_by_name(name)
            if not found:
                raise BuildError(f"{path} has no symbol {name}, so its arena cannot be sized; render the project again")
            addresses[name] = int(found[0]["st_value"])
        for section in file.iter_sections():
            inside = section["sh_addr"] <= addresses[MEMORY] < section["sh_addr"] + section["sh_size"]
            if inside and section["sh_type"] == "SHT_PROGBITS":
                return addresses, int(section["sh_offset"]) + addresses[MEMORY] - int(section["sh_addr"])
    raise BuildError(f"{path} has {MEMORY} in none of its sections; render the project again")


def _patched(contents: bytes, offset: int, begin: int, arena_bytes: int) -> bytes:
    words = struct.pack("<II", begin, arena_bytes)
    return contents[:offset] + words + contents[offset + len(words) :]
