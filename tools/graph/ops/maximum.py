"""MAXIMUM: the larger of two elements."""

from ._extremum import extremum

OPERATOR = extremum("the larger of two elements, with broadcasting")
