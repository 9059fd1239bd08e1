"""What no model of a user may do when it is loaded: run Python code, or read and write other files of this machine."""

import contextlib
import re
import zipfile
from collections.abc import Iterator
from functools import reduce
from pathlib import Path
from typing import Any

from ..errors import QuantizeError
from ..quiet import failures_as
from .architecture import UNREADABLE, Architecture, within

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


def refuse_effects(path: Path, log: Path) -> None:
    """A SavedModel is a program of TensorFlow's, and part of it runs when it is loaded: it must not touch files."""
    with failures_as(QuantizeError, f"TensorFlow cannot read the SavedModel {path}", log):
        from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

        program = SavedModel.FromString((path / "saved_model.pb").read_bytes())
    for graph in (meta.graph_def for meta in program.meta_graphs):
        for node in (*graph.node, *(node for function in graph.library.function for node in function.node_def)):
            if node.op in _EFFECTS:
                raise QuantizeError(f"{path} has the operator {node.op} ({node.name!r}), which no inference needs")


def _objects(value: Any, owner: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """All objects of a JSON value, outermost first, each with the name of the layer it belongs to or is."""
    if isinstance(value, dict):
        config = value.get("config")
        if "class_name" in value and isinstance(config, dict) and isinstance(config.get("name"), str):
            owner = config["name"]
        yield owner, value
    for inner in within(value):
        yield from _objects(inner, owner)


def refuse_code(path: Path, found: Architecture, keras: Any) -> None:
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


def refuse_other_files(path: Path) -> None:
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
        except (KeyError, *UNREADABLE) as error:
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
