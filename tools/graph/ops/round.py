"""ROUND: each element rounded to the nearest integer, ties to even."""

from ._unary import function

OPERATOR = function("each element rounded to the nearest integer, ties to even", "Round")
