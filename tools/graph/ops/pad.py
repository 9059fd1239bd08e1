"""PAD: zeros around a tensor, which in integers are its zero point."""

from ._pad import pads

OPERATOR = pads("zeros around a tensor of up to five dimensions")
