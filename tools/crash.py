"""The last resort: an unexpected exception becomes one sentence, and everything that helps to fix it goes to a file."""

import os
import platform
import sys
import tempfile
import time
import traceback
from collections.abc import Sequence
from pathlib import Path

from . import __version__
from .visible import visible

EXIT_CODE = 70  # EX_SOFTWARE of sysexits.h
OUT_OF_MEMORY = "this machine ran out of memory; close other programs, or use fewer samples"


def report(error: BaseException, folder: Path) -> str:
    """The message for a bug in kerf; its traceback goes to a file in ``folder``, or in the temporary folder."""
    where = _location(error)
    text = "\n".join(
        (
            f"kerf {__version__}, Python {platform.python_version()}, {platform.platform()}",
            f"command: {sys.argv[1:]}",
            "",
            "".join(traceback.format_exception(error)),
        )
    )
    name = f"crash-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.log"
    kept = _write(text, name, (folder, Path(tempfile.gettempdir())))
    plea = f"the traceback is in {kept}; please report it" if kept else "please report it with what you typed"
    return f"this is a bug in kerf: {_shortened(error)}{where}; {plea}"


def _shortened(error: BaseException) -> str:
    said = str(error)
    kind = type(error).__name__
    return f"{kind} ({said[:200]}{'…' * (len(said) > 200)})" if said else kind


def _location(error: BaseException) -> str:
    """The innermost frame in kerf's own code, as a suffix; "" if there is none."""
    root = Path(__file__).parent
    frames = [f for f in traceback.extract_tb(error.__traceback__) if root in Path(f.filename).parents]
    if not frames:
        return ""
    return f" in tools/{Path(frames[-1].filename).relative_to(root).as_posix()} line {frames[-1].lineno}"


def _write(text: str, name: str, folders: Sequence[Path]) -> Path | None:
    """Writes the file to the first folder that accepts it and returns its path; None if none does."""
    for folder in folders:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(visible(text, keep="\n"), encoding="utf-8")
        except OSError:
            continue
        return folder / name
    return None
