"""One module per model, found by file name: its data, its architecture, its accuracy floor.

A model module has

    SUMMARY: str                    one line for `inv models`
    CLASSES: tuple[str, ...]        names of the classes, () for a regression
    ACCURACY_FLOOR: float           the least accuracy on the test set, or R² (coefficient of determination) for a
                                    regression; training that ends below it is an error
    EPOCHS: int                     how long it is trained; 0: never, its weights are random
    BATCH: int
    LEARNING_RATE: float            Adam's initial learning rate; it decays to zero along a cosine
    AUGMENTATION: Augmentation      how training images are varied; Augmentation() if not at all
    data() -> Data                  the same arrays every time; raises TrainError when they are unavailable
    build() -> keras.Model          untrained; named layers, an Input of fixed shape without batch size; for classifiers
                                    build(shape, classes), because a user's data may differ in both

A module may also declare

    HYPERPARAMETERS: Mapping[str, tuple[Any, ...]]   keyword arguments of build(), each with values worth trying

and the name of such a model may set them: digits+filters=8 is digits with filters=8.

A model with random weights, for measuring where no data set can be shipped, has ``EPOCHS = 0`` and only SUMMARY,
CLASSES, data and build, made with _random.py. It is never trained, and its build() takes no arguments.

Nothing else in kerf imports a model module by name. Listing models is fast: TensorFlow and scikit-learn are imported
inside ``data`` and ``build``, never at the top of a module.
"""

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from inspect import signature
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Protocol, cast

import numpy as np
import numpy.typing as npt

from .. import registry
from ..errors import UnknownName, UsageError

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Data:
    """A data set, split. x is float32, first axis = sample, in the real units that the model is trained on.

    y holds class indices (int64, one axis) or a regression's targets (float32, the shape of the model's output); its
    shape is (n, 0) if the targets are unknown.
    ``classes`` are the class labels if the data has its own, otherwise the model's CLASSES apply. ``sha256`` identifies
    the arrays' contents, if known in advance.
    """

    train_x: Floats
    train_y: npt.NDArray[Any]
    test_x: Floats
    test_y: npt.NDArray[Any]
    classes: tuple[str, ...] = ()
    sha256: str = ""

    def digest(self) -> str:
        """A SHA-256 that changes with the arrays."""
        total = hashlib.sha256(self.sha256.encode())
        for array in () if self.sha256 else (self.train_x, self.train_y, self.test_x, self.test_y):
            total.update(f"{array.dtype}{array.shape}".encode())
            total.update(np.ascontiguousarray(array).data)
        return total.hexdigest()

    def even(self, batch: int) -> "Data":
        """The data without its last training sample if the last batch would be odd.

        With oneDNN, TensorFlow 2.21 writes out of bounds in the gradient of an average pooling of an odd batch.
        """
        count = len(self.train_x)
        if count % batch % 2 == 0 or count == 1:
            return self
        return replace(self, train_x=self.train_x[:-1], train_y=self.train_y[:-1])


@dataclass(frozen=True)
class Augmentation:
    """Random variations of training images: half of them mirrored left to right, each shifted by up to ``shift`` pixels
    along both axes, padded with black."""

    mirror: bool = False
    shift: int = 0


class ModelModule(Protocol):
    """The interface of each module in this folder."""

    SUMMARY: str
    CLASSES: tuple[str, ...]
    ACCURACY_FLOOR: float
    EPOCHS: int
    BATCH: int
    LEARNING_RATE: float
    AUGMENTATION: Augmentation
    build: Callable[..., Any]

    def data(self) -> Data: ...


def source(name: str) -> Path:
    """The file of a model module."""
    return Path(__file__).with_name(f"{name.partition('+')[0]}.py")


def known() -> tuple[str, ...]:
    """Names of all models, sorted. Modules that start with _ are helpers."""
    return registry.names("models")


def find(name: str) -> ModelModule:
    """The module of a model, with its hyperparameters set as in its name.

    Raises UnknownName (with the known ones) when there is none, or it does not declare a hyperparameter; UsageError for
    a value of another type.
    """
    base, *settings = name.split("+")
    module: ModelModule = registry.find("models", base, "model")
    if not settings:
        return module
    values = dict(_setting(base, *text.partition("=")[::2]) for text in settings)
    return cast(ModelModule, SimpleNamespace(**vars(module) | {"build": partial(module.build, **values)}))


def is_varied(name: str) -> bool:
    """Whether the name is that of one of these models with hyperparameters, such as digits+filters=8."""
    return re.fullmatch(r"\w+(\+\w+=[^+=/]+)+", name) is not None and name.partition("+")[0] in known()


def hyperparameters(name: str) -> Mapping[str, tuple[Any, ...]]:
    """The hyperparameters that a model declares, each with values worth trying; the first is the default."""
    module = find(name)
    defaults = {key: each.default for key, each in signature(module.build).parameters.items()}
    declared: Mapping[str, tuple[Any, ...]] = getattr(module, "HYPERPARAMETERS", {})
    return {key: tuple(dict.fromkeys((defaults[key], *values))) for key, values in declared.items()}


def varied(name: str, values: Mapping[str, str]) -> str:
    """The name of a model with these hyperparameters, without those that have their default value."""
    defaults = {key: known[0] for key, known in hyperparameters(name).items()}
    set_ = dict(_setting(name, key, text) for key, text in sorted(values.items()))
    return "+".join([name, *(f"{key}={value}" for key, value in set_.items() if value != defaults[key])])


def _setting(model: str, key: str, text: str) -> tuple[str, Any]:
    """A hyperparameter and its value, of the type of its default."""
    declared = hyperparameters(model)
    if key not in declared:
        raise UnknownName(f"hyperparameter of {model}", key, declared)
    kind = type(declared[key][0])
    try:
        return key, kind(text)
    except ValueError:
        what = {int: "a whole number", float: "a number"}.get(kind, kind.__name__)
        raise UsageError(f"{model}+{key}={text}: {key} takes {what}, such as {declared[key][0]}") from None
