"""CAST: conversion of each element to another type; integers wrap around, floats saturate."""

from ...errors import UnsupportedModel
from ..ir import DType, Graph, KernelCall, Op, Params, Read, Write
from ..operator import Operator, portable
from ._order import elementwise
from ._quantized import check_arity, check_present, check_shape, check_types

TYPES = ("int8", "int16", "int32", "float32", "uint32", "bool")
OUTPUTS = TYPES[:-1]


def check(op: Op, graph: Graph) -> None:
    check_arity(op, (1,))
    check_present(op, 0)
    source, output = graph.input(op, 0), graph.output(op)
    check_types(op, source, allowed=[DType(name) for name in TYPES])
    check_types(op, output, allowed=[DType(name) for name in OUTPUTS])
    if (source.dtype, output.dtype) == (DType.FLOAT32, DType.UINT32):
        raise UnsupportedModel(f"{op.where}: no kernel converts float32 to uint32; cast to int32 in the Keras model")
    check_shape(op, output, source.shape)


def call(op: Op, graph: Graph) -> KernelCall:
    source, output = graph.input(op, 0), graph.output(op)
    arguments = (Read(source.index), Write(output.index, elementwise(op, graph)))
    return KernelCall("cast.h", "cast", (Params("CastParams", {"count": source.elements}),), arguments)


OPERATOR = Operator(
    summary="each element converted to another type except bool",
    types=TYPES,
    check=check,
    variants=portable(call),
)
