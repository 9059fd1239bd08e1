"""From a model's name to a trained Keras file, and from a user's file to a function TensorFlow can convert."""

import json
import os
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from . import files, models
from .data import augment
from .errors import QuantizeError, TrainError
from .models import Augmentation, Data, ModelModule
from .progress import Progress, Step
from .quiet import failures_as, quiet, useful_line, without_warnings
from .values import Trained

SEED = 1
SUFFIXES = (".keras", ".h5", ".hdf5", ".tflite")
_HDF5_MARK = b"\x89HDF\r\n\x1a\n"  # HDF5 file format specification, section II.A
_ZIP_MARK = b"PK\x03\x04"
# Operators of TensorFlow that read or write files or call back into Python; saving and restoring have their own.
_EFFECTS = ("ReadFile", "WriteFile", "MatchingFiles", "PyFunc", "PyFuncStateless", "EagerPyFunc", "SaveDataset")


def train(
    model: str,
    directory: Path,
    progress: Progress | None = None,
    seed: int = SEED,
    epochs: int | None = None,
    data: Data | None = None,
    keep: bool = False,
) -> Trained:
    """Trains a model of tools/models and saves it as ``directory/<model>.keras``.

    ``data`` stand in for the model's own; the network is built for their shape and number of classes. The same seed
    gives the same file on the same machine. A file that is there already and was made from the same model source,
    recipe, data, seed, epochs and TensorFlow is used again. With ``keep``, seed and epochs are those it was made with:
    what a later stage asks for is what the user trained. Nothing is left behind by an interrupt.

    Raises UnknownName; TrainError when the data cannot be used, or when the result is below the model's accuracy
    floor (with ``epochs`` given, a quick try, that is only a warning; data of other classes have no floor).
    """
    progress = progress or Progress()
    module = models.find(model)
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"{model}.keras"
    state_path = directory / f"{model}.train.json"
    state = files.read_json(state_path)
    if keep:
        seed, epochs = state.get("seed", seed), state.get("epochs", epochs)
    chosen_epochs = module.EPOCHS if epochs is None else epochs
    if chosen_epochs < 1:
        raise TrainError(f"cannot train {model} for {chosen_epochs} epochs: give at least 1")
    if not 0 <= seed < 1 << 32:
        raise TrainError(f"cannot train {model} with seed {seed}: numpy takes 0 to 4,294,967,295")
    frameworks = [f"{name} {version(name)}" for name in ("tensorflow", "keras", "numpy")]
    recipe = repr((seed, chosen_epochs, module.BATCH, module.LEARNING_RATE, module.AUGMENTATION))
    source, data_digest = models.source(model), data.digest() if data else ""
    made_from = {  # what makes it another model without anybody asking for one
        f"{source.name} has changed": files.digest(source.read_bytes()),
        "the data have changed": data_digest,
        "TensorFlow, Keras or numpy is another version": " ".join(frameworks),
    }
    key = files.digest(source.read_bytes(), recipe, data_digest, *frameworks)

    is_whole = path.is_file() and files.tree_digest(path) == state.get("sha256")
    if is_whole and state.get("key") == key:
        if progress.is_news(path):
            progress.say(f"{model} is trained already: {path}")
        trained = Trained(model, path, state["accuracy"])
    else:
        if state:
            was = state.get("made_from", made_from)
            changes = [change for change in made_from if was.get(change) != made_from[change]]
            changes += [] if is_whole else [f"{path} is not the file it was"]
            progress.say(f"training {model} again: {', '.join(changes) or 'with other epochs or another seed'}")
        trained = Trained(model, path, _fit(model, module, data, path, seed, chosen_epochs, progress))
        progress.is_news(path)
        record = {
            "key": key,
            "sha256": files.tree_digest(path),
            "accuracy": trained.accuracy,
            "seed": seed,
            "epochs": epochs,
            "made_from": made_from,
        }
        files.write(state_path, json.dumps(record, indent=1).encode())
    if data is None or data.classes in ((), module.CLASSES):
        _check_floor(trained, module, is_try=epochs is not None, progress=progress)
    return trained


