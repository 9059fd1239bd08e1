"""MINIMUM: the smaller of two elements."""

from ._extremum import extremum

OPERATOR = extremum("elementwise minimum with broadcasting")
