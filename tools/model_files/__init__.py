"""Model files from users: .keras and .h5 of Keras 3 and Keras 2, SavedModels. Code inside such a file is never run."""

import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..errors import QuantizeError
from ..quiet import failures_as, quiet
from . import architecture, containers, gate, recurrent, saved_model

KERAS = (".keras", ".h5", ".hdf5")
SUFFIXES = (*KERAS, ".tflite")
_HDF5_MARK = b"\x89HDF\r\n\x1a\n"  # HDF5 file format specification, section II.A
# Keras imports these if they are there, for plots and wrappers that kerf does not use: a third of TensorFlow's start.
_NOT_NEEDED = ("matplotlib", "sklearn")
_ZIP_MARK = b"PK\x03\x04"


@dataclass(frozen=True, eq=False)
class Loaded:
    """A TensorFlow concrete function at batch size 1; ``trackable`` keeps its variables alive.

    ``shapes`` and ``dtypes`` are those of one sample of each input, in the function's order. ``is_fused``: it contains
    functions that the converter turns into single operators, if it is given the variables. ``is_stateful``: it computes
    one step of a sequence, and keeps its state in variables.
    """

    name: str
    function: Any
    trackable: Any
    shapes: tuple[tuple[int, ...], ...]
    dtypes: tuple[str, ...]
    is_fused: bool = False
    is_stateful: bool = False

    @property
    def has_loop(self) -> bool:
        """Whether a part is computed in a loop, as recurrent layers are."""
        graph = self.function.graph.as_graph_def()
        nodes = (graph.node, *(function.node_def for function in graph.library.function))
        return any(node.op in ("While", "StatelessWhile") for some in nodes for node in some)


def import_tensorflow(log: Path) -> Any:
    """TensorFlow, imported on demand; what it prints while loading goes to ``log``."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with quiet(log):
        with _not_found(*_NOT_NEEDED):
            import tensorflow

        tensorflow.get_logger().setLevel("ERROR")  # its advice is not meant for the user
    return tensorflow


@contextmanager
def _not_found(*packages: str) -> Iterator[None]:
    """Makes packages that are not imported yet look as if they were not installed, within the context."""
    hidden = [package for package in packages if package not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]  # None: an import raises ModuleNotFoundError
    try:
        yield
    finally:
        for package in hidden:
            del sys.modules[package]


def check_path(path: Path) -> None:
    """Checks that a user's model is a kind of file or folder that kerf can read. Raises QuantizeError."""
    if not path.exists():
        raise QuantizeError(f"there is no model at {path}")
    if path.is_dir():
        saved_model.check_files(path)
    elif not path.is_file():
        raise QuantizeError(f"{path} is not a file")
    elif path.suffix.lower() in SUFFIXES and path.suffix not in SUFFIXES:
        raise QuantizeError(f"{path} needs a lower-case suffix: rename it to {path.stem}{path.suffix.lower()}")
    elif path.suffix not in SUFFIXES:
        raise QuantizeError(f"{path} is neither {', '.join(SUFFIXES)} nor a SavedModel folder")
    elif path.suffix == ".keras" and not _starts_with(path, _ZIP_MARK):
        raise QuantizeError(f"{path} is not a .keras file (not a zip archive); save it with model.save('name.keras')")
    elif path.suffix in (".h5", ".hdf5") and not _starts_with(path, _HDF5_MARK):
        raise QuantizeError(f"{path} is not an HDF5 file; save the model with model.save('name.keras')")


def _starts_with(path: Path, mark: bytes) -> bool:
    with path.open("rb") as file:
        return file.read(len(mark)) == mark


def load(path: Path, log: Path, steps: int = 0) -> Loaded:
    """Reads a model without running any code in it (no Lambda layers, no custom objects, Keras' safe mode).

    ``steps``: the length of a sequence for inputs that leave it open; 0: they are refused. What TensorFlow prints goes
    to ``log``. Raises QuantizeError.
    """
    check_path(path)
    if path.is_dir():
        return _saved_model(import_tensorflow(log), path, log)
    return _traced(path, load_keras(path, log), log, steps)


