"""What SPACE_TO_DEPTH and DEPTH_TO_SPACE share: images in square blocks of pixels."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ...errors import ModelError
from ._quantized import options


@dataclass(frozen=True)
class Attributes:
    """Blocks are ``block`` pixels high and wide."""

    block: int


def parser(table: Any) -> Callable[[Any], Attributes]:
    """Reads the options of a schema class (``tflite.SpaceToDepthOptions``)."""

    def parse(operator: Any) -> Attributes:
        block = options(operator, table).BlockSize()
        if block < 1:
            raise ModelError(f"its block size {block} is below 1; convert the model again")
        return Attributes(block)

    return parse
