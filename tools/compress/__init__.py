"""A trained network → a smaller one: filters removed, weights pruned, quantization-aware training; before quantize.

The name of a compressed model says how it was made, and every task accepts it: ``digits+channels0.5``,
``digits+sparse0.8``, ``digits+qat``, or several in this order, each made from the one before. The order is fixed,
because filters cannot be removed from a .tflite, and retraining would fill the zeros that pruning made.
"""

import json
import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from .. import cache, files, model_files, train
from ..errors import CompressError, UnknownName, UsageError
from ..models import Data
from ..progress import Progress
from ..progress import Step as Tell
from ..quiet import without_warnings
from ..values import Trained
from . import channels as filters
from . import network as networks
from . import qat, sparsity, tuning
from .network import Network
from .tuning import Recipe as Recipe

MIN_SHARE, MAX_SHARE = 0.05, 0.95
STATE = "compress.json"
SOURCES = ("compress", "data/augment.py")  # kerf's own files that determine the result


@dataclass(frozen=True)
class Way:
    """A compression method. Its share is a fraction ``of`` filters or weights; None if it takes no share.

    ``epochs`` and ``learning_rate`` of the fine-tuning are relative to those of training from scratch.
    """

    of: str | None
    epochs: float
    learning_rate: float


WAYS = {  # in the order in which they combine
    "channels": Way("filters", epochs=1.0, learning_rate=1.0),
    "sparse": Way("weights", epochs=1.0, learning_rate=0.5),
    "qat": Way(None, epochs=0.5, learning_rate=0.1),
}


@dataclass(frozen=True)
class Step:
    """One method with its share, such as ``sparse0.8``."""

    way: str
    share: float | None = None

    def __str__(self) -> str:
        return self.way if self.share is None else f"{self.way}{self.share:g}"


@dataclass(frozen=True)
class Compressed:
    """A compressed model, compared with the one it was made from: every pair is (before, after).

    ``accuracy`` is measured on the test set, by LiteRT for a .tflite; ``measure`` names the metric. ``bytes`` is the
    file size, ``zip_bytes`` that of the deflated file. ``layers`` has, for every layer with filters, their number
    before and after, the number of weights, and the fraction of weights that are zero.
    """

    trained: Trained
    parameters: tuple[int, int]
    accuracy: tuple[float, float]
    bytes: tuple[int, int]
    zip_bytes: tuple[int, int]
    layers: tuple[Mapping[str, Any], ...]
    measure: str

    @property
    def sparsity(self) -> float:
        """The fraction of all weights that are zero, not counting biases."""
        total = sum(layer["weights"] for layer in self.layers)
        return sum(layer["sparsity"] * layer["weights"] for layer in self.layers) / total if total else 0.0


def parse(model: str) -> tuple[str, tuple[Step, ...]]:
    """``digits+sparse0.8`` → the base model and the steps; a plain name or a file has no steps.

    Raises UnknownName for an unknown method, UsageError for a wrong share or order.
    """
    base, *parts = model.split("+")
    if Path(model).exists():
        return model, ()
    while parts and re.search("[./=]", parts[0]) and not re.fullmatch(rf"({'|'.join(WAYS)})[\d.]*", parts[0]):
        base = f"{base}+{parts.pop(0)}"  # a hyperparameter, or a + in a file's name
    if not base:
        raise UsageError(f"{model!r} does not say what to compress: put the model's name before the +")
    steps = tuple(_step(part) for part in parts)
    check(steps)
    return base, steps


def _step(text: str) -> Step:
    found = re.fullmatch(r"([a-z]+)(\d*\.?\d+)?", text)
    if not found or found[1] not in WAYS:
        raise UnknownName("compression", text, (f"{way}SHARE" if WAYS[way].of else way for way in WAYS))
    way, share = found[1], float(found[2]) if found[2] else None
    if (share is None) != (WAYS[way].of is None):
        remedy = "qat takes no share" if share else f"give {way} a share, as in {way}0.5"
        raise UsageError(f"cannot compress with {text!r}: {remedy}")
    return Step(way, share)


