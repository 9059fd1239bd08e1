"""A folder with one subfolder of images per class → arrays to train, calibrate and test a model with.

Two layouts: DIR/train/<class>/* with DIR/test/<class>/*, or DIR/<class>/* of which a fifth is held out for testing.
"""

import struct
import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import cache, files
from ..errors import TrainError, counted, reason
from ..models import Data
from ..progress import Progress
from . import pixels

Pixels = npt.NDArray[np.uint8]

# Pillow's decoders that only read pixels; the one for PostScript, for example, starts another program.
FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
MAX_PIXELS = 1 << 24  # in one image; a microcontroller's are a thousand times smaller
TEST_SHARE = 0.2
SEED = 0
SOURCES = ("data/images.py",)  # kerf's own files that determine the result
_SKIP = "--skip-bad skips such files"
_GREY_MODES = ("1", "L", "LA")
_COLOUR_MODES = ("P", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr")
# What Pillow raises for files that are damaged or not images, besides the warning about giant ones.
_UNREADABLE = (OSError, ValueError, SyntaxError, EOFError, IndexError, KeyError, TypeError, struct.error, Warning)


def load(
    folder: Path,
    kept_in: Path,
    progress: Progress | None = None,
    skip_bad: bool = False,
    pixel_range: str = pixels.UNIT,
) -> Data:
    """All images below ``folder`` as float32 (n, height, width, channels); classes sorted by name.

    ``pixel_range`` is one of pixels.RANGES.

    One channel if all images are greyscale, else three (red, green, blue; transparency is dropped). All images must
    have the same size. The decoded arrays are cached in the folder ``kept_in`` until a file's name, size or
    modification time changes. Names that start with a dot are ignored.

    Raises TrainError, with the path: no folder, fewer than two classes, an empty class, a file that is damaged or not
    an image, different sizes. ``skip_bad`` skips such files, and images that do not have the most common size, with a
    warning.
    """
    progress = progress or Progress()
    listing = _list(folder)
    described = [_described(p) for part in listing.files for p in part]
    key = cache.key(repr(skip_bad), *described, sources=SOURCES, packages=("pillow", "numpy"))
    name = f"{files.real(folder).name or 'root'}-{files.digest(str(files.real(folder)))[:12]}"
    path, record = kept_in / f"{name}.npz", kept_in / f"{name}.json"
    if kept := cache.load(record, key):
        packed, state = kept.files[path.name], kept.fields
    else:
        cache.forget(record)
        decoded = _decode(folder, listing, progress, skip_bad)
        packed = files.pack_arrays(decoded.arrays)
        files.write(path, packed)
        state = cache.keep(record, key, [path], skipped=decoded.skipped)
    if state["skipped"]:
        count = len(state["skipped"])
        progress.warn(f"skipped {counted(count, 'file')} in {folder}; the first: {state['skipped'][0]}")
    arrays = files.unpack_arrays(packed)
    return Data(
        pixels.scaled(arrays["train_x"], pixel_range),
        arrays["train_y"],
        pixels.scaled(arrays["test_x"], pixel_range),
        arrays["test_y"],
        classes=listing.classes,
        sha256=files.digest(state["outputs"][path.name], pixel_range, *listing.classes),
    )


def _described(path: Path) -> str:
    state = path.stat() if path.exists() else path.lstat()  # a dangling link
    return f"{path.parent.name}/{path.name} {state.st_size} {state.st_mtime_ns}"


# --- which files ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Listing:
    """The files of each part (train and test, or one for both), with the index of each file's class."""

    classes: tuple[str, ...]
    files: tuple[tuple[Path, ...], ...]
    labels: tuple[tuple[int, ...], ...]


def _list(folder: Path) -> _Listing:
    if not folder.is_dir():
        raise TrainError(f"there is no folder {folder}")
    top = _folders(folder)
    parts = [folder / "train", folder / "test"] if {"train", "test"} <= set(top) else [folder]
    classes = _folders(parts[0])
    if len(classes) < 2:
        raise TrainError(
            f"{parts[0]} has {f'one class folder, {classes[0]!r}' if classes else 'no class folders'}: it needs two or "
            f"more, each with the images of one class{_hint(parts[0], classes)}"
        )
    for part in parts[1:]:
        if _folders(part) != classes:
            odd = sorted(set(_folders(part)) ^ set(classes))[0]
            raise TrainError(f"{parts[0]} and {part} must have the same classes: {odd!r} is only in one of them")
    found, labels = [], []
    for part in parts:
        each = [_members(part / name) for name in classes]
        for name, members in zip(classes, each, strict=True):
            if not members:
                raise TrainError(f"the class folder {part / name} is empty: add images, or remove it")
        found.append(tuple(p for members in each for p in members))
        labels.append(tuple(i for i, members in enumerate(each) for _ in members))
    return _Listing(tuple(classes), tuple(found), tuple(labels))


def _members(folder: Path) -> list[Path]:
    return sorted((p for p in folder.iterdir() if p.name[0] != "."), key=lambda p: p.name)


def _folders(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir() if p.is_dir() and p.name[0] != ".")


def _hint(folder: Path, classes: Sequence[str]) -> str:
    """A hint for a data set that is one level deeper than the user thinks."""
    inner = [folder / name for name in classes if _folders(folder / name)]
    return f"; did you mean {inner[0]}?" if inner else ""


# --- decoding ---------------------------------------------------------------------------------------------------------


@dataclass
class _Decoded:
    arrays: dict[str, npt.NDArray[Any]] = field(default_factory=dict)
    skipped: list[str] = field(default_factory=list)


def _decode(folder: Path, listing: _Listing, progress: Progress, skip_bad: bool) -> _Decoded:
    decoded = _Decoded()
    images: list[list[Pixels | None]] = []
    first: tuple[Path, Pixels] | None = None
    total, done = sum(len(part) for part in listing.files), 0
    with progress.bar(f"reading {folder.name}", total) as step:
        for part in listing.files:
            images.append([])
            for path in part:
                image: Pixels | None = None
                try:
                    image = read(path)
                    first = first or (path, image)
                    if not skip_bad and image.shape[:2] != first[1].shape[:2]:
                        raise TrainError(
                            f"{path} has {_size(image)} pixels but {first[0]} has {_size(first[1])}: all images must "
                            "have the same size; --skip-bad keeps only the most common one"
                        )
                except TrainError as error:
                    if not skip_bad:
                        raise
                    decoded.skipped.append(str(error))
                images[-1].append(image)
                done += 1
                if done % 100 == 0 or done == total:
                    step(done, "")
    _keep_one_size(listing, images, decoded)
    channels = max((image.shape[2] for part in images for image in part if image is not None), default=1)
    arrays, labels = [], []
    for pictures, kinds in zip(images, listing.labels, strict=True):
        kept = [(image, kind) for image, kind in zip(pictures, kinds, strict=True) if image is not None]
        left = Counter(kind for _, kind in kept)
        needed = 1 if len(images) == 2 else 2  # without a test folder, one image each for training and testing
        for kind, name in enumerate(listing.classes):
            if left[kind] < needed:
                usable = counted(left[kind], "usable image")
                raise TrainError(f"the class {name!r} of {folder} has {usable}: it needs {needed}")
        arrays.append(np.stack([np.broadcast_to(image, (*image.shape[:2], channels)) for image, _ in kept]))
        labels.append(np.array([kind for _, kind in kept], np.int64))
    if len(arrays) == 1:
        held_out = _held_out(labels[0])
        arrays = [arrays[0][~held_out], arrays[0][held_out]]
        labels = [labels[0][~held_out], labels[0][held_out]]
    decoded.arrays = {"train_x": arrays[0], "train_y": labels[0], "test_x": arrays[1], "test_y": labels[1]}
    return decoded


def _size(image: Pixels) -> str:
    return f"{image.shape[1]}x{image.shape[0]}"


def _keep_one_size(listing: _Listing, images: list[list[Pixels | None]], decoded: _Decoded) -> None:
    """Drops and records images that do not have the most common size (the smallest of several equally common ones)."""
    sizes = Counter(image.shape[:2] for part in images for image in part if image is not None)
    if len(sizes) < 2:
        return
    common = min(sizes, key=lambda size: (-sizes[size], size))
    for paths, part in zip(listing.files, images, strict=True):
        for i, image in enumerate(part):
            if image is not None and image.shape[:2] != common:
                decoded.skipped.append(f"{paths[i]} has {_size(image)} pixels, most have {common[1]}x{common[0]}")
                part[i] = None


def _held_out(labels: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Which images are test images: always the same fifth of each class, at least one, never all."""
    random = np.random.default_rng(SEED)
    chosen = np.zeros(len(labels), np.bool_)
    for kind in np.unique(labels):
        members = random.permutation(np.flatnonzero(labels == kind))
        chosen[members[: max(1, round(TEST_SHARE * len(members)))]] = True
    return chosen


def read(path: Path) -> Pixels:
    """One image, upright, as (height, width, 1 or 3) bytes. Raises TrainError when it is damaged or not an image."""
    from PIL import Image, ImageOps, UnidentifiedImageError

    if not path.is_file():
        raise TrainError(f"{path} is not a file: a class folder must contain only images; {_SKIP}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with Image.open(path, formats=FORMATS) as image:
                if image.width * image.height > MAX_PIXELS:
                    raise TrainError(
                        f"{path} has {image.width}x{image.height} pixels, more than {MAX_PIXELS:,} in total; {_SKIP}"
                    )
                if image.mode not in (*_GREY_MODES, *_COLOUR_MODES):
                    raise TrainError(
                        f"{path} has pixels of type {image.mode}: save it with 8 bits per channel; {_SKIP}"
                    )
                upright = ImageOps.exif_transpose(image)
                levels = np.asarray(upright.convert("L" if image.mode in _GREY_MODES else "RGB"))
    except UnidentifiedImageError:
        raise TrainError(f"{path} is not an image that kerf can read ({', '.join(FORMATS)}); {_SKIP}") from None
    except (*_UNREADABLE, Image.DecompressionBombError) as error:
        raise TrainError(f"{path} is damaged or truncated ({reason(error)}); {_SKIP}") from None
    return levels.reshape(*levels.shape[:2], -1)
