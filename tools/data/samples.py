"""Calibration and test samples: from the model's own data, a user's .npz, or random."""

import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import QuantizeError, UsageError, counted
from ..models import Data
from ..oracle.signature import TensorSpec

Array = npt.NDArray[Any]

CALIBRATION_SAMPLES = 500  # at most; more hardly change the ranges
RANDOM_CALIBRATION_SAMPLES = 100
RANDOM_TEST_SAMPLES = 32
RANDOM_STEPS = 16  # of a sequence, if there is no data
SEED = 0
MAX_CLASS = 2**31 - 1
MAX_DIGITS = 9  # of a number of samples

_NPY_MARK, _ZIP_MARK = b"\x93NUMPY", b"PK"
# What numpy and zipfile raise for files that are not an .npz; TypeError for an .npy, which is not an archive.
_UNREADABLE = (
    *(OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error, AttributeError, TypeError),
    *(MemoryError, RuntimeError, NotImplementedError),  # a false size; an entry that is encrypted or oddly compressed
)


@dataclass(frozen=True, eq=False)
class Samples:
    """Arrays per model input, first axis = sample. ``strata`` are the classes that calibration balances, or None."""

    calibration: tuple[Array, ...]
    strata: npt.NDArray[np.int64] | None
    test: tuple[Array, ...]
    labels: npt.NDArray[np.int64] | None
    classes: tuple[str, ...]


def from_arrays(data: Data, classes: Sequence[str]) -> Samples:
    """A model module's data: its training set for calibration, its test set for testing."""
    is_classifier = np.issubdtype(data.test_y.dtype, np.integer)
    strata = data.train_y.astype(np.int64) if is_classifier else None
    labels = data.test_y.astype(np.int64) if is_classifier else None
    return Samples((data.train_x,), strata, (data.test_x,), labels, tuple(classes))


def read_npz(path: Path, classes: Sequence[str], inputs_of_model: Sequence[str] = ()) -> Samples:
    """A user's .npz: x (or x0, x1 …, or the names of the model's inputs), optional y (class indices) and classes (their
    names).

    All samples are used for both calibration and testing. Raises QuantizeError.
    """
    start = b""
    try:
        with path.open("rb") as file:
            start = file.read(len(_NPY_MARK))
            file.seek(0)
            with np.load(file, allow_pickle=False) as archive:
                # Entries without .npy in their name come as bytes.
                arrays = {name: array for name in archive.files if isinstance(array := archive[name], np.ndarray)}
    except _UNREADABLE as error:
        why = _why_unreadable(start, error)
        raise QuantizeError(f"cannot read {path} as .npz: {why}; write it with numpy.savez(FILE, x=…, y=…)") from None
    names = ["x"] if "x" in arrays else sorted((n for n in arrays if n[:1] == "x" and n[1:].isdecimal()), key=_number)
    if not names and inputs_of_model and all(name in arrays for name in inputs_of_model):
        names = list(inputs_of_model)
    if not names:
        named = f", nor one for each input of the model: {', '.join(inputs_of_model)}" if inputs_of_model else ""
        raise QuantizeError(f"{path} has no array x{named}; it has {', '.join(sorted(arrays)) or 'none'}")
    inputs = tuple(arrays[name] for name in names)
    counts = {array.shape[0] if array.ndim else 0 for array in inputs}
    if len(counts) != 1 or 0 in counts:
        raise QuantizeError(f"{path}: {', '.join(names)} must hold the same number of samples, at least one")
    for name, array in zip(names, inputs, strict=True):
        if array.dtype.kind not in "fiub" or not np.isfinite(array).all():
            raise QuantizeError(f"{path}: {name} must contain only finite numbers")
    rest = {name: array for name, array in arrays.items() if name not in names}
    labels = _labels(rest["y"], len(inputs[0]), path) if "y" in rest else None
    titles = tuple(str(title) for title in rest["classes"].ravel()) if "classes" in rest else tuple(classes)
    return Samples(inputs, labels, inputs, labels, titles)


