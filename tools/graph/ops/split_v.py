"""SPLIT_V: parts of a tensor along one dimension, of sizes that the outputs have."""

from ._split import splits

OPERATOR = splits("parts of a tensor along one dimension", data=0, axis=2)