def _check_floor(trained: Trained, module: ModelModule, is_try: bool, progress: Progress) -> None:
    measure = "accuracy" if module.CLASSES else "R²"
    assert trained.accuracy is not None
    if trained.accuracy >= module.ACCURACY_FLOOR:
        return
    sentence = (
        f"{trained.model} reached {measure} {trained.accuracy:.4f} on its test set, below its floor of "
        f"{module.ACCURACY_FLOOR}: train longer, or look at {models.source(trained.model).name}"
    )
    if not is_try:
        raise TrainError(sentence)
    progress.warn(sentence)


def _fit(
    model: str, module: ModelModule, given: Data | None, path: Path, seed: int, epochs: int, progress: Progress
) -> float:
    """Trains, saves whole or not at all, and returns the accuracy (R² for a regression) on the test set."""
    data = given.even(module.BATCH) if given else module.data()
    _check_data(model, data)
    tf = import_tensorflow(path.with_suffix(".log"))
    keras: Any = tf.keras
    keras.utils.set_random_seed(seed)  # Python's, numpy's and TensorFlow's generator
    tf.config.experimental.enable_op_determinism()

    network = _build(model, module, data)
    epoch_steps = -(-len(data.train_x) // module.BATCH)
    schedule = keras.optimizers.schedules.CosineDecay(module.LEARNING_RATE, epochs * epoch_steps)
    network.compile(
        keras.optimizers.Adam(schedule),
        loss="sparse_categorical_crossentropy" if module.CLASSES else "mse",
        metrics=["accuracy"] if module.CLASSES else [],
    )
    with progress.bar(f"training {model}", epochs) as step, without_warnings():
        watched = {"epochs": epochs, "verbose": 0, "callbacks": [progress_callback(keras, step)]}
        if Augmentation() == module.AUGMENTATION:
            network.fit(data.train_x, data.train_y, batch_size=module.BATCH, **watched)
        else:
            network.fit(
                augment.batches(data, module.BATCH, module.AUGMENTATION, seed), steps_per_epoch=epoch_steps, **watched
            )
        accuracy = _score(module, network.predict(data.test_x, verbose=0), data.test_y)
    if not all(np.isfinite(weights).all() for weights in network.get_weights()):
        raise TrainError(f"training {model} diverged (weights are not finite): lower LEARNING_RATE")
    bare = _build(model, module, data)  # without the optimizer and its state: nobody trains on from here
    bare.set_weights(network.get_weights())
    save_keras(bare, path)
    progress.say(f"{model}: {'accuracy' if module.CLASSES else 'R²'} {accuracy:.4f} on {len(data.test_x)} test samples")
    return accuracy


def _build(model: str, module: ModelModule, data: Data) -> Any:
    """The network for the data's shape and classes; for a regression, its own."""
    if not module.CLASSES:
        if data.classes:
            raise TrainError(
                f"{model} is a regression and the data have {len(data.classes)} classes: choose a classifier"
            )
        return module.build()
    shape, classes = data.train_x.shape[1:], len(data.classes or module.CLASSES)
    try:
        return module.build(shape, classes)
    except ValueError as error:
        raise TrainError(f"{model} cannot be built for samples of shape {shape}: {useful_line(error)}") from error


def _check_data(model: str, data: Data) -> None:
    for part, x, y in (("train", data.train_x, data.train_y), ("test", data.test_x, data.test_y)):
        if len(x) == 0 or len(x) != len(y):
            raise TrainError(f"the {part} set of {model} has {len(x)} samples and {len(y)} targets")
        if not np.isfinite(x).all():
            raise TrainError(f"the {part} set of {model} holds values that are not finite")


def _score(module: ModelModule, outputs: Any, targets: Any) -> float:
    """The share of right classes; for a regression R² = 1 - residual / total sum of squares."""
    if module.CLASSES:
        return float(np.mean(outputs.argmax(axis=-1) == targets))
    residual = np.square(outputs.reshape(targets.shape).astype(np.float64) - targets).sum()
    total = np.square(targets - targets.mean(axis=0, dtype=np.float64)).sum()
    return float(1 - residual / total)


def progress_callback(keras: Any, step: Step) -> Any:
    """Tells ``step`` how many epochs are done, and their metrics."""

    def on_epoch_end(epoch: int, logs: dict[str, float]) -> None:
        step(epoch + 1, " ".join(f"{name} {value:.4f}" for name, value in sorted(logs.items())))

    return keras.callbacks.LambdaCallback(on_epoch_end=on_epoch_end)


def _stable_keras(data: bytes) -> bytes:
    """The same .keras archive without the time of day (``date_saved``) and memory addresses (``shared_object_id``)."""
    entries = files.unpack(data)
    metadata = json.loads(entries["metadata.json"])
    metadata.pop("date_saved", None)
    numbers: dict[int, int] = {}

    def renumber(value: dict[str, Any]) -> dict[str, Any]:
        if "shared_object_id" in value:
            value["shared_object_id"] = numbers.setdefault(value["shared_object_id"], len(numbers))
        return value

    config = json.loads(entries["config.json"], object_hook=renumber)
    entries["metadata.json"] = json.dumps(metadata).encode()
    entries["config.json"] = json.dumps(config).encode()
    return files.pack(entries)


def import_tensorflow(log: Path) -> Any:
    """TensorFlow, imported only now; what it says while loading goes to ``log``."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with quiet(log):
        import tensorflow

        tensorflow.get_logger().setLevel("ERROR")  # its advice is not for the user
    return tensorflow


@dataclass(frozen=True, eq=False)
class Loaded:
    """A TensorFlow concrete function at batch size 1; ``trackable`` keeps its variables alive.

    ``shapes`` and ``dtypes`` are those of one sample of each input, in the function's order.
    """

    name: str
    function: Any
    trackable: Any
    shapes: tuple[tuple[int, ...], ...]
    dtypes: tuple[str, ...]


def check_path(path: Path) -> None:
    """Looks at a user's model from outside only: is it a file or folder kerf can read? Raises QuantizeError."""
    if not path.exists():
        raise QuantizeError(f"there is no model at {path}")
    if path.is_dir():
        if not (path / "saved_model.pb").is_file():
            raise QuantizeError(f"the folder {path} is no SavedModel: it has no saved_model.pb")
    elif path.suffix not in SUFFIXES:
        raise QuantizeError(f"{path} is none of {', '.join(SUFFIXES)} or a SavedModel folder")
    elif path.suffix == ".keras" and not _starts_with(path, _ZIP_MARK):
        raise QuantizeError(f"{path} is not a .keras file: it is no zip archive; save it with model.save('name.keras')")
    elif path.suffix in (".h5", ".hdf5") and not _starts_with(path, _HDF5_MARK):
        raise QuantizeError(f"{path} is not an HDF5 file; save the model with model.save('name.keras')")


def _starts_with(path: Path, mark: bytes) -> bool:
    with path.open("rb") as file:
        return file.read(len(mark)) == mark


def load(path: Path, log: Path) -> Loaded:
    """Reads a model without running any code it may carry (Keras' safe mode, no Lambda layers, no custom objects).

    What TensorFlow prints goes to ``log``. Raises QuantizeError.
    """
    check_path(path)
    if path.is_dir():
        return _saved_model(import_tensorflow(log), path, log)
    model = load_keras(path, log)
    tf = import_tensorflow(log)
    specs = [_fixed(tf, path, tensor.shape, tensor.dtype, tensor.name) for tensor in model.inputs]
    with failures_as(QuantizeError, f"{path} cannot run on one sample", log):

        def call(*inputs: Any) -> Any:
            return model(list(inputs) if len(inputs) > 1 else inputs[0], training=False)

        function = tf.function(call, input_signature=specs).get_concrete_function()
    return _loaded(path, function, model, specs)


def load_keras(path: Path, log: Path) -> Any:
    """The Keras model in a .keras or .h5, as safely as `load`. Raises QuantizeError."""
    check_path(path)
    _refuse_code(path)
    tf = import_tensorflow(log)
    with failures_as(QuantizeError, f"Keras cannot load {path}", log):
        return _keras(tf, path)


def save_keras(model: Any, path: Path) -> None:
    """Saves whole or not at all, and the same model as the same bytes."""
    with files.replacing(path) as temporary:
        with without_warnings():
            model.save(temporary)
        temporary.write_bytes(_stable_keras(temporary.read_bytes()))


def _keras(tf: Any, path: Path) -> Any:
    """Keras 3 reads .keras and the .h5 of Keras 2, but for one argument that a depthwise convolution has lost since."""

    class DepthwiseConv2D(tf.keras.layers.DepthwiseConv2D):  # type: ignore[misc]
        def __init__(self, *arguments: Any, groups: int = 1, **options: Any) -> None:
            super().__init__(*arguments, **options)

    old = {} if path.suffix == ".keras" else {"DepthwiseConv2D": DepthwiseConv2D}
    return tf.keras.models.load_model(path, custom_objects=old, compile=False)


def _refuse_code(path: Path) -> None:
    """Python code in a model cannot run on a microcontroller and should not run unseen on the user's machine."""
    for part in _parts(_config(path)):
        kind, module, config = part.get("class_name"), str(part.get("module") or "keras"), part.get("config")
        if not isinstance(kind, str) or "config" not in part:
            continue
        name = config.get("name", kind) if isinstance(config, dict) else config
        if kind == "Lambda":
            raise QuantizeError(f"{path} has the Lambda layer {name!r}, which is Python code: use layers of Keras")
        if kind in ("TorchModuleWrapper", "TFSMLayer"):
            raise QuantizeError(
                f"{path} has the layer {name!r} ({kind}), which holds a foreign program: use layers of Keras"
            )
        if module.partition(".")[0] not in ("keras", "tf_keras"):
            raise QuantizeError(f"{path} has the layer {name!r} of the custom class {kind}: use layers of Keras")


def _parts(value: Any) -> Iterator[dict[str, Any]]:
    """All objects of a JSON value, outermost first."""
    if isinstance(value, dict):
        yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _parts(inner)


def _config(path: Path) -> Any:
    """The architecture in a .keras or .h5."""
    try:
        if path.suffix == ".keras":
            with zipfile.ZipFile(path) as archive:
                return json.loads(archive.read("config.json"))
        import h5py

        with h5py.File(path, "r") as file:
            return json.loads(file.attrs["model_config"])
    except KeyError:
        raise QuantizeError(f"{path} holds weights but no model: save all of it, model.save('name.keras')") from None
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise QuantizeError(f"{path} is damaged or cut off ({error}): save it again") from None


def _refuse_effects(path: Path, log: Path) -> None:
    """A SavedModel is a program of TensorFlow's, and part of it runs when it is loaded: it must not touch files."""
    with failures_as(QuantizeError, f"TensorFlow cannot read the SavedModel {path}", log):
        from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

        program = SavedModel.FromString((path / "saved_model.pb").read_bytes())
    for graph in (meta.graph_def for meta in program.meta_graphs):
        for node in (*graph.node, *(node for function in graph.library.function for node in function.node_def)):
            if node.op in _EFFECTS:
                raise QuantizeError(f"{path} has the operator {node.op} ({node.name!r}), which no inference needs")


def _saved_model(tf: Any, path: Path, log: Path) -> Loaded:
    _refuse_effects(path, log)
    with failures_as(QuantizeError, f"TensorFlow cannot load the SavedModel {path}", log):
        model = tf.saved_model.load(str(path))
    if not model.signatures:
        raise QuantizeError(f"the SavedModel {path} has no signature: export it with model.export(FOLDER)")
    names = sorted(model.signatures)
    served = model.signatures["serving_default" if "serving_default" in names else names[0]]
    arguments = sorted(served.structured_input_signature[1].items())
    specs = [_fixed(tf, path, spec.shape, spec.dtype, name) for name, spec in arguments]
    with failures_as(QuantizeError, f"{path} cannot run on one sample", log):

        def call(*inputs: Any) -> Any:
            outputs = served(**{name: value for (name, _), value in zip(arguments, inputs, strict=True)})
            return [outputs[name] for name in sorted(outputs)]

        function = tf.function(call, input_signature=specs).get_concrete_function()
    return _loaded(path, function, model, specs)


def _fixed(tf: Any, path: Path, shape: Any, dtype: Any, name: str) -> Any:
    """The input's type with batch size 1; every other size must be known."""
    sizes = list(shape) if getattr(shape, "rank", 0) is not None else []
    if not sizes or any(size is None for size in sizes[1:]):
        raise QuantizeError(
            f"input {name!r} of {path} has the shape {tuple(sizes) or 'unknown'}: a microcontroller needs fixed sizes, "
            "give the model's Input a shape"
        )
    return tf.TensorSpec([1, *sizes[1:]], dtype, name=re.sub(r"[^A-Za-z0-9_]+", "_", name).strip("_") or "input")


def _loaded(path: Path, function: Any, trackable: Any, specs: list[Any]) -> Loaded:
    return Loaded(
        path.name,
        function,
        trackable,
        tuple(tuple(spec.shape[1:]) for spec in specs),
        tuple(spec.dtype.name for spec in specs),
    )
