"""PAD: a border of zeros around a tensor; in integers, of its zero point."""

from ._pad import pads

OPERATOR = pads("border of zeros around a tensor of up to five dimensions")
