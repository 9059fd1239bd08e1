"""RESHAPE: the same elements in another shape."""

from ._copy import reshapes

OPERATOR = reshapes("same elements in another shape; costs nothing", inputs=(1, 2))
