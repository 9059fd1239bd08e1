"""One folder for all temporary files of a kerf and its children, so that nothing stays behind, however it ends.

Libraries (TensorFlow), compilers and kerf itself put files into the system's temporary folder and remove them when they
end normally. A killed process cannot do that; the next kerf removes what it left.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

_PREFIX = "kerf-"
_USER = os.getuid() if hasattr(os, "getuid") else 0  # on Windows, every file's st_uid is 0
_LOCK = ".lock"  # in the folder, held by its process: the system releases it however the process ends


@contextmanager
def own_folder() -> Iterator[Path]:
    """A new folder in which this process and its children create their temporary files; removed with the context.

    The folders of killed kerfs are removed first.
    """
    system, variable = tempfile.tempdir, os.environ.get("TMPDIR")
    _sweep(Path(tempfile.gettempdir()))
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
    lock = FileLock(folder / _LOCK)
    try:
        lock.acquire(blocking=False)
        tempfile.tempdir = os.environ["TMPDIR"] = str(folder)
        yield folder
    finally:
        tempfile.tempdir = system
        if variable is None:
            os.environ.pop("TMPDIR", None)
        else:
            os.environ["TMPDIR"] = variable
        shutil.rmtree(folder, ignore_errors=True)  # a child of a child may still be writing
        lock.release()


def _sweep(system: Path) -> None:
    """Removes the folders of this user's kerfs that have ended."""
    for path in system.glob(f"{_PREFIX}*/{_LOCK}"):
        with suppress(OSError, Timeout):
            if path.parent.stat().st_uid != _USER:
                continue
            lock = FileLock(path)
            lock.acquire(blocking=False)
            shutil.rmtree(path.parent, ignore_errors=True)
            lock.release()
