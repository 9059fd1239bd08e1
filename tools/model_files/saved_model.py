"""Checks a SavedModel without loading it, because it is a TensorFlow program, part of which runs when it is loaded.

TensorFlow only gets a copy with what was checked and what loading needs: the functions that the model's objects name,
constants, and the files of the variables.
"""

import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from ..errors import QuantizeError
from ..quiet import failures_as
from .operators import NETWORK, SAVER

PROGRAM = "saved_model.pb"
_VARIABLES = ("variables/variables.index", "variables/variables.data-*")
_ADVICE = "save the Keras model itself, model.save('name.keras')"

# tensorflow/core/framework/types.proto: what a constant or variable may hold; not resources and variants, which are
# serialized objects of any kind.
_TYPES = frozenset(
    f"DT_{name}"
    for name in (
        *("BOOL", "STRING", "HALF", "BFLOAT16", "FLOAT", "DOUBLE", "COMPLEX64", "COMPLEX128"),
        *("INT4", "INT8", "INT16", "INT32", "INT64", "UINT4", "UINT8", "UINT16", "UINT32", "UINT64"),
        *("QINT8", "QINT16", "QINT32", "QUINT8", "QUINT16"),
    )
)
_OBJECTS = ("user_object", "function", "bare_concrete_function", "variable", "constant", "captured_tensor")
_REGISTERED = ("", "tf.TrackableConstant")  # classes that TensorFlow finds by name

# Hints to TensorFlow's executor: those that the copy drops, and those of nodes and functions that it keeps.
_SETTINGS = ("config", "config_proto", "executor_type")
_NODE_HINTS = (
    *("_class", "_output_shapes", "_num_original_outputs", "_lower_using_switch_merge"),
    *("_read_only_resource_inputs", "_has_manual_control_dependencies"),
)
_FUNCTION_HINTS = ("_construction_context", "_input_shapes", "_implements", "api_implements", "api_preferred_device")


def check_files(folder: Path) -> None:
    """Checks that a SavedModel only contains files and folders, no links out of it. Raises QuantizeError."""
    if not (folder / PROGRAM).is_file():
        raise QuantizeError(f"the folder {folder} is not a SavedModel: it has no {PROGRAM}")
    own = os.path.realpath(folder)
    for path in folder.rglob("*"):
        if not Path(os.path.realpath(path)).is_relative_to(own):
            raise QuantizeError(f"{path} is a link out of the SavedModel: replace it with a copy of the file")
        if not (path.is_file() or path.is_dir()):
            raise QuantizeError(f"{path} is neither a file nor a folder: remove it from the SavedModel")


def copy(path: Path, folder: Path, log: Path) -> None:
    """Copies what is safe to load from the SavedModel ``path`` to ``folder``. Raises QuantizeError for what is not."""
    with failures_as(QuantizeError, f"TensorFlow cannot read the SavedModel {path}", log):
        check_files(path)
        from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

        program = SavedModel.FromString((path / PROGRAM).read_bytes())
        for meta in program.meta_graphs:
            _check(path, meta)
        if len(program.meta_graphs) != 1 or not program.meta_graphs[0].HasField("object_graph_def"):
            raise QuantizeError(f"{path} is a SavedModel of TensorFlow 1, which kerf does not support: {_ADVICE}")
        _reduce(path, program.meta_graphs[0])
        (folder / "variables").mkdir(parents=True)
        (folder / PROGRAM).write_bytes(program.SerializeToString())
        for file in (file for pattern in _VARIABLES for file in path.glob(pattern)):
            shutil.copyfile(file, folder / file.relative_to(path))


def _check(path: Path, meta: Any) -> None:
    """Raises QuantizeError for anything in the file that is not part of a network."""
    graph = meta.graph_def
    _check_nodes(path, "the graph", graph.node, NETWORK | SAVER)
    for function in graph.library.function:
        _check_nodes(path, _named(function), function.node_def, NETWORK | SAVER)
    for item in meta.object_graph_def.nodes:
        kind = item.WhichOneof("kind")
        if kind not in _OBJECTS or item.registered_name not in _REGISTERED:
            what = item.registered_name or kind
            raise QuantizeError(
                f"{path} contains an object of kind {what!r}, which is not part of a network: {_ADVICE}"
            )
        if kind == "variable":
            _check_type(path, item.variable.dtype, f"variable {item.variable.name!r}")


def _check_nodes(path: Path, where: str, nodes: Iterable[Any], allowed: frozenset[str]) -> None:
    for node in nodes:
        if node.op not in allowed:
            name = node.op if node.op.isidentifier() else repr(node.op)
            raise QuantizeError(
                f"{path} has the operator {name} (node {node.name!r} of {where}), which is not part of a network: "
                f"{_ADVICE}"
            )
        for value in node.attr.values():
            for tensor in (*([value.tensor] if value.HasField("tensor") else ()), *value.list.tensor):
                _check_type(path, tensor.dtype, f"constant {node.name!r} of {where}")


def _check_type(path: Path, dtype: int, what: str) -> None:
    from tensorflow.core.framework.types_pb2 import DataType

    name = DataType.Name(dtype) if dtype in DataType.values() else str(dtype)
    if name not in _TYPES:
        raise QuantizeError(f"{path} has the {what} of type {name}, which is not part of a network: {_ADVICE}")


def _named(function: Any) -> str:
    return f"the function {function.signature.name!r}"


def _reduce(path: Path, meta: Any) -> None:
    """Reduces a checked program to what loading its objects needs, with no operator that touches a file."""
    graph, objects = meta.graph_def, meta.object_graph_def
    library = {function.signature.name: function for function in graph.library.function}
    needed = set(objects.concrete_functions)
    for item in objects.nodes:
        needed.update(item.function.concrete_functions)
        needed.update((item.bare_concrete_function.concrete_function_name, item.captured_tensor.concrete_function))
    found = sorted(needed & library.keys())
    for name in found:  # it grows while being iterated
        calls = {called for node in library[name].node_def for called in _called(node.attr)}
        found += sorted((calls & library.keys()).difference(found))
    for name in found:
        _check_nodes(path, _named(library[name]), library[name].node_def, NETWORK)

    constants = [node for node in graph.node if node.op == "Const"]
    functions = [library[name] for name in found]
    for node in (*constants, *(node for function in functions for node in function.node_def)):
        node.ClearField("device")
        _drop(node.attr, [hint for hint in node.attr if hint.startswith("_") and hint not in _NODE_HINTS])
        _drop(node.attr, _SETTINGS)
    for function in functions:
        _drop(function.attr, [hint for hint in function.attr if hint not in _FUNCTION_HINTS])
    graph.CopyFrom(type(graph)(versions=graph.versions, node=constants, library={"function": functions}))
    for part in ("saver_def", "collection_def", "signature_def", "asset_file_def"):
        meta.ClearField(part)


def _called(attributes: Any) -> Iterator[str]:
    """The functions named in an operator's attributes."""
    for value in attributes.values():
        for function in (value.func, *value.list.func):
            if function.name:
                yield function.name
            yield from _called(function.attr)


def _drop(attributes: Any, names: Iterable[str]) -> None:
    for name in names:
        attributes.pop(name, None)