def steps(channels: float, sparse: float, is_qat: bool) -> tuple[Step, ...]:
    """The steps for these options, in their order; a share of 0 means no step."""
    asked = [Step(way, share) for way, share in (("channels", channels), ("sparse", sparse)) if share]
    return (*asked, Step("qat")) if is_qat else tuple(asked)


def check(asked: Sequence[Step]) -> None:
    """Raises UsageError unless the steps are in order and their shares are in range."""
    for step in asked:
        if step.share is not None and not MIN_SHARE <= step.share <= MAX_SHARE:
            raise UsageError(
                f"cannot remove {step.share:g} of the {WAYS[step.way].of}: give a share from {MIN_SHARE} to {MAX_SHARE}"
            )
    ways = [step.way for step in asked]
    if ways != [way for way in WAYS if way in ways]:
        raise UsageError(f"{'+'.join(map(str, asked))}: give each of {', '.join(WAYS)} at most once, in this order")


def name(base: str, asked: Sequence[Step]) -> str:
    """The name of a compressed model: ``digits+channels0.5+qat``."""
    return "+".join([base, *map(str, asked)])


def recipe(step: Step, base: Recipe, epochs: int | None = None) -> Recipe:
    """How a step fine-tunes a network that was trained with ``base``; ``epochs`` overrides the number of epochs."""
    if epochs is not None and epochs < 1:
        raise UsageError(f"cannot fine-tune for {epochs} epochs: --epochs takes a whole number of at least 1")
    way = WAYS[step.way]
    own = max(round(way.epochs * base.epochs), 1)
    return replace(base, epochs=epochs or own, learning_rate=way.learning_rate * base.learning_rate)


def check_source(path: Path) -> None:
    """Raises CompressError for a model that cannot be fine-tuned, QuantizeError for a file that is not a model."""
    if path.suffix == ".tflite" or path.is_dir():
        kind = "a .tflite" if path.suffix == ".tflite" else "a SavedModel"
        raise CompressError(f"{path} is {kind} and cannot be fine-tuned: compress the .keras or .h5")
    model_files.check_path(path)


def compress(
    source: Trained,
    step: Step,
    data: Data,
    recipe: Recipe,
    directory: Path,
    progress: Progress | None = None,
    asked_epochs: int | None = None,
) -> Compressed:
    """Applies one step to ``source`` and fine-tunes. The file is named after ``directory``: .keras, for qat .tflite.

    ``asked_epochs``, the epochs that the user asked for, if any, is stored for the function of that name below. An
    existing file made from the same inputs is reused; an interrupt leaves no partial files. Raises QuantizeError for a
    file that cannot be read, CompressError for a network that cannot be compressed.
    """
    progress = progress or Progress()
    check([step])
    check_source(source.path)
    directory.mkdir(parents=True, exist_ok=True)
    model = name(source.model, [step])
    path = directory / f"{directory.name}{'.tflite' if step.way == 'qat' else '.keras'}"
    record = directory / STATE
    chosen = json.dumps([str(step), asdict(recipe), source.path.suffix])
    own = files.own_digest(*SOURCES)
    made_from = files.tree_digest(source.path)
    key = cache.key(made_from, chosen, data.digest(), sources=SOURCES, packages=_packages(step))

    if kept := cache.load(record, key):
        if progress.is_news(path):
            progress.say(f"{model} is already compressed: {path}")
        return _result(model, path, kept.fields["result"])
    if cache.fields_of(record).get("own", own) != own:
        progress.say(f"compressing {model} again: the code of this stage has changed")
    result = _take(source, step, data, recipe, path, model, progress)
    if files.tree_digest(source.path) != made_from:
        raise CompressError(f"{source.path} changed while it was being compressed; run the same command again")
    progress.is_news(path)
    kept_fields = cache.keep(record, key, [path], own=own, epochs=asked_epochs, result=result)
    done = _result(model, path, kept_fields["result"])
    before, after = done.accuracy
    progress.say(f"{model}: {done.measure} {after:.4f} on {len(data.test_x)} test samples, {before:.4f} before")
    return done


