"""SPLIT_V: parts of a tensor along one dimension, of any sizes."""

from ._split import splits

OPERATOR = splits("parts of any sizes of a tensor along one dimension", data=0, axis=2)
