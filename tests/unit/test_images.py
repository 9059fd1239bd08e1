"""Folders of images: the arrays made from them, refusals with the path, skipped files, and the cache."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tools import pipeline
from tools.data import images
from tools.errors import TrainError, UsageError
from tools.models import Augmentation, Data
from tools.pipeline import origin, places
from tools.progress import Progress, Step
from tools.values import Request

ROOT = Path(__file__).resolve().parents[2]


class Heard(Progress):
    """Keeps warnings and the steps of bars."""

    def __init__(self) -> None:
        self.warned: list[str] = []
        self.bars: list[tuple[str, int, int]] = []

    def warn(self, text: str) -> None:
        self.warned.append(text)

    @contextmanager
    def bar(self, title: str, total: int) -> Iterator[Step]:
        yield lambda done, note: self.bars.append((title, done, total))


def picture(path: Path, value: int, size: tuple[int, int] = (4, 3), mode: str = "RGB") -> Path:
    """An image of one colour; ``size`` is width and height."""
    path.parent.mkdir(parents=True, exist_ok=True)
    colour = value if mode in ("L", "P") else tuple([value] * len(mode))
    Image.new(mode, size, colour).save(path)
    return path


def plain(folder: Path, count: int = 5, mode: str = "RGB") -> Path:
    """folder/{cat,dog}/: cats are dark, dogs are bright."""
    for kind, base in (("cat", 0), ("dog", 200)):
        for i in range(count):
            picture(folder / kind / f"{i}.png", base + i, mode=mode)
    return folder


def load(folder: Path, skip_bad: bool = False, progress: Progress | None = None) -> Data:
    return images.load(folder, folder.parent / "cache", progress, skip_bad)


def test_train_and_test_folders(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    plain(folder / "train", 3)
    plain(folder / "test", 2)
    heard = Heard()
    data = load(folder, progress=heard)
    assert data.classes == ("cat", "dog")
    assert data.train_x.shape == (6, 3, 4, 3) and data.train_x.dtype == np.float32
    assert data.train_y.tolist() == [0, 0, 0, 1, 1, 1] and data.test_y.tolist() == [0, 0, 1, 1]
    values = np.array([0, 1, 2, 200, 201, 202], np.float32) / np.float32(255)
    np.testing.assert_array_equal(data.train_x[:, 0, 0, 0], values)
    assert heard.bars[-1] == ("reading set", 10, 10) and heard.warned == []


def test_one_level_is_split_by_class_and_always_alike(tmp_path: Path) -> None:
    folder = plain(tmp_path / "set", 10)
    data = load(folder)
    assert np.bincount(data.test_y).tolist() == [2, 2] and np.bincount(data.train_y).tolist() == [8, 8]
    both = np.concatenate([data.train_x, data.test_x])[:, 0, 0, 0]
    assert len(np.unique(both)) == 20  # no image is in both parts
    again = images.load(folder, tmp_path / "another cache")
    np.testing.assert_array_equal(data.test_x, again.test_x)
    assert data.digest() == again.digest()


def test_grey_images_have_one_channel_and_mixed_ones_three(tmp_path: Path) -> None:
    grey = plain(tmp_path / "grey", 2, mode="L")
    assert load(grey).train_x.shape == (2, 3, 4, 1)
    picture(grey / "cat" / "9.png", 7, mode="RGBA")
    assert load(grey).train_x.shape == (3, 3, 4, 3)


def test_formats_and_hidden_files(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    for kind in ("a", "b"):
        for suffix in ("png", "jpg", "bmp", "gif", "ppm", "tif", "webp"):
            picture(folder / kind / f"x.{suffix}", 128)
        (folder / kind / ".DS_Store").write_bytes(b"\0\0\0\1Bud1")
    (folder / ".git").mkdir()
    (folder / "README").write_text("two classes")
    data = load(folder)
    assert data.classes == ("a", "b") and len(data.train_y) + len(data.test_y) == 14
    assert np.abs(data.train_x - 128 / 255).max() < 2 / 255  # JPEG and WebP are lossy


def broken(folder: Path) -> Path:
    path = picture(folder / "cat" / "1.png", 1)
    path.write_bytes(path.read_bytes()[:-30])
    return path


def no_image(folder: Path) -> Path:
    path = folder / "dog" / "notes.txt"
    path.write_text("a good dog")
    return path


def empty_file(folder: Path) -> Path:
    path = folder / "dog" / "5.jpg"
    path.write_bytes(b"")
    return path


def postscript(folder: Path) -> Path:
    """Pillow would start Ghostscript on it."""
    path = folder / "dog" / "5.eps"
    path.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 4 3\nshowpage\n")
    return path


def folder_in_class(folder: Path) -> Path:
    path = folder / "dog" / "puppies"
    path.mkdir()
    return path


def two_sizes(folder: Path) -> Path:
    return picture(folder / "dog" / "3.png", 9, (5, 3))


def deep_pixels(folder: Path) -> Path:
    path = folder / "dog" / "3.png"
    Image.fromarray(np.zeros((3, 4), np.uint16)).save(path)
    return path


def dangling_link(folder: Path) -> Path:
    path = folder / "dog" / "7.png"
    path.symlink_to(folder / "nowhere.png")
    return path


BAD: list[tuple[Callable[[Path], Path], str]] = [
    (broken, "is damaged or truncated"),
    (no_image, "is not an image that kerf can read (BMP, GIF"),
    (empty_file, "is not an image"),
    (postscript, "is not an image"),
    (folder_in_class, "is not a file: a class folder must contain only images"),
    (two_sizes, "has 5x3 pixels but"),
    (deep_pixels, "has pixels of type I;16: save it with 8 bits per channel; --skip-bad skips such files"),
    (dangling_link, "is not a file"),
]


@pytest.mark.parametrize(("spoil", "message"), BAD, ids=lambda x: getattr(x, "__name__", ""))
def test_bad_files_are_named_or_skipped_and_counted(
    tmp_path: Path, spoil: Callable[[Path], Path], message: str
) -> None:
    folder = plain(tmp_path / "set")
    path = spoil(folder)
    with pytest.raises(TrainError) as caught:
        load(folder)
    assert str(caught.value).startswith(f"{path} ") and message in str(caught.value)
    assert not list((tmp_path / "cache").glob("*")) if (tmp_path / "cache").exists() else True
    for _ in range(2):  # decoded, then from the cache
        heard = Heard()
        data = load(folder, skip_bad=True, progress=heard)
        files = sum(1 for p in folder.rglob("*") if p.parent != folder and p.name[0] != ".")
        assert len(data.train_y) + len(data.test_y) == files - 1
        assert len(heard.warned) == 1 and heard.warned[0].startswith(f"skipped 1 file in {folder}; the first: ")
        assert str(path) in heard.warned[0]
    with pytest.raises(TrainError):
        load(folder)


def test_a_giant_image_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    folder = plain(tmp_path / "set")
    Image.new("1", (5000, 5000)).save(folder / "cat" / "0.png")
    with pytest.raises(TrainError, match="has 5000x5000 pixels, more than 16,777,216 in total; --skip-bad skips"):
        load(folder)


@pytest.mark.parametrize("skip_bad", [False, True])
def test_folders_that_are_no_data_set(tmp_path: Path, skip_bad: bool) -> None:
    def refused(folder: Path) -> str:
        with pytest.raises(TrainError) as caught:
            load(folder, skip_bad)
        return str(caught.value)

    assert refused(tmp_path / "none") == f"there is no folder {tmp_path / 'none'}"
    (tmp_path / "bare").mkdir()
    assert "bare has no class folders: it needs two or more" in refused(tmp_path / "bare")
    picture(tmp_path / "single" / "cat" / "0.png", 0)
    assert "single has one class folder, 'cat': it needs two or more" in refused(tmp_path / "single")
    plain(tmp_path / "outer" / "inner" / "train")
    plain(tmp_path / "outer" / "inner" / "test")
    assert refused(tmp_path / "outer").endswith(f"did you mean {tmp_path / 'outer' / 'inner'}?")
    (plain(tmp_path / "hole") / "eel").mkdir()
    assert f"the class folder {tmp_path / 'hole' / 'eel'} is empty" in refused(tmp_path / "hole")
    plain(tmp_path / "odd" / "train")
    picture(plain(tmp_path / "odd" / "test") / "eel" / "0.png", 0)
    assert "must have the same classes: 'eel' is only in one of them" in refused(tmp_path / "odd")
    plain(tmp_path / "few", 1)
    assert "the class 'cat' of" in refused(tmp_path / "few") and "it needs 2" in refused(tmp_path / "few")


def test_a_class_with_a_single_image(tmp_path: Path) -> None:
    folder = plain(tmp_path / "set")
    for path in sorted((folder / "cat").iterdir())[1:]:
        path.unlink()
    with pytest.raises(TrainError, match=r"the class 'cat' of .* has 1 usable image: it needs 2"):
        load(folder)


def test_a_class_of_nothing_but_bad_files(tmp_path: Path) -> None:
    folder = plain(tmp_path / "set")
    (folder / "eel").mkdir()
    (folder / "eel" / "a.png").write_bytes(b"no")
    with pytest.raises(TrainError, match=r"the class 'eel' of .* has 0 usable images: it needs 2"):
        load(folder, skip_bad=True)


def test_cache_is_used_until_a_file_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = plain(tmp_path / "set")
    first = load(folder)
    reads: list[Path] = []
    real = images.read
    monkeypatch.setattr(images, "read", lambda path: (reads.append(path), real(path))[1])
    again = load(folder)
    assert reads == [] and again.digest() == first.digest()
    np.testing.assert_array_equal(again.train_x, first.train_x)
    (cached,) = (tmp_path / "cache").glob("*.npz")
    whole = cached.read_bytes()
    cached.write_bytes(whole[:-1])  # damaged: decoded again
    assert load(folder).digest() == first.digest() and len(reads) == 10 and cached.read_bytes() == whole
    picture(folder / "cat" / "0.png", 77)
    changed = load(folder)
    assert len(reads) == 20 and changed.digest() != first.digest()
    (folder / "cat" / "0.png").rename(folder / "cat" / "zero.png")
    load(folder)
    assert len(reads) == 30
    assert len(list((tmp_path / "cache").iterdir())) == 2  # one set of arrays per folder, not one per state


def test_the_range_of_pixels_is_told_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "BUILD", tmp_path / "build")
    told: list[str] = []
    progress = Heard()
    monkeypatch.setattr(progress, "say", told.append)
    for _ in range(2):
        origin.dataset(Request(data=str(plain(tmp_path / "set"))), progress)
    assert len(told) == 1 and told[0].startswith("pixels are 0..1")


def test_what_a_model_of_kerf_takes_as_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "BUILD", tmp_path / "build")
    folder = plain(tmp_path / "set")
    picture(folder / "dog" / "3.png", 9, (5, 3))
    with pytest.raises(TrainError, match=r"3\.png has 5x3 pixels but"):
        origin.dataset(Request(data=str(folder)), Progress())
    data = origin.dataset(Request(data=str(folder), skip_bad=True), Progress())
    assert data is not None and data.classes == ("cat", "dog")
    assert origin.dataset(Request(data=str(tmp_path / "x.npz")), Progress()) is None
    with pytest.raises(UsageError, match=r"x\.npz is not a folder: digits needs a folder with one subfolder of images"):
        pipeline.train(Request(data=str(tmp_path / "x.npz")), Progress())
    assert not (tmp_path / "build" / "digits").exists()


@pytest.mark.parametrize("when", [1, 7, 10])
@pytest.mark.parametrize("sig", [signal.SIGINT, signal.SIGKILL])
def test_interrupt_leaves_no_half_of_a_cache(tmp_path: Path, sig: signal.Signals, when: int) -> None:
    """Interrupted at any image, it leaves nothing that a later run would take for complete."""
    folder = plain(tmp_path / "set")
    code = (
        "import os, sys; from pathlib import Path; from tools.data import images; real, seen = images.read, []\n"
        "def read(path):\n"
        "    seen.append(path)\n"
        "    if len(seen) == int(sys.argv[2]): os.kill(os.getpid(), int(sys.argv[3]))\n"
        "    return real(path)\n"
        "images.read = read\n"
        "images.load(Path(sys.argv[1]), Path(sys.argv[1]).parent / 'cache')\n"
    )
    command = [sys.executable, "-c", code, str(folder), str(when), str(int(sig))]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, env={**os.environ})
    assert done.returncode != 0
    assert not list((tmp_path / "cache").glob("*.json"))
    assert len(load(folder).train_y) == 8


def test_augmented_images_are_moved_and_mirrored() -> None:
    from tools.data import augment

    x = np.arange(1, 7, dtype=np.float32).reshape(1, 2, 3, 1).repeat(500, axis=0)
    moved = augment.augmented(x, Augmentation(mirror=True, shift=1), np.random.default_rng(0))
    kinds = {image.tobytes() for image in moved}
    expected = set()
    for source in (x[0], x[0, :, ::-1]):
        padded = np.pad(source, ((1, 1), (1, 1), (0, 0)))
        expected |= {padded[r : r + 2, c : c + 3].tobytes() for r in range(3) for c in range(3)}
    assert kinds == expected and len(expected) == 18
    same = augment.augmented(x, Augmentation(), np.random.default_rng(0))
    np.testing.assert_array_equal(same, x)


def test_batches_cover_each_epoch_once() -> None:
    from tools.data import augment

    x = np.arange(5, dtype=np.float32).reshape(5, 1, 1, 1)
    data = Data(x, np.arange(5), x, np.arange(5))
    stream = augment.batches(data, 2, Augmentation(), 0)
    epochs = [[next(stream) for _ in range(3)] for _ in range(2)]
    for epoch in epochs:
        assert [len(y) for _, y in epoch] == [2, 2, 1]
        assert sorted(np.concatenate([y for _, y in epoch]).tolist()) == [0, 1, 2, 3, 4]
        assert all(batch[:, 0, 0, 0].tolist() == y.tolist() for batch, y in epoch)
    assert [y.tolist() for _, y in epochs[0]] != [y.tolist() for _, y in epochs[1]]
