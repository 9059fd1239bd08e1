"""DEPTH_TO_SPACE: the channels of each pixel rearranged into a block of pixels."""

import tflite

from ..ir import Op
from ._blocks import parser
from ._move import Array, moves


def view(op: Op, array: Array) -> Array:
    """[batches][rows][block row][columns][block column][channels]"""
    batches, height, width, depth = array.shape
    block = op.attributes.block
    blocks = array.reshape(batches, height, width, block, block, depth // block**2)
    moved: Array = blocks.transpose(0, 1, 3, 2, 4, 5)
    return moved


OPERATOR = moves("channels rearranged into blocks of pixels", view, parse=parser(tflite.DepthToSpaceOptions))
