"""A Keras file → a .tflite in the requested mode, with reference vectors; a .tflite passes through."""

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from . import cache, files, oracle
from . import strip as stripping
from .convert import convert
from .data import samples
from .data.samples import Samples
from .errors import ModelError, QuantizeError, UsageError, counted
from .graph import ops, read
from .graph.state import runs_in_sequence
from .model_files import KERAS, architecture, check_path
from .models import Data
from .oracle import opinion, signature
from .oracle.signature import Signature
from .progress import Progress
from .values import MODES, Quantized, SecondOpinion, Trained, Vectors

Tell = Callable[[str], None]

# kerf's own files that determine the result.
SOURCES = (
    *("quantize.py", "convert.py", "repair.py", "model_files", "strip.py", "data/samples.py", "oracle"),
    *("graph/specification.py", "graph/state.py"),
)

PACKAGES = ("tensorflow", "ai-edge-quantizer", oracle.TFLM, oracle.LITERT)
MODEL, VECTORS = "model.tflite", "vectors.npz"
MAX_TFLITE_BYTES = 1 << 28  # far more than any microcontroller can hold


def quantize(
    source: Trained,
    mode: str | None,
    data: Data | Path | None,
    directory: Path,
    progress: Progress | None = None,
    classes: Sequence[str] = (),
    calibration: int | None = None,
    strip: bool = False,
    per_tensor_dense: bool = False,
    stateful: bool = False,
) -> Quantized:
    """Converts ``source`` and computes the reference vectors: ``directory/model.tflite`` and ``vectors.npz``.

    ``source.path`` is a .keras, .h5, SavedModel folder, or a .tflite that is used as it is (``mode`` None, or the mode
    it already has). ``data`` is a model's own arrays, a user's .npz (x, optional y and classes), or None for random
    numbers, with a warning. ``classes`` are the class labels of the outputs, in any script. ``calibration`` is the
    number of calibration samples (None: a balanced choice); ``strip`` removes names and metadata at the end.
    ``per_tensor_dense`` gives the weights of each dense layer a single scale, for versions of TFLM that need that.
    ``stateful``: samples are sequences, of which the .tflite computes one step at a time and keeps its state.

    The same inputs give the same bytes; existing files that were made from the same inputs are reused. Raises
    QuantizeError, ModelError for an invalid .tflite, UsageError for a mode that contradicts the file.
    """
    progress = progress or Progress()
    if mode is not None and mode not in MODES:
        raise UsageError(f"unknown mode {mode!r}; known: {', '.join(MODES)}")
    directory.mkdir(parents=True, exist_ok=True)
    data_sha256 = _digest(data)
    options = (type(data).__name__, data_sha256, list(classes), calibration, strip, per_tensor_dense, stateful)
    key = _key(source, mode, *options)
    record = directory / "quantize.json"
    kept = _reuse(source, directory, record, key)
    if kept is not None:
        if progress.is_news(kept.path):
            progress.say(f"{source.model} {kept.mode} is already quantized: {kept.path}")
            for text in cache.fields_of(record)["warnings"]:
                progress.warn(text)
        return kept

    warnings: list[str] = []

    def warn(text: str) -> None:
        warnings.append(text)
        progress.warn(text)

    cache.forget(record)
    provided = samples.from_arrays(data, classes) if isinstance(data, Data) else None
    if isinstance(data, Path):
        provided = samples.read_npz(data, classes, _input_names(source.path))
    ranges, floats = None, None
    steps = samples.steps(provided) if stateful else 0
    if source.path.suffix == ".tflite":
        tflite = adopt(source.path, mode)
        chosen = mode or signature.read(tflite, source.path.name).mode
    else:
        chosen = mode or "int8"
        log = directory / "quantize.log"
        tflite, ranges, floats = convert(
            source.path, chosen, provided, calibration, per_tensor_dense, steps, log, progress.say, warn
        )
    full_bytes = len(tflite)
    if strip:
        tflite = stripping.strip(tflite, source.path.name)
    vectors = _vectors(source, tflite, provided, classes, steps, warn)
    if _key(source, mode, *options) != key or (isinstance(data, Path) and _digest(data) != data_sha256):
        raise QuantizeError(f"{source.path} or its data changed while being read; run the same command again")
    second = _second_opinion(tflite, vectors, floats, source.path.name)
    if second is not None and second.is_beyond_rounding:
        warn(opinion.warning(second, source.path.name))

    path = directory / MODEL
    progress.is_news(path)
    files.write(path, tflite)
    files.write(directory / VECTORS, _pack(vectors))
    fields = cache.keep(
        record,
        key,
        [path, directory / VECTORS],
        mode=chosen,
        data_sha256=data_sha256,
        oracle=vectors.oracle,
        exact=vectors.exact,
        in_sequence=vectors.in_sequence,
        steps=vectors.steps,
        classes=vectors.classes,
        warnings=warnings,
        calibration=ranges,
        stripped_bytes=full_bytes - len(tflite),
        second_opinion=None if second is None else asdict(second),
    )
    return _made(source, path, tflite, vectors, fields)


