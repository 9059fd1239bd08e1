"""Files inside files: a .keras is a zip archive, and an HDF5 file may refer to any other file on this machine.

As with SavedModels, Keras only gets a copy of the parts that it needs, none of them larger than a model for a
microcontroller can be.
"""

import math
import shutil
import zipfile
from pathlib import Path
from typing import Any

from ..errors import QuantizeError
from .architecture import CONFIG, MAX_JSON_BYTES, METADATA, UNREADABLE, damaged

_WEIGHTS = "model.weights.h5"
_MAX_BYTES = 1 << 31  # of all weights; VGG16 with its optimizer's state has 1.7e9
_PARTS = {METADATA: MAX_JSON_BYTES, CONFIG: MAX_JSON_BYTES, _WEIGHTS: _MAX_BYTES}
_FILTERS = (1, 2, 3)  # deflate, shuffle, fletcher32: the ones for which HDF5 does not load a plugin


def unpack(path: Path, folder: Path) -> tuple[Path, Path]:
    """Copies a .keras into ``folder``; returns the copy and its weights, an HDF5 file. Raises QuantizeError."""
    copy, weights = folder / path.name, folder / _WEIGHTS
    try:
        with zipfile.ZipFile(path) as archive, zipfile.ZipFile(copy, "w") as kept:
            for name in archive.namelist():
                if name.startswith("assets/") and not name.endswith("/"):
                    raise QuantizeError(f"{path} contains the file {name!r}, which no network needs: remove its layer")
            for name, limit in _PARTS.items():
                if name == METADATA and name not in archive.namelist():
                    continue
                size = archive.getinfo(name).file_size
                if size > limit:
                    raise ValueError(f"{name} has {size:,} bytes")
                with archive.open(name) as source, (folder / name).open("wb") as target:
                    shutil.copyfileobj(source, target)
                kept.write(folder / name, name)
    except (KeyError, *UNREADABLE) as error:
        raise damaged(path, error) from None
    return copy, weights


def check(path: Path, weights: Path) -> None:
    """Raises QuantizeError for an HDF5 file (the weights of ``path``) that refers to other files or is too large."""
    import h5py

    total = 0

    def as_link(name: str, link: Any) -> str | None:
        return name if isinstance(link, h5py.ExternalLink) else None

    def as_data(name: str, item: Any) -> str | None:
        nonlocal total
        if not isinstance(item, h5py.Dataset):
            return None
        total += math.prod(item.shape or ()) * item.dtype.itemsize
        settings = item.id.get_create_plist()
        for i in range(settings.get_nfilters()):
            if settings.get_filter(i)[0] not in _FILTERS:
                raise ValueError(f"{name} uses the HDF5 filter {settings.get_filter(i)[0]}")
        return name if item.external or item.is_virtual else None

    try:
        with h5py.File(weights, "r") as file:
            found = file.visititems_links(as_link) or file.visititems(as_data)
    except (KeyError, *UNREADABLE) as error:
        raise damaged(path, error) from None
    if found is not None:
        raise QuantizeError(f"{path} reads {found} from another file: save the model again as a single file")
    if total > _MAX_BYTES:
        raise QuantizeError(f"{path} unpacks to {total:,} bytes of weights: too large for any microcontroller")
