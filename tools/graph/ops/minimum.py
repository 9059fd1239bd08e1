"""MINIMUM: the smaller of two elements."""

from ._extremum import extremum

OPERATOR = extremum("the smaller of two elements, with broadcasting")