def _made(source: Trained, path: Path, tflite: bytes, vectors: Vectors, record: Mapping[str, Any]) -> Quantized:
    return Quantized(
        source.model,
        record["mode"],
        tflite,
        record["outputs"][path.name],
        path,
        vectors,
        record["calibration"],
        record["stripped_bytes"],
        None if source.path.suffix == ".tflite" else source.accuracy,
        record["data_sha256"],
        None if record["second_opinion"] is None else SecondOpinion(**record["second_opinion"]),
    )


def _input_names(path: Path) -> tuple[str, ...]:
    """The names of a model's inputs, without what TensorFlow's converter adds; () for a SavedModel."""
    if path.suffix == ".tflite":
        specs = signature.read(path.read_bytes(), path.name).inputs
        return tuple(re.sub(r"^serving_default_|:\d+$", "", spec.name) for spec in specs)
    return architecture.input_names(path) if path.suffix in KERAS else ()


def _digest(data: Data | Path | None) -> str | None:
    if isinstance(data, Path):
        if not data.is_file():
            raise QuantizeError(f"there is no data file {data}")
        return files.sha256(data.read_bytes())
    return None if data is None else data.digest()


def _key(source: Trained, *options: Any) -> str:
    """Everything the result depends on."""
    check_path(source.path)
    chosen = json.dumps([source.path.suffix, *options])
    return cache.key(files.tree_digest(source.path), chosen, sources=SOURCES, packages=PACKAGES)


def _reuse(source: Trained, directory: Path, record: Path, key: str) -> Quantized | None:
    """The result of an earlier run, if it was made from the same inputs and has not been modified."""
    kept = cache.load(record, key)
    if kept is None:
        return None
    fields = kept.fields
    vectors = _unpack(kept.files[VECTORS], fields)
    return _made(source, directory / MODEL, kept.files[MODEL], vectors, fields)


def adopt(path: Path, mode: str | None) -> bytes:
    """A .tflite, unchanged. Raises UsageError if its types imply a mode other than ``mode``."""
    if path.stat().st_size > MAX_TFLITE_BYTES:
        raise ModelError(f"{path} has {path.stat().st_size:,} bytes: too large for any microcontroller")
    tflite = path.read_bytes()
    if mode is not None and mode != (found := signature.read(tflite, path.name).mode):
        raise UsageError(
            f"{path.name} is already {found} and cannot be converted to {mode}: start from the Keras model, or use "
            f"--mode {found}"
        )
    return tflite


def _vectors(
    source: Trained, tflite: bytes, provided: Samples | None, classes: Sequence[str], steps: int, warn: Tell
) -> Vectors:
    model: Signature = signature.read(tflite, source.path.name)
    labels = provided.labels if provided else None
    names = tuple(provided.classes if provided else classes)
    _check_classes(labels, names, model.outputs[0].sample_shape, source.path.name)
    _check_crashes(tflite, source.path.name)
    inputs = samples.test_inputs(provided, model.inputs, steps)
    if provided is None:
        warn(
            f"no data given: comparing {len(inputs[0])} random inputs, which proves that the numbers are equal but "
            "says nothing about accuracy; give --data FILE.npz with x and y"
        )
    found = oracle.expected(tflite, inputs, source.path.name, period=steps or None)
    if found.note:
        warn(found.note)
    in_sequence = steps > 0 or _runs_in_sequence(tflite, source.path.name)
    return Vectors(tuple(inputs), found.outputs, labels, names, found.oracle, found.exact, in_sequence, steps)


