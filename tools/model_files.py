"""Users' models as files: .keras and .h5 of Keras 3 and Keras 2, SavedModels. No code that one may carry ever runs."""

import contextlib
import json
import os
import re
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import Any

from .errors import QuantizeError
from .quiet import failures_as, quiet

SUFFIXES = (".keras", ".h5", ".hdf5", ".tflite")
_HDF5_MARK = b"\x89HDF\r\n\x1a\n"  # HDF5 file format specification, section II.A
_ZIP_MARK = b"PK\x03\x04"
_MAX_CONFIG_BYTES = 1 << 26
_UNREADABLE = (OSError, ValueError, NotImplementedError, RuntimeError, EOFError, zipfile.BadZipFile, zlib.error)
_MAX_DEPTH = 100  # of JSON; a layer within a model within a model is 13 deep

# What a configuration may name besides the public classes of these parts of Keras.
_PARTS = (
    *("models", "layers", "initializers", "regularizers", "constraints", "dtype_policies", "mixed_precision"),
    *("losses", "metrics", "optimizers", "optimizers.schedules"),
)
_PACKAGES = ("", "keras", "tf_keras")
_INITIALIZERS = "tensorflow.python.ops.init_ops_v2"  # that of EfficientNetV2's last layer in Keras 2
_INTERNAL = ("Functional", "BatchNormalizationV1", "BatchNormalizationV2", "TensorShape")
_VALUES = ("tensor", "keras_tensor", "numpy", "bytes", "ellipsis", "slice", "tuple")  # between double underscores
_FOREIGN = ("TorchModuleWrapper", "TFSMLayer")
_FUNCTIONS = ("keras.activations", "keras.ops", "keras.src.activations", "keras.src.ops")
# Layers of Keras 2 around a function of TensorFlow with a public name, such as the arithmetic of preprocess_input; and
# those of the functions that do nothing but compute tensors from tensors.
_CALLS = ("TFOpLambda", "SlicingOpLambda")
_PURE = re.compile(
    r"__operators__\.(add|getitem)|linalg\.matmul|image\.resize"
    r"|math\.(abs|add|divide|exp|floordiv|maximum|minimum|multiply|negative|pow|reduce_(max|mean|min|sum)|rsqrt)"
    r"|math\.(sigmoid|sqrt|square|subtract|tanh|truediv)"
    r"|nn\.(bias_add|elu|leaky_relu|relu|relu6|sigmoid|silu|softmax|tanh)"
    r"|(compat\.v1\.)?(cast|clip_by_value|concat|expand_dims|identity|pad|reshape|split|squeeze|stack|transpose)"
)
# Operators of TensorFlow that read or write files or call back into Python; saving and restoring have their own.
_EFFECTS = ("ReadFile", "WriteFile", "MatchingFiles", "PyFunc", "PyFuncStateless", "EagerPyFunc", "SaveDataset")


@dataclass(frozen=True)
class Architecture:
    """The layers in a .keras or .h5, as Keras wrote them, and whether it was Keras 2 (1 counts as 2)."""

    config: dict[str, Any]
    is_keras_2: bool


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


