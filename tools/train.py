"""A model's name → a trained Keras file."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from . import cache, files, models
from .data import augment
from .errors import TrainError
from .model_files import import_tensorflow
from .models import Augmentation, Data, ModelModule
from .models import _random as random
from .progress import Progress, Step
from .quiet import useful_line, without_warnings
from .values import Trained

SEED = 1
PACKAGES = ("tensorflow", "keras", "numpy")
SOURCES = ("train.py", "data/augment.py")  # kerf's own files that determine the result


def train(
    model: str,
    directory: Path,
    progress: Progress | None = None,
    seed: int = SEED,
    epochs: int | None = None,
    data: Data | None = None,
    keep: bool = False,
) -> Trained:
    """Trains a model of tools/models, or gives it random weights, and saves it as ``directory/<model>.keras``.

    ``data`` replaces the model's own; the network is built for its shape and number of classes. The same seed gives the
    same file on the same machine with the same number of cores, provided that no other thread of this process draws
    from Python's global random numbers. An existing file is reused if it was made from the same model source, recipe,
    data, seed, epochs and TensorFlow. With ``keep``, seed and epochs are taken from the existing file, so that later
    stages use what the user trained. An interrupt leaves no partial files.

    Raises UnknownName; TrainError when the data cannot be used, when the result is below the model's accuracy floor
    (only a warning if ``epochs`` is given, as for a quick try; there is no floor for data with other classes), or when
    epochs or data are given for a model with random weights. Such a model's accuracy is None.
    """
    progress = progress or Progress()
    module = models.find(model)
    if epochs is not None or data is not None:
        require_trainable(model)
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"{model}.keras"
    record = directory / f"{model}.train.json"
    state = cache.fields_of(record)
    if keep:
        seed, epochs = state.get("seed", seed), state.get("epochs", epochs)
    chosen_epochs = module.EPOCHS if epochs is None else epochs
    if epochs is not None and epochs < 1:
        raise TrainError(f"cannot train {model} for {epochs} epochs: --epochs takes a whole number of at least 1")
    if not 0 <= seed < 1 << 32:
        raise TrainError(f"cannot train {model} with seed {seed}: --seed takes a number from 0 to 4,294,967,295")
    sources, data_digest = [models.source(model)], data.digest() if data else ""
    if module.EPOCHS:
        recipe = repr((seed, chosen_epochs, module.BATCH, module.LEARNING_RATE, module.AUGMENTATION))
    else:
        recipe = repr(seed)
        sources.append(Path(random.__file__))
    made_from = {  # what makes the file stale although the user asked for the same training
        **{f"{source.name} has changed": files.digest(source.read_bytes()) for source in sources},
        "the data has changed": data_digest,
        "TensorFlow, Keras or numpy has another version": cache.key(packages=PACKAGES),
        "the code of this stage has changed": cache.key(sources=SOURCES),
    }
    key = cache.key(recipe, *made_from.values())

    kept = cache.load(record, key)
    if kept is not None:
        if progress.is_news(path):
            progress.say(f"{model} {'is already trained' if module.EPOCHS else 'already has random weights'}: {path}")
        trained = Trained(model, path, kept.fields["accuracy"])
    else:
        if state:
            was = state.get("made_from", made_from)
            changes = [change for change in made_from if was.get(change) != made_from[change]]
            changes += [] if cache.anyway(record) else [f"{path} has been modified or removed"]
            action = f"training {model}" if module.EPOCHS else f"giving {model} random weights"
            progress.say(f"{action} again: {', '.join(changes) or 'other epochs or another seed'}")
        accuracy = None
        if module.EPOCHS:
            accuracy = _fit(model, module, data, path, seed, chosen_epochs, progress)
        else:
            _fill(model, module, path, seed, progress)
        trained = Trained(model, path, accuracy)
        progress.is_news(path)
        cache.keep(record, key, [path], accuracy=trained.accuracy, seed=seed, epochs=epochs, made_from=made_from)
    if module.EPOCHS and (data is None or data.classes in ((), module.CLASSES)):
        _check_floor(trained, module, is_try=epochs is not None, progress=progress)
    return trained


def require_trainable(model: str) -> None:
    """Raises TrainError for a model with random weights, which has neither data set nor recipe."""
    if models.find(model).EPOCHS == 0:
        known = ", ".join(name for name in models.known() if models.find(name).EPOCHS)
        raise TrainError(f"{model} is for measuring only: it has random weights and cannot be trained; try: {known}")


def _fill(model: str, module: ModelModule, path: Path, seed: int, progress: Progress) -> None:
    """Builds the network, gives it random weights and saves it."""
    import_tensorflow(path.with_suffix(".log"))
    network = module.build()
    random.fill(network, module.data(), seed)
    save_keras(network, path)
    progress.say(f"{model}: random weights, for measuring (seed {seed})")


def outline(model: str, data: Data, path: Path) -> None:
    """Saves the network as it is before it is trained."""
    tf = import_tensorflow(path.with_suffix(".log"))
    keras: Any = tf.keras
    keras.utils.set_random_seed(SEED)
    save_keras(_build(model, models.find(model), data), path)


def _check_floor(trained: Trained, module: ModelModule, is_try: bool, progress: Progress) -> None:
    measure = "accuracy" if module.CLASSES else "R²"
    assert trained.accuracy is not None
    if trained.accuracy >= module.ACCURACY_FLOOR:
        return
    sentence = (
        f"{trained.model} reached {measure} {trained.accuracy:.4f} on its test set, below its floor of "
        f"{module.ACCURACY_FLOOR}: train longer, or check {models.source(trained.model).name}"
    )
    if not is_try:
        raise TrainError(sentence)
    progress.warn(sentence)


def _fit(
    model: str, module: ModelModule, given: Data | None, path: Path, seed: int, epochs: int, progress: Progress
) -> float:
    """Trains, saves atomically, and returns the accuracy (R² for a regression) on the test set."""
    data = given.even(module.BATCH) if given else module.data()
    _check_data(model, data)
    tf = import_tensorflow(path.with_suffix(".log"))
    keras: Any = tf.keras
    keras.utils.set_random_seed(seed)  # of Python, numpy and TensorFlow
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
    bare = _build(model, module, data)  # without the optimizer and its state: training does not resume from here
    bare.set_weights(network.get_weights())
    save_keras(bare, path)
    progress.say(f"{model}: {'accuracy' if module.CLASSES else 'R²'} {accuracy:.4f} on {len(data.test_x)} test samples")
    return accuracy


def _build(model: str, module: ModelModule, data: Data) -> Any:
    """The network, built for the data's shape and classes; a regression's is fixed."""
    if not module.CLASSES:
        if data.classes:
            raise TrainError(
                f"{model} is a regression, but the data has {len(data.classes)} classes: choose a classifier"
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
            raise TrainError(f"the {part} set of {model} contains values that are not finite")


def _score(module: ModelModule, outputs: Any, targets: Any) -> float:
    """The accuracy; for a regression R² = 1 - residual / total sum of squares."""
    if module.CLASSES:
        return float(np.mean(outputs.argmax(axis=-1) == targets))
    residual = np.square(outputs.reshape(targets.shape).astype(np.float64) - targets).sum()
    total = np.square(targets - targets.mean(axis=0, dtype=np.float64)).sum()
    return float(1 - residual / total)


def progress_callback(keras: Any, step: Step) -> Any:
    """A Keras callback that reports finished epochs and their metrics to ``step``."""

    def on_epoch_end(epoch: int, logs: dict[str, float]) -> None:
        step(epoch + 1, " ".join(f"{name} {value:.4f}" for name, value in sorted(logs.items())))

    return keras.callbacks.LambdaCallback(on_epoch_end=on_epoch_end)


def _stable_keras(data: bytes) -> bytes:
    """The same .keras archive without timestamp (``date_saved``) and memory addresses (``shared_object_id``)."""
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


def save_keras(model: Any, path: Path) -> None:
    """Saves atomically; the same model always gives the same bytes."""
    with files.replacing(path) as temporary:
        with without_warnings():
            model.save(temporary)
        temporary.write_bytes(_stable_keras(temporary.read_bytes()))