def outline(path: Path, step: Step) -> None:
    """Gives the network in a file the shapes that it has after this step, without fine-tuning it."""
    if step.way == "channels":
        log = path.with_suffix(".log")
        start = filters.prune(networks.read(model_files.load_keras(path, log), path.name), step.share or 0.0)
        train.save_keras(networks.build(start, model_files.import_tensorflow(log).keras), path)


def asked_epochs(directory: Path) -> int | None:
    """The epochs that the user asked for when the model in this folder was made, if any."""
    epochs = cache.fields_of(directory / STATE).get("epochs")
    return epochs if isinstance(epochs, int) else None


def _packages(step: Step) -> tuple[str, ...]:
    own = ("tensorflow-model-optimization", "tf_keras") if step.way == "qat" else ("keras",)
    return ("tensorflow", "numpy", *own)


def _result(model: str, path: Path, fields: Mapping[str, Any]) -> Compressed:
    pairs = {key: tuple(fields[key]) for key in ("parameters", "accuracy", "bytes", "zip_bytes", "layers")}
    return Compressed(Trained(model, path, pairs["accuracy"][1]), **pairs, measure=fields["measure"])


def _take(
    source: Trained, step: Step, data: Data, recipe: Recipe, path: Path, model: str, progress: Progress
) -> dict[str, Any]:
    """Compresses, writes ``path`` and returns the fields of Compressed."""
    log = path.with_suffix(".log")
    log.unlink(missing_ok=True)
    live = model_files.load_keras(source.path, log)
    before = networks.read(live, source.path.name)
    tuning.check(before, data, source.path.name)
    if step.way == "sparse" and not any(sparsity.kernels_of(before)):
        raise CompressError(
            f"{source.path.name} has no layer whose weights can be pruned; these can: {', '.join(sparsity.KERNELS)}"
        )
    after = before
    with progress.bar(f"compressing {source.model} to {step}", recipe.epochs) as tell, without_warnings():
        accuracy_before = tuning.score(before, lambda x: live.predict(x, verbose=0), data)
        if step.way == "qat":
            tflite, accuracy = qat.train_aware(before, data, recipe, log, tell)
        else:
            after, accuracy = _trained_on(before, step, data, recipe, log, path, tell)
    if step.way == "qat":
        files.write(path, tflite)
    contents = [file.read_bytes() for file in (source.path, path)]
    return {
        "parameters": [before.parameters, after.parameters],
        "measure": tuning.measure(data),
        "accuracy": [accuracy_before, accuracy],
        "bytes": [len(content) for content in contents],
        "zip_bytes": [len(zlib.compress(content, 9)) for content in contents],
        "layers": _layers(before, after),
    }


def _trained_on(
    before: Network, step: Step, data: Data, recipe: Recipe, log: Path, path: Path, tell: Tell
) -> tuple[Network, float]:
    """Removes filters or prunes weights with Keras 3, and saves; returns the network and its accuracy."""
    tf = model_files.import_tensorflow(log)
    keras: Any = tf.keras
    tuning.seed(tf)
    share = step.share or 0.0
    start = filters.prune(before, share) if step.way == "channels" else before
    model = networks.build(start, keras)
    callbacks = []
    if step.way == "sparse":
        total = recipe.epochs * tuning.steps_per_epoch(data, recipe)
        callbacks.append(sparsity.pruning(keras, model, start, share, total))
    tuning.fit(keras, model, start, data, recipe, callbacks, tell)
    accuracy = tuning.score(start, lambda x: model.predict(x, verbose=0), data)
    after = networks.with_weights(start, model)
    train.save_keras(networks.build(after, keras), path)  # without the optimizer and its state
    return after, accuracy


def _layers(before: Network, after: Network) -> list[dict[str, Any]]:
    """For each layer that can be pruned, its filters before and after, and its fraction of zero weights."""
    return [
        {
            "layer": new.name,
            "filters": [old.shape[-1], new.shape[-1]],
            "weights": kernel.size,
            "sparsity": float(np.mean(kernel == 0)),
        }
        for (old, _), (new, kernel) in zip(sparsity.kernels_of(before), sparsity.kernels_of(after), strict=True)
    ]
