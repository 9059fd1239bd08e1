"""Layer names that a user recognises, from the tensor names that TensorFlow's converter leaves in a .tflite."""

import re
from collections.abc import Sequence

# The last component that TensorFlow appends for the operator itself, by the kind it becomes.
_LEAVES = {
    "CONV_2D": ("biasadd", "convolution", "conv2d", "add"),
    "DEPTHWISE_CONV_2D": ("biasadd", "depthwise", "add"),
    "FULLY_CONNECTED": ("biasadd", "matmul", "add", "tensordot"),
    "ADD": ("add", "addv2"),
}
_VARIABLE = re.compile(r"(/ReadVariableOp(/resource)?|/Read)\d*$")
_NOISE = re.compile(r"(Identity|StatefulPartitionedCall|PartitionedCall)(_int8)?[_:\d]*")


def layer_names(layers: Sequence[tuple[str, Sequence[str]]]) -> list[str]:
    """A recognisable, unique layer name for each (operator kind, names of its tensors, the most telling first).

    TensorFlow fuses layers and keeps the names of all in one tensor name, ``net/relu/Relu;net/conv/BiasAdd;…1``: the
    part that the operator itself stems from is taken, without the model's name in front and TensorFlow's behind, and
    without the ``_1`` that exporting a Keras 3 model adds to all of them. A name that says nothing (``Identity``, of
    an output of the model) leaves it to the next; where none is left the kind is the name.
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


def _layer_name(kind: str, parts: Sequence[str], common_head: bool) -> str | None:
    wanted = _LEAVES.get(kind, (kind.replace("_", "").lower(),))
    leaves = [re.sub(r"[_\d]+$", "", part.rpartition("/")[2]).lower() for part in parts]
    chosen = next((parts[leaves.index(leaf)] for leaf in wanted if leaf in leaves), parts[0])
    components = [c for c in chosen.split("/") if c]
    if common_head and len(components) > 1:
        components = components[1:]
    if len(components) > 1:
        components = components[:-1]
        if len(components) > 1 and components[-1] == "batchnorm":  # of Keras' BatchNormalization, as MUL and ADD
            components = components[:-1]
    elif components and _NOISE.fullmatch(components[0]):
        return None
    return "/".join(components) or None
