"""Fine-tuning of a compressed network: loss, data and schedule; the same for Keras 3 and Keras 2."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .. import train
from ..data import augment
from ..errors import CompressError
from ..models import Augmentation, Data
from ..progress import Step
from .network import Network

SEED = train.SEED


@dataclass(frozen=True)
class Recipe:
    """How a network is fine-tuned. ``learning_rate`` is Adam's initial one; it decays to zero along a cosine."""

    epochs: int = 10
    batch: int = 32
    learning_rate: float = 1e-3
    augmentation: Augmentation = field(default_factory=Augmentation)


def check(network: Network, data: Data, where: str) -> None:
    """Raises CompressError when the network cannot be trained with the data."""
    wanted, outputs = network.layers[0].shape, network.layers[-1].shape
    if data.train_x.shape[1:] != wanted:
        raise CompressError(f"a sample of the data has the shape {data.train_x.shape[1:]}, but {where} takes {wanted}")
    if not _is_classifier(data):
        shape = data.train_y.shape[1:] or (1,)
        if shape != outputs:  # if they merely broadcast, the loss would compare the wrong numbers
            raise CompressError(f"{where} has an output of shape {outputs}, but a target y has the shape {shape}")
        return
    classes = max(outputs[-1], 2)
    largest = max(int(data.train_y.max()), int(data.test_y.max()))
    if len(outputs) != 1 or largest >= classes:
        raise CompressError(f"{where} has an output of shape {outputs}, but the data has class {largest}")


def seed(tf: Any) -> None:
    """Makes everything that follows deterministic."""
    tf.keras.utils.set_random_seed(SEED)
    tf.config.experimental.enable_op_determinism()


def steps_per_epoch(data: Data, recipe: Recipe) -> int:
    return -(-len(data.train_x) // recipe.batch)


def fit(
    keras: Any,
    model: Any,
    network: Network,
    data: Data,
    recipe: Recipe,
    callbacks: Sequence[Any],
    step: Step,
    validation: Data | None = None,
) -> None:
    """Trains ``model`` (built from ``network``) in place, evaluating ``validation``'s training set after each epoch."""
    data = data.even(recipe.batch)
    steps = steps_per_epoch(data, recipe)
    schedule = keras.optimizers.schedules.CosineDecay(recipe.learning_rate, recipe.epochs * steps)
    loss, metrics = objective(keras, network, data)
    model.compile(keras.optimizers.Adam(schedule), loss=loss, metrics=metrics)
    judged = (validation.train_x, validation.train_y) if validation else None
    watched = {
        "epochs": recipe.epochs,
        "verbose": 0,
        "callbacks": [*callbacks, train.progress_callback(keras, step)],
        "validation_data": judged,
    }
    if Augmentation() == recipe.augmentation:
        model.fit(data.train_x, data.train_y, batch_size=recipe.batch, **watched)
    else:
        batches = augment.batches(data, recipe.batch, recipe.augmentation, SEED)
        model.fit(batches, steps_per_epoch=steps, **watched)
    if not all(np.isfinite(array).all() for array in model.get_weights()):
        raise CompressError(f"fine-tuning {network.name} diverged (weights are not finite): compress less, or in steps")


def objective(keras: Any, network: Network, data: Data) -> tuple[Any, list[Any]]:
    """The loss and metrics for these targets and the network's last activation."""
    last = network.layers[-1]
    if not _is_classifier(data):
        return "mse", []
    if last.shape == (1,):
        is_logit = last.config.get("activation") != "sigmoid"
        accuracy = keras.metrics.BinaryAccuracy("accuracy", threshold=0.0 if is_logit else 0.5)
        return keras.losses.BinaryCrossentropy(from_logits=is_logit), [accuracy]
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=not last.is_softmax)
    return loss, ["accuracy"]


def score(network: Network, predict: Callable[[Any], Any], data: Data) -> float:
    """The accuracy on the test set; for a regression R² = 1 - residual / total sum of squares."""
    outputs, targets = np.asarray(predict(data.test_x), np.float64), data.test_y
    if not _is_classifier(data):
        residual = np.square(outputs.reshape(targets.shape) - targets).sum()
        return float(1 - residual / np.square(targets - targets.mean(axis=0, dtype=np.float64)).sum())
    if outputs.shape[-1] == 1:
        threshold = 0.5 if network.layers[-1].config.get("activation") == "sigmoid" else 0.0
        return float(np.mean((outputs.reshape(-1) > threshold) == targets.reshape(-1)))
    return float(np.mean(outputs.argmax(axis=-1) == targets))


def measure(data: Data) -> str:
    """The name of what `score` returns."""
    return "accuracy" if _is_classifier(data) else "R²"


def _is_classifier(data: Data) -> bool:
    return bool(np.issubdtype(data.train_y.dtype, np.integer))
