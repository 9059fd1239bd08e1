"""From a model's name to a trained Keras file, and from a user's file to a function TensorFlow can convert."""

import json
import os
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from . import files, models
from .errors import TrainError
from .models import Data, ModelModule
from .progress import Progress, Step
from .quiet import quiet, without_warnings
from .values import Trained

SEED = 1


def train(
    model: str, directory: Path, progress: Progress | None = None, seed: int = SEED, epochs: int | None = None
) -> Trained:
    """Trains a model of tools/models and saves it as ``directory/<model>.keras``.

    The same seed gives the same file on the same machine. A file that is there already and was made from the same
    model source, seed, epochs and TensorFlow is used again. Nothing is left behind by an interrupt.

    Raises UnknownName; TrainError when the data cannot be used, or when the result is below the model's accuracy
    floor (with ``epochs`` given, a quick try, that is only a warning).
    """
    progress = progress or Progress()
    module = models.find(model)
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"{model}.keras"
    state_path = directory / f"{model}.train.json"
    chosen_epochs = module.EPOCHS if epochs is None else epochs
    if chosen_epochs < 1:
        raise TrainError(f"cannot train {model} for {chosen_epochs} epochs: give at least 1")
    frameworks = [f"{name} {version(name)}" for name in ("tensorflow", "keras", "numpy")]
    key = files.digest(models.source(model).read_bytes(), repr((seed, chosen_epochs)), *frameworks)

    state = files.read_json(state_path)
    if state.get("key") == key and path.is_file() and files.tree_digest(path) == state.get("sha256"):
        progress.say(f"{model} is trained already: {path}")
        trained = Trained(model, path, state["accuracy"])
    else:
        trained = Trained(model, path, _fit(model, module, path, seed, chosen_epochs, progress))
        record = {"key": key, "sha256": files.tree_digest(path), "accuracy": trained.accuracy}
        files.write(state_path, json.dumps(record, indent=1).encode())
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


def _fit(model: str, module: ModelModule, path: Path, seed: int, epochs: int, progress: Progress) -> float:
    """Trains, saves whole or not at all, and returns the accuracy (R² for a regression) on the test set."""
    data = module.data()
    _check_data(model, data)
    tf = import_tensorflow(path.with_suffix(".log"))
    keras: Any = tf.keras
    keras.utils.set_random_seed(seed)  # Python's, numpy's and TensorFlow's generator
    tf.config.experimental.enable_op_determinism()

    network = module.build()
    steps = epochs * -(-len(data.train_x) // module.BATCH)
    network.compile(
        keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(module.LEARNING_RATE, steps)),
        loss="sparse_categorical_crossentropy" if module.CLASSES else "mse",
        metrics=["accuracy"] if module.CLASSES else [],
    )
    with progress.bar(f"training {model}", epochs) as step, without_warnings():
        network.fit(
            data.train_x,
            data.train_y,
            batch_size=module.BATCH,
            epochs=epochs,
            verbose=0,
            callbacks=[_progress_callback(keras, step)],
        )
        accuracy = _score(module, network.predict(data.test_x, verbose=0), data.test_y)
    if not np.isfinite(network.get_weights()[0]).all():
        raise TrainError(f"training {model} diverged (weights are not finite): lower LEARNING_RATE")
    bare = module.build()  # without the optimizer and its state: nobody trains on from here
    bare.set_weights(network.get_weights())
    with files.replacing(path) as temporary:
        with without_warnings():
            bare.save(temporary)
        temporary.write_bytes(_stable_keras(temporary.read_bytes()))
    progress.say(f"{model}: {'accuracy' if module.CLASSES else 'R²'} {accuracy:.4f} on {len(data.test_x)} test samples")
    return accuracy


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


def _progress_callback(keras: Any, step: Step) -> Any:
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

    return tensorflow
