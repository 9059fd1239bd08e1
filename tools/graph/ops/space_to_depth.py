"""SPACE_TO_DEPTH: each block of pixels rearranged into the channels of one pixel."""

import tflite

from ..ir import Op
from ._blocks import parser
from ._move import Array, moves


def view(op: Op, array: Array) -> Array:
    """[batches][rows][columns][block row][block column][channels]"""
    batches, height, width, depth = array.shape
    block = op.attributes.block
    blocks = array.reshape(batches, height // block, block, width // block, block, depth)
    moved: Array = blocks.transpose(0, 1, 3, 2, 4, 5)
    return moved


OPERATOR = moves("blocks of pixels rearranged into channels", view, parse=parser(tflite.SpaceToDepthOptions))