def _runs_in_sequence(tflite: bytes, where: str) -> bool:
    try:
        return runs_in_sequence(read.read(tflite, where))
    except ModelError:  # no runtime will accept it
        return False


def _second_opinion(tflite: bytes, vectors: Vectors, floats: samples.Array | None, name: str) -> SecondOpinion | None:
    """For an integer model: LiteRT's opinion, or the float model's if only that one finds a difference."""
    if not vectors.exact:
        return None
    found = opinion.of_litert(tflite, vectors.inputs, name)
    if floats is None or (found is not None and found.is_beyond_rounding):
        return found
    (output,) = signature.read(tflite, name).outputs
    ours = vectors.labelled(vectors.expected[0])
    ours = ours[opinion.chosen(len(ours))]
    theirs = floats.reshape(len(floats), -1)[:, -ours[0].size :]  # after the last step
    return opinion.of_floats(ours, theirs, output) or found


def _check_classes(labels: samples.Array | None, names: Sequence[str], outputs: tuple[int, ...], where: str) -> None:
    """Raises QuantizeError if the classes of the data do not match those of the model's first output."""
    if labels is None and not names:
        return
    count = math.prod(outputs)
    if count != max(outputs, default=1):
        raise QuantizeError(
            f"{where} has an output of shape {outputs}, which is not one score per class: give data without classes"
        )
    known = max(count, 2)  # a single output is the score of the second of two classes
    largest = -1 if labels is None else int(labels.max())
    if largest >= known:
        hint = ", or real numbers as the targets of a regression" if count == 1 else ""
        raise QuantizeError(
            f"{where} has {counted(count, 'output')} and distinguishes {known} classes, but the data has class "
            f"{largest}: give data with the model's classes{hint}"
        )
    if names and len(names) != known:
        raise QuantizeError(
            f"{where} has {counted(count, 'output')} and distinguishes {known} classes, but the data has {len(names)}: "
            "give data with the model's classes"
        )


def _check_crashes(tflite: bytes, where: str) -> None:
    """Raises QuantizeError for an operator on which the interpreters would abort."""
    try:
        graph = read.read(tflite, where)
    except ModelError:  # kerf cannot read it: let the interpreters decide
        return
    for op in graph.ops:
        known = ops.lookup(op.kind)
        reason = known.crash(op, graph) if known is not None and known.crash is not None else None
        if reason is not None:
            raise QuantizeError(
                f"layer {op.name!r} of {where} {reason}, which makes TFLM and LiteRT crash; train the model again, or "
                "calibrate it with real data"
            )


def _pack(vectors: Vectors) -> bytes:
    arrays: dict[str, Any] = {f"input{i}": array for i, array in enumerate(vectors.inputs)}
    arrays |= {f"expected{i}": array for i, array in enumerate(vectors.expected)}
    if vectors.labels is not None:
        arrays["labels"] = vectors.labels
    return files.pack_arrays(arrays)


def _unpack(packed: bytes, fields: Mapping[str, Any]) -> Vectors:
    arrays = files.unpack_arrays(packed)
    inputs = tuple(arrays[f"input{i}"] for i in range(sum(name.startswith("input") for name in arrays)))
    outputs = tuple(arrays[f"expected{i}"] for i in range(sum(name.startswith("expected") for name in arrays)))
    labels = arrays["labels"].astype(np.int64) if "labels" in arrays else None
    classes, rest = tuple(fields["classes"]), (fields[name] for name in ("oracle", "exact", "in_sequence", "steps"))
    return Vectors(inputs, outputs, labels, classes, *rest)