def without_loops(loaded: Loaded, path: Path, log: Path, fuses: bool, stateful: bool = False) -> Loaded:
    """The same model with its recurrent layers rebuilt so that TensorFlow can convert them in every mode.

    Returns ``loaded`` itself if it has no recurrent layers, or is a SavedModel. ``fuses``: LSTMs become single
    operators, if possible. ``stateful``: the model computes one step of the sequence and keeps its state. Raises
    QuantizeError.
    """
    if path.is_dir() or not recurrent.is_recurrent(loaded.trackable):
        if stateful:
            raise QuantizeError(f"{path} has no recurrent layer whose state could be kept: omit --stateful")
        return loaded
    keras_2 = _import_keras(True, log)
    how = " for one step of the sequence; omit --stateful" if stateful else ""
    with failures_as(QuantizeError, f"kerf cannot rebuild the recurrent layers of {path}{how}", log):
        model, is_fused = recurrent.rebuild(loaded.trackable, keras_2, fuses, stateful)
    return replace(_traced(path, model, log), is_fused=is_fused, is_stateful=stateful)


def _traced(path: Path, model: Any, log: Path, steps: int = 0) -> Loaded:
    """A Keras model at batch size 1."""
    tf = import_tensorflow(log)
    specs = [_fixed(tf, path, tensor.shape, tensor.dtype, tensor.name, steps) for tensor in model.inputs]
    with failures_as(QuantizeError, f"{path} cannot run on one sample", log):

        def call(*inputs: Any) -> Any:
            return model(list(inputs) if len(inputs) > 1 else inputs[0], training=False)

        function = tf.function(call, input_signature=specs).get_concrete_function()
    return _loaded(path, function, model, specs)


def load_keras(path: Path, log: Path) -> Any:
    """The Keras model in a .keras or .h5, as safely as `load`. Raises QuantizeError.

    Files of Keras 2 are read by Keras 2: Keras 3 does not support all of its layers' options, nor nested models.
    """
    check_path(path)
    found = architecture.read(path)
    keras = _import_keras(found.is_keras_2, log)
    gate.refuse_code(path, found, keras)
    with tempfile.TemporaryDirectory() as folder:
        copy, weights = containers.unpack(path, Path(folder)) if path.suffix == ".keras" else (path, path)
        containers.check(path, weights)
        with failures_as(QuantizeError, f"Keras cannot load {path}", log):
            model = keras.models.load_model(copy, compile=False)
    if not getattr(model, "inputs", None):
        raise QuantizeError(f"{path} has no defined input: start the model with an Input, and save it again")
    return model


def _import_keras(is_keras_2: bool, log: Path) -> Any:
    """Keras 3 (``tf.keras``) or Keras 2; both can be loaded in one process."""
    import_tensorflow(log)
    with quiet(log):
        if is_keras_2:
            import tf_keras

            return tf_keras
        import keras

        return keras


def _saved_model(tf: Any, path: Path, log: Path) -> Loaded:
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / path.name
        saved_model.copy(path, copy, log)
        with failures_as(QuantizeError, f"TensorFlow cannot load the SavedModel {path}", log):
            model = tf.saved_model.load(str(copy))
    with failures_as(QuantizeError, f"{path} cannot run on one sample", log):
        signatures: dict[str, Any] = dict(getattr(model, "signatures", {}))
        if not signatures:
            raise QuantizeError(f"the SavedModel {path} has no signature: export it with model.export(FOLDER)")
        served = signatures["serving_default" if "serving_default" in signatures else min(signatures)]
        arguments = sorted(served.structured_input_signature[1].items())
        specs = [_fixed(tf, path, spec.shape, spec.dtype, name) for name, spec in arguments]

        def call(*inputs: Any) -> Any:
            outputs = served(**{name: value for (name, _), value in zip(arguments, inputs, strict=True)})
            return [outputs[name] for name in sorted(outputs)]

        function = tf.function(call, input_signature=specs).get_concrete_function()
    return _loaded(path, function, model, specs)


def _fixed(tf: Any, path: Path, shape: Any, dtype: Any, name: str, steps: int = 0) -> Any:
    """The input's type with batch size 1. An open sequence length becomes ``steps``; all other sizes must be fixed."""
    sizes = list(shape) if getattr(shape, "rank", 0) is not None else []
    if len(sizes) == 3 and sizes[1] is None and sizes[2] is not None:
        if not steps:
            raise QuantizeError(
                f"input {name!r} of {path} has no fixed sequence length, but a microcontroller needs one: "
                f"build the model with Input((LENGTH, {sizes[2]})), copy the weights with set_weights(), and save it "
                "again; or give --stateful for one step per inference"
            )
        sizes[1] = steps
    if not sizes or any(size is None for size in sizes[1:]):
        raise QuantizeError(
            f"input {name!r} of {path} has the shape {tuple(sizes) or 'unknown'}: a microcontroller needs fixed sizes; "
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
