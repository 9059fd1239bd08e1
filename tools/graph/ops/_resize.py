"""Shared by RESIZE_NEAREST_NEIGHBOR and RESIZE_BILINEAR: their options."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ._quantized import options


@dataclass(frozen=True)
class Attributes:
    """``align_corners``: the corner pixels of input and output coincide. ``half_pixel_centers``: a pixel's position is
    its center rather than its upper left corner."""

    align_corners: bool
    half_pixel_centers: bool


def parser(table: Any) -> Callable[[Any], Attributes]:
    """The ``parse`` of an operator whose options have this schema class, such as ``tflite.ResizeBilinearOptions``."""

    def parse(operator: Any) -> Attributes:
        found = options(operator, table)
        return Attributes(bool(found.AlignCorners()), bool(found.HalfPixelCenters()))

    return parse
