"""RESHAPE: the same elements under another shape."""

from ._copy import reshapes

OPERATOR = reshapes("another shape for the same elements; costs nothing", inputs=(1, 2))
