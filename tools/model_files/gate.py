"""The gate for a user's .keras and .h5 files: loading one must neither run Python code nor read other files.

Everything that a configuration names is looked up in an allow-list of network parts before Keras sees the file.
"""

import re
from collections.abc import Iterator
from functools import reduce
from pathlib import Path
from typing import Any

from ..errors import QuantizeError, shortened
from . import connections
from .architecture import Architecture, within
from .layers import ACTIVATIONS, LAYERS

# The parts of Keras in which every public class is pure arithmetic; of layers and quantizers only some are.
_PARTS = (
    *("models", "initializers", "regularizers", "constraints", "dtype_policies", "mixed_precision"),
    *("losses", "metrics", "optimizers", "optimizers.schedules"),
)
_QUANTIZERS = ("AbsMaxQuantizer", "Float8QuantizationConfig", "Int4QuantizationConfig", "Int8QuantizationConfig")
_INTERNAL = ("Functional", "TensorShape")
_VALUES = ("tensor", "keras_tensor", "numpy", "bytes", "ellipsis", "slice", "tuple")  # between double underscores
_PACKAGES = ("", "keras", "tf_keras")
_LETTERS = 100  # of a name or value in a sentence
_LAYER_MODULES = ("", "keras.layers")  # the modules of Keras' layers in a file; "": the file does not say
_INITIALIZERS = "tensorflow.python.ops.init_ops_v2"  # used by the last layer of EfficientNetV2 in Keras 2
# Arithmetic between layers in Keras 3: a class for each function of keras.ops, in these modules.
_OPERATIONS = tuple(f"keras.src.ops.{part}" for part in ("core", "image", "linalg", "math", "nn", "numpy"))
_FUNCTIONS = re.compile(r"(tf_)?keras(\.src)?\.activations(\.activations)?")  # the modules of ACTIVATIONS
_FOREIGN = ("TorchModuleWrapper", "TFSMLayer", "JaxLayer", "FlaxLayer")
# Layers of Keras 2 that wrap a public TensorFlow function, such as the arithmetic of preprocess_input; and those of the
# functions that only compute tensors from tensors.
_CALLS = ("TFOpLambda", "SlicingOpLambda")
_PURE = re.compile(
    r"__operators__\.(add|getitem)|linalg\.matmul|image\.resize"
    r"|math\.(abs|add|divide|exp|floordiv|maximum|minimum|multiply|negative|pow|reduce_(max|mean|min|sum)|rsqrt)"
    r"|math\.(sigmoid|sqrt|square|subtract|tanh|truediv)"
    r"|nn\.(bias_add|elu|leaky_relu|relu|relu6|sigmoid|silu|softmax|tanh)"
    r"|(compat\.v1\.)?(cast|clip_by_value|concat|expand_dims|identity|pad|reshape|split|squeeze|stack|transpose)"
)


