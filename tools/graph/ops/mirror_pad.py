"""MIRROR_PAD: a tensor with a border in which its elements are mirrored."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import tflite

from ..ir import Op
from ._pick import Distances, picks, strides
from ._quantized import enum_name, options


@dataclass(frozen=True)
class Attributes:
    """``mode``: SYMMETRIC repeats the outermost elements, REFLECT does not."""

    mode: str


def parse(operator: Any) -> Attributes:
    return Attributes(enum_name(tflite.MirrorPadMode, options(operator, tflite.MirrorPadOptions).Mode()))


def places(op: Op, shape: Sequence[int], paddings: npt.NDArray[Any]) -> Sequence[Distances]:
    """Raises ValueError if a border is wider than the elements that can be mirrored."""
    if op.attributes.mode not in ("REFLECT", "SYMMETRIC"):
        raise ValueError(f"unknown mode {op.attributes.mode}")
    if paddings.shape != (len(shape), 2):
        raise ValueError(f"paddings of shape {paddings.shape} for {len(shape)} dimensions")
    reflects = op.attributes.mode == "REFLECT"
    found = []
    for size, stride, (before, after) in zip(shape, strides(shape), paddings.tolist(), strict=True):
        if not (0 <= before <= size - reflects and 0 <= after <= size - reflects):
            raise ValueError(f"{size} elements cannot be mirrored into borders of {before} and {after}")
        found.append(np.pad(np.arange(size) * stride, (before, after), "reflect" if reflects else "symmetric"))
    return found


OPERATOR = picks("border of mirrored elements around a tensor", places, {1: "paddings"}, parse)
