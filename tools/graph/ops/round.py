"""ROUND: each element rounded to the nearest whole number, ties to the even one."""

from ._unary import function

OPERATOR = function("each element rounded to the nearest whole number, ties to even", "Round")