def refuse_code(path: Path, found: Architecture, keras: Any) -> None:
    """Rejects models with Python code, which cannot run on a microcontroller and must not run on the user's machine.

    Keras' safe mode does not cover .h5 files, for which Keras 2 runs the code of Lambda and of some wrappers: whatever
    is not known to be harmless is refused before Keras sees the file. Raises QuantizeError.
    """
    for name, part in _objects(found.config, "model"):
        for option in ("activation", "recurrent_activation"):
            if isinstance(part.get(option), str) and part[option] not in ACTIVATIONS:
                raise QuantizeError(_own_function(path, name, part[option]))
        if "class_name" not in part:
            continue
        if not connections.are_numbered(part.get("inbound_nodes")):
            raise QuantizeError(f"{path} is damaged: the layer {_cut(name)!r} has wrong inputs; save it again")
        kind, config, module = str(part["class_name"]), part.get("config"), str(part.get("module") or "")
        if kind == "Lambda":
            raise QuantizeError(f"{path} has the Lambda layer {name!r}, which is Python code: use Keras' own layers")
        if kind == "__lambda__":
            raise QuantizeError(_own_function(path, name, "lambda"))
        if kind == "function":
            if not _FUNCTIONS.fullmatch(module) or config not in ACTIVATIONS or _is_another(part, str(config)):
                raise QuantizeError(_own_function(path, name, config))
        elif _is_another(part, kind) or not (module.partition(".")[0] in _PACKAGES or module == _INITIALIZERS):
            raise QuantizeError(_own_class(path, name, kind))
        elif kind in _FOREIGN:
            raise QuantizeError(
                f"{path} has the layer {name!r} ({kind}), which wraps another program: use Keras' own layers"
            )
        elif kind in _CALLS and found.is_keras_2:
            function = str(config.get("function")) if isinstance(config, dict) else ""
            if not _PURE.fullmatch(function):
                raise QuantizeError(
                    f"{path} calls tf.{function} in the layer {name!r}, which is not allowed: use Keras' own layers"
                )
        elif not _is_known(kind, module, keras, found.is_keras_2):
            if module in _LAYER_MODULES and isinstance(_at(keras, f"layers.{kind}"), type):
                raise QuantizeError(
                    f"{path} has the layer {name!r} ({kind}), which no microcontroller needs: remove it"
                )
            raise QuantizeError(_own_class(path, name, kind))
        if isinstance(config, dict) and (lonely := connections.waiting(config.get("layers"))):
            raise QuantizeError(f"{path} is damaged: the layer {_cut(lonely)!r} never gets its inputs; save it again")
        if isinstance(config, dict) and isinstance(config.get("vocabulary"), str):
            raise QuantizeError(
                f"{path} refers to the file {_cut(config['vocabulary'])!r} in the layer {_cut(name)!r}: remove the "
                "reference"
            )


def _objects(value: Any, owner: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """All objects of a JSON value, outermost first, each with the name of the layer it belongs to or is."""
    if isinstance(value, dict):
        config = value.get("config")
        if "class_name" in value and isinstance(config, dict) and isinstance(config.get("name"), str):
            owner = config["name"]
        yield owner, value
    for inner in within(value):
        yield from _objects(inner, owner)


def _own_function(path: Path, layer: str, function: Any) -> str:
    what = f"{path} has the function {_cut(str(function))!r} in the layer {_cut(layer)!r}"
    return f"{what}, which is Python code: use Keras' functions"


def _own_class(path: Path, layer: str, kind: str) -> str:
    return f"{path} has the layer {_cut(layer)!r} of the custom class {_cut(kind)}: use Keras' own layers"


def _cut(text: str) -> str:
    return shortened(text, _LETTERS)


def _is_another(part: dict[str, Any], name: str) -> bool:
    """Whether Keras might resolve ``name`` to another object: by an alias, or as an attribute of something."""
    alias = str(part.get("registered_name") or name).rpartition(">")[2]  # "Package>Name"
    return alias != name or not name.isidentifier()


def _is_known(kind: str, module: str, keras: Any, is_keras_2: bool) -> bool:
    """Whether a name, whose module a file may omit, stands for a class that may be loaded, or for a value.

    Keras 3 looks a name up in its module: there it must find the class that is known by that name.
    """
    if kind in [f"__{value}__" for value in _VALUES]:
        return True
    if not is_keras_2 and module in _OPERATIONS:
        found = _at(keras, f"{module}.{kind}".partition(".")[2])
        return isinstance(found, type) and issubclass(found, keras.Operation) and found.__module__ == module
    places = [f"{part}.{kind}" for part in _PARTS]
    places += [f"layers.{kind}"] if kind in LAYERS else []
    places += [f"quantizers.{kind}"] if kind in _QUANTIZERS else []
    known = [found for place in places if isinstance(found := _at(keras, place), type)]
    if kind not in _INTERNAL and not known:
        return False
    if is_keras_2 or module in ("", _INITIALIZERS):
        return True
    found = _at(keras, f"{module}.{kind}".partition(".")[2])
    return found in known if known else isinstance(found, type)


def _at(keras: Any, names: str) -> Any:
    """The object at a dotted path in Keras, or None."""
    return reduce(lambda found, name: getattr(found, name, None), names.split("."), keras)
