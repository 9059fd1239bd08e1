"""SPLIT: equal parts of a tensor along one dimension."""

from ._split import splits

OPERATOR = splits("equal parts of a tensor along one dimension", data=1, axis=0)
