"""Every type of every operator is tested in as many shapes as SHAPES says, in the tables of this folder, which
tests/host runs with sanitizers and tests/cores on the emulated cores."""

from collections import defaultdict

from moving import SHAPES, shapes_of
from tables import TABLES, kind_of, tables, type_of

from tools.graph import ops

# Neither TFLM nor LiteRT has a kernel to compare with. kerf's kernels move bytes, and are tested with other types of as
# many bytes.
WITHOUT = {
    *((kind, dtype) for kind in ("DEPTH_TO_SPACE", "SPACE_TO_DEPTH") for dtype in ("int16", "bool")),
    *(("ZEROS_LIKE", dtype) for dtype in ("int16", "bool", "uint8")),
    *((kind, "bool") for kind in ("PACK", "SPLIT", "SPLIT_V")),
    *((kind, "int64") for kind in ("RESIZE_NEAREST_NEIGHBOR", "UNPACK")),
}


def test_every_type_of_every_operator_is_tested_in_many_shapes() -> None:
    found = defaultdict(set)
    for oracle in TABLES:
        for cases in tables(oracle).values():
            for case in cases.values():
                for op in case:
                    found[kind_of(op), type_of(op, case)].add(shapes_of(op))
    every = {(kind, dtype) for kind in ops.known() for dtype in ops.find(kind).types}
    few = {pair: len(found[pair]) for pair in every - WITHOUT if len(found[pair]) < SHAPES}
    assert few == {}, "add cases to tests/host/test_shapes.py"
    assert [pair for pair in WITHOUT if pair not in every or len(found[pair]) >= SHAPES] == []