def _why_unreadable(start: bytes, error: BaseException) -> str:
    """The reason, from the file's first bytes and the exception; numpy's own message would suggest allowing pickles."""
    if start == _NPY_MARK:
        return "it is a single array, an .npy"
    if not isinstance(error, OSError) and not start.startswith(_ZIP_MARK):
        return "it is not an archive of arrays"
    if "pickle" in str(error):
        return "it contains Python objects instead of numbers"
    return (str(error).splitlines() or [type(error).__name__])[0]


def _number(name: str) -> int:
    return int(name[1:])


def _labels(y: Array, count: int, path: Path) -> npt.NDArray[np.int64] | None:
    """Class indices; None if y holds a regression's targets (real numbers, one or more per sample)."""
    y = np.atleast_1d(y)
    is_one_hot = _is_one_hot(y)
    if y.dtype.kind == "f" and len(y) == count and not is_one_hot:
        return None
    if len(y) != count or y.size != count:
        hint = "; convert one-hot rows with numpy.argmax(y, axis=1)" if is_one_hot else ""
        raise QuantizeError(
            f"{path}: y must have one class index per sample, {count} in total, but has the shape {y.shape}{hint}"
        )
    if y.dtype.kind not in "iub":
        kind = "text" if y.dtype.kind in "US" else y.dtype.name
        raise QuantizeError(
            f"{path}: y holds {kind}: give the class index of each sample, starting at 0 (class labels go into the "
            "array classes), or the real numbers of a regression"
        )
    if y.min() < 0:
        raise QuantizeError(f"{path}: y holds the negative class index {y.min()}")
    if y.max() > MAX_CLASS:
        raise QuantizeError(f"{path}: y holds the class index {y.max()}, but no model has that many classes")
    return y.reshape(-1).astype(np.int64)


def _is_one_hot(y: Array) -> bool:
    if y.dtype.kind not in "fiub" or y.ndim != 2 or y.shape[1] < 2:
        return False
    return bool(((y == 0) | (y == 1)).all() and (y.sum(axis=1) == 1).all())


def parse_calibration(text: str) -> int | None:
    """The value of --calibration: None for ``balanced``, else the number of samples. Raises UsageError."""
    if text == "balanced":
        return None
    if not text.isdecimal() or len(text) > MAX_DIGITS or int(text) < 1:
        raise UsageError(f"--calibration takes `balanced` or a number of samples of at least 1, not {text!r}")
    return int(text)


@dataclass(frozen=True, eq=False)
class Chosen:
    """The calibration samples, one array per input, and a description of them."""

    arrays: tuple[Array, ...]
    what: str


def choose(provided: Samples, count: int | None) -> Chosen:
    """``count`` random samples; None: at most CALIBRATION_SAMPLES, balanced over the classes. Both seeded."""
    available = len(provided.calibration[0])
    if count is None:
        positions = _balanced(available, provided.strata)
        how = ", balanced over the classes" if provided.strata is not None else ""
    else:
        positions = np.sort(np.random.default_rng(SEED).permutation(available)[:count])
        how = " at random"
    what = f"{len(positions):,} of {available:,} samples{how}"
    return Chosen(tuple(array[positions] for array in provided.calibration), what)


def calibration(
    arrays: tuple[Array, ...] | None, shapes: Sequence[tuple[int, ...]], dtypes: Sequence[str]
) -> tuple[Array, ...]:
    """The samples in the shapes (of one sample) and types that the model takes; random ones if there are none."""
    if arrays is None:
        random = np.random.default_rng(SEED)
        return tuple(
            _random_real(random, (RANDOM_CALIBRATION_SAMPLES, *shape), dtype)
            for shape, dtype in zip(shapes, dtypes, strict=True)
        )
    _check_count(arrays, len(shapes))
    return tuple(
        _shaped(array, shape, f"{i}").astype(dtype)
        for i, (array, shape, dtype) in enumerate(zip(arrays, shapes, dtypes, strict=True))
    )


