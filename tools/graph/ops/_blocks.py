"""Shared by SPACE_TO_DEPTH and DEPTH_TO_SPACE: images in square blocks of pixels."""

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
    """The ``parse`` of an operator whose options have this schema class, such as ``tflite.SpaceToDepthOptions``."""

    def parse(operator: Any) -> Attributes:
        block = options(operator, table).BlockSize()
        if block < 1:
            raise ModelError(f"its block size is {block}, but must be at least 1; convert the model again")
        return Attributes(block)

    return parse
