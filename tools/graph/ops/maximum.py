"""MAXIMUM: the larger of two elements."""

from ._extremum import extremum

OPERATOR = extremum("elementwise maximum with broadcasting")