def import_tensorflow(log: Path) -> Any:
    """TensorFlow, imported only now; what it says while loading goes to ``log``."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with quiet(log):
        import tensorflow

        tensorflow.get_logger().setLevel("ERROR")  # its advice is not for the user
    return tensorflow


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
    """Reads a model without running any code it may carry (no Lambda layers, no custom objects, Keras' safe mode).

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
    """The Keras model in a .keras or .h5, as safely as `load`. Raises QuantizeError.

    What Keras 2 wrote is read by Keras 2: Keras 3 does not know all of its layers' options, nor models within models.
    """
    check_path(path)
    found = architecture(path)
    keras = _import_keras(found.is_keras_2, log)
    _refuse_code(path, found, keras)
    _refuse_other_files(path)
    with failures_as(QuantizeError, f"Keras cannot load {path}", log):
        model = keras.models.load_model(path, compile=False)
    if not getattr(model, "inputs", None):
        raise QuantizeError(f"{path} does not say what its input is: start the model with an Input, and save it again")
    return model


def _import_keras(is_keras_2: bool, log: Path) -> Any:
    """Keras 3 (``tf.keras``) or Keras 2; one process can have both."""
    import_tensorflow(log)
    with quiet(log):
        if is_keras_2:
            import tf_keras

            return tf_keras
        import keras

        return keras


def architecture(path: Path) -> Architecture:
    """What a .keras or .h5 says of its layers; nothing is loaded. Raises QuantizeError."""
    try:
        config, version = _in_archive(path) if path.suffix == ".keras" else _in_hdf5(path)
        depth = _depth(config)
    except KeyError:
        raise QuantizeError(f"{path} holds weights but no model: save all of it, model.save('name.keras')") from None
    except RecursionError:  # json's
        depth = _MAX_DEPTH + 1
    except _UNREADABLE as error:
        raise QuantizeError(f"{path} is damaged or cut off ({error}): save it again") from None
    if depth > _MAX_DEPTH:
        raise QuantizeError(f"{path} describes layers within layers, over {_MAX_DEPTH} deep, which is no network")
    if not isinstance(config, dict):
        raise QuantizeError(f"{path} is damaged (it describes no model): save it again")
    config.pop("compile_config", None)  # losses and metrics, which are not loaded
    return Architecture(config, not version.startswith("3"))


def _in_archive(path: Path) -> tuple[Any, str]:
    with zipfile.ZipFile(path) as archive:
        size = archive.getinfo("config.json").file_size
        if size > _MAX_CONFIG_BYTES:
            raise ValueError(f"config.json has {size:,} bytes")
        config = json.loads(archive.read("config.json").decode())
        metadata = json.loads(archive.read("metadata.json")) if "metadata.json" in archive.namelist() else {}
    return config, str(metadata.get("keras_version", 3)) if isinstance(metadata, dict) else "3"


def _in_hdf5(path: Path) -> tuple[Any, str]:
    import h5py

    def text(value: Any) -> str:
        return value.decode() if isinstance(value, bytes) else str(value)

    with h5py.File(path, "r") as file:
        return json.loads(text(file.attrs["model_config"])), text(file.attrs.get("keras_version", "1"))


def _depth(value: Any) -> int:
    """How deep lists and objects are nested."""
    depth, level = 0, [value]
    while level and depth <= _MAX_DEPTH:
        depth += 1
        level = [inner for outer in level for inner in _within(outer)]
    return depth


def _within(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        yield from value.values()
    elif isinstance(value, list):
        yield from value


def _objects(value: Any, owner: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """All objects of a JSON value, outermost first, each with the name of the layer it belongs to or is."""
    if isinstance(value, dict):
        config = value.get("config")
        if "class_name" in value and isinstance(config, dict) and isinstance(config.get("name"), str):
            owner = config["name"]
        yield owner, value
    for inner in _within(value):
        yield from _objects(inner, owner)


def _refuse_code(path: Path, found: Architecture, keras: Any) -> None:
    """Python code in a model cannot run on a microcontroller and should not run unseen on the user's machine.

    Keras' safe mode knows nothing of .h5 files, in which Keras 2 runs the code of Lambda and of some wrappers: what is
    not known to be harmless is refused before Keras sees the file.
    """
    for name, part in _objects(found.config, "model"):
        for option in ("activation", "recurrent_activation"):
            if isinstance(part.get(option), str) and not _is_activation(part[option], keras):
                raise QuantizeError(_own_function(path, name, part[option]))
        if "class_name" not in part:
            continue
        kind, config, module = str(part["class_name"]), part.get("config"), str(part.get("module") or "")
        if kind == "Lambda":
            raise QuantizeError(f"{path} has the Lambda layer {name!r}, which is Python code: use layers of Keras")
        if kind == "__lambda__":
            raise QuantizeError(_own_function(path, name, "lambda"))
        if kind == "function":
            if not module.startswith(_FUNCTIONS) or _is_another(part, str(config)):
                raise QuantizeError(_own_function(path, name, config))
        elif _is_another(part, kind) or not (module.partition(".")[0] in _PACKAGES or module == _INITIALIZERS):
            raise QuantizeError(_own_class(path, name, kind))
        elif kind in _FOREIGN:
            raise QuantizeError(
                f"{path} has the layer {name!r} ({kind}), which holds a foreign program: use layers of Keras"
            )
        elif kind in _CALLS and found.is_keras_2:
            function = str(config.get("function")) if isinstance(config, dict) else ""
            if not _PURE.fullmatch(function):
                raise QuantizeError(
                    f"{path} calls tf.{function} in the layer {name!r}, which kerf does not run: use layers of Keras"
                )
        elif not _is_of_keras(kind, module, keras, found.is_keras_2):
            raise QuantizeError(_own_class(path, name, kind))
        if isinstance(config, dict) and isinstance(config.get("vocabulary"), str):
            raise QuantizeError(f"{path} names the file {config['vocabulary']!r} in the layer {name!r}: use no files")


def _refuse_other_files(path: Path) -> None:
    """Weights in HDF5 may lie in any file of this machine, which Keras 2 reads."""
    import h5py

    def as_link(name: str, link: Any) -> str | None:
        return name if isinstance(link, h5py.ExternalLink) else None

    def as_data(name: str, item: Any) -> str | None:
        return name if isinstance(item, h5py.Dataset) and (item.external or item.is_virtual) else None

    with contextlib.ExitStack() as stack:
        weights: Any = path
        try:
            if path.suffix == ".keras":
                archive = stack.enter_context(zipfile.ZipFile(path))
                weights = stack.enter_context(archive.open("model.weights.h5"))
            file = stack.enter_context(h5py.File(weights, "r"))
            found = file.visititems_links(as_link) or file.visititems(as_data)
        except (KeyError, *_UNREADABLE) as error:
            raise QuantizeError(f"{path} is damaged or cut off ({error}): save it again") from None
    if found is not None:
        raise QuantizeError(f"{path} takes {found} from another file: save the model again, as one file")


def _is_activation(name: str, keras: Any) -> bool:
    try:
        keras.activations.get(name)
    except (TypeError, ValueError):
        return False
    return True


def _own_function(path: Path, layer: str, function: Any) -> str:
    return f"{path} has the function {function!r} in the layer {layer!r}, which is Python code: use functions of Keras"


def _own_class(path: Path, layer: str, kind: str) -> str:
    return f"{path} has the layer {layer!r} of the custom class {kind}: use layers of Keras"


def _is_another(part: dict[str, Any], name: str) -> bool:
    """Whether Keras might take another object than ``name`` says: by an alias, or as an attribute of something."""
    alias = str(part.get("registered_name") or name).rpartition(">")[2]  # "Package>Name"
    return alias != name or not name.isidentifier()


def _is_of_keras(kind: str, module: str, keras: Any, is_keras_2: bool) -> bool:
    """Whether a name, in a file that may leave out its module, stands for a class of Keras or a value.

    Where Keras 2 or no module is to be searched it must be a public class: others run code, such as cell wrappers.
    """
    if kind in _INTERNAL or kind in [f"__{value}__" for value in _VALUES]:
        return True
    is_public = any(isinstance(_at(keras, f"{part}.{kind}"), type) for part in _PARTS)
    if is_public or is_keras_2 or not module:
        return is_public
    return isinstance(_at(keras, f"{module}.{kind}".partition(".")[2]), type)  # and no function


def _at(keras: Any, names: str) -> Any:
    """What Keras has under names with dots between them, or None."""
    return reduce(lambda found, name: getattr(found, name, None), names.split("."), keras)


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