def _balanced(count: int, strata: npt.NDArray[np.int64] | None) -> npt.NDArray[np.int64]:
    """Positions of the calibration samples, ascending: one of each class in turn until there are enough."""
    order = np.random.default_rng(SEED).permutation(count)
    if strata is not None:
        turn = np.zeros(count, np.int64)  # how many samples of its class precede a sample in the random order
        for kind in np.unique(strata):
            members = order[strata[order] == kind]
            turn[members] = np.arange(len(members))
        order = order[np.argsort(turn[order], kind="stable")]
    return np.sort(order[:CALIBRATION_SAMPLES])


def steps(provided: Samples | None) -> int:
    """The number of steps in each sequence. Raises QuantizeError if the samples are not sequences."""
    if provided is None:
        return RANDOM_STEPS
    shapes = [array.shape for array in provided.test]
    lengths = {shape[1] if len(shape) > 2 else 0 for shape in shapes}
    if len(lengths) != 1 or 0 in lengths:
        raise QuantizeError(
            f"the data has the shape {', '.join(map(str, shapes))}, but --stateful takes sequences of the same length: "
            "give arrays of shape (sequences, steps, values)"
        )
    return int(lengths.pop())


def in_steps(sequences: Sequence[Array]) -> tuple[Array, ...]:
    """Samples of one step each, (n * steps, 1, …), from sequences (n, steps, …)."""
    return tuple(array.reshape(-1, 1, *array.shape[2:]) for array in sequences)


def test_inputs(provided: Samples | None, specs: Sequence[TensorSpec], steps: int = 0) -> tuple[Array, ...]:
    """The test set in the .tflite's own types; without data, random numbers over each type's full range.

    With ``steps``, a sample of the .tflite is one step of a sequence.
    """
    if provided is None:
        random = np.random.default_rng(SEED)
        return tuple(_random(random, spec, RANDOM_TEST_SAMPLES * max(steps, 1)) for spec in specs)
    _check_count(provided.test, len(specs))
    test = in_steps(provided.test) if steps else provided.test
    return tuple(_quantized(array, spec) for array, spec in zip(test, specs, strict=True))


def _quantized(array: Array, spec: TensorSpec) -> Array:
    shaped = _shaped(array, spec.sample_shape, repr(spec.name))
    return shaped if shaped.dtype == spec.dtype else spec.quantize(shaped)


def _shaped(array: Array, shape: tuple[int, ...], which: str) -> Array:
    """The samples in the model's shape: axes of size 1 are added or dropped, flat samples become rows and columns.

    Axes are never swapped, and flat samples are not split into channels: whether these come first or last is unknown.
    """
    given = array.shape[1:]
    differ = f"a sample of the data has the shape {given}, but input {which} of the model takes {shape}"
    if array[0].size != int(np.prod(shape, dtype=np.int64)):
        raise QuantizeError(differ)
    have, want = ([size for size in sizes if size != 1] for sizes in (given, shape))
    if not (have == want or len(want) < 2 or (len(have) < 2 and len(want) == 2)):
        if have == [want[-1], *want[:-1]]:
            raise QuantizeError(f"{differ}: move the channels last, as in x = numpy.moveaxis(x, 1, -1)")
        raise QuantizeError(f"{differ}: transpose or reshape x to match")
    return array.reshape(len(array), *shape)


def _check_count(arrays: Sequence[Array], wanted: int) -> None:
    if len(arrays) != wanted:
        inputs = counted(wanted, "input")
        raise QuantizeError(f"the model has {inputs}, but the data has {len(arrays)}: name the arrays x0, x1, …")


def _random(random: np.random.Generator, spec: TensorSpec, count: int) -> Array:
    shape = (count, *spec.sample_shape)
    if spec.dtype in ("int8", "uint8", "int16"):
        limits = np.iinfo(spec.dtype)
        return random.integers(limits.min, limits.max, shape, spec.dtype, endpoint=True)
    return _random_real(random, shape, spec.dtype)


def _random_real(random: np.random.Generator, shape: tuple[int, ...], dtype: str) -> Array:
    """Random numbers from 0 to 1, like images and most normalized data; integers are 0 or 1, valid in any lookup."""
    if np.dtype(dtype).kind == "f":
        return random.random(shape).astype(dtype)
    return random.integers(0, 2, shape).astype(dtype)
