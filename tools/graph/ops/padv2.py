"""PADV2: a border of a constant value around a tensor."""

from ._pad import pads

OPERATOR = pads("border of a constant value around a tensor of up to five dimensions", value=2)
