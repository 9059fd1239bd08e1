"""Layer names that a user recognizes, from the tensor names that TensorFlow's converter leaves in a .tflite."""

import re
from collections.abc import Sequence

from . import ops
from .ir import Op, Tensor

_VARIABLE = re.compile(r"(/ReadVariableOp(/resource)?|/Read)\d*$")
_NOISE = re.compile(r"(Identity|StatefulPartitionedCall|PartitionedCall)(_int8)?[_:\d]*|(arith|tfl?)\.\w+")


def layer_names(layers: Sequence[tuple[str, Sequence[str]]]) -> list[str]:
    """A recognizable, unique layer name for each (operator kind, names of its tensors, most specific first).

    TensorFlow fuses layers and joins their names into one tensor name, ``net/relu/Relu;net/conv/BiasAdd;…1``. Of these,
    the operator's own part is used, without the leading model name, the trailing TensorFlow name, and the ``_1`` that
    exporting a Keras 3 model appends to all names. If a name is meaningless (``Identity`` for a model output, or
    ``tfl.strided_slice``, the converter's own), the next one is tried; if none is left, the layer is named after its
    kind.
    """
    parts = [[[_VARIABLE.sub("", part) for part in name.split(";")] for name in names] for _, names in layers]
    heads = {part.partition("/")[0] for groups in parts for group in groups for part in group if "/" in part}
    found = [
        next((name for group in groups if (name := _layer_name(kind, group, len(heads) == 1))), None)
        for (kind, _), groups in zip(layers, parts, strict=True)
    ]
    exported = re.search(r"_\d+$", heads.pop()) if len(heads) == 1 else None
    if exported and all(name is None or name.endswith(exported[0]) for name in found):
        found = [name and name.removesuffix(exported[0]) for name in found]
    unique: list[str] = []
    for name, (kind, _) in zip(found, layers, strict=True):
        base = name or kind.lower()
        numbered, number = base, 2
        while numbered in unique:
            numbered, number = f"{base}_{number}", number + 1
        unique.append(numbered)
    return unique


def telling_names(op: Op, tensors: Sequence[Tensor]) -> list[str]:
    """The tensor names that may identify the layer: those of its output and of constant weights (input 1)."""
    weights = [tensors[i].name for i in op.inputs[1:2] if i is not None and tensors[i].data is not None]
    return [*(tensors[i].name for i in op.outputs[:1]), *weights]


def _layer_name(kind: str, parts: Sequence[str], common_head: bool) -> str | None:
    operator = ops.lookup(kind)
    wanted = (operator.leaves if operator else ()) or (kind.replace("_", "").lower(),)
    leaves = [re.sub(r"[_\d]+$", "", part.rpartition("/")[2]).lower() for part in parts]
    chosen = next((parts[leaves.index(leaf)] for leaf in wanted if leaf in leaves), parts[0])
    components = [c for c in chosen.split("/") if c]
    if common_head and len(components) > 1:
        components = components[1:]
    if len(components) > 1:
        components = components[:-1]
        if len(components) > 1 and components[-1] == "batchnorm":  # Keras' BatchNormalization, as MUL and ADD
            components = components[:-1]
    elif components and _NOISE.fullmatch(components[0]):
        return None
    return "/".join(components) or None
