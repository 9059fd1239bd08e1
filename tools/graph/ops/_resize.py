"""What RESIZE_NEAREST_NEIGHBOR and RESIZE_BILINEAR share."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ._quantized import options


@dataclass(frozen=True)
class Attributes:
    """Whether the centers of the corner pixels stay where they are, and whether pixels are at the middle of themselves
    rather than at their upper left corner."""

    align_corners: bool
    half_pixel_centers: bool


def parser(table: Any) -> Callable[[Any], Attributes]:
    """Reads the options of a schema class (``tflite.ResizeBilinearOptions``)."""

    def parse(operator: Any) -> Attributes:
        found = options(operator, table)
        return Attributes(bool(found.AlignCorners()), bool(found.HalfPixelCenters()))

    return parse
