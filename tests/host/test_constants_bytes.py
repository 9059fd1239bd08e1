"""Program.constants_bytes is the size of the rendered arrays."""

import re

import pytest
from single_op import OpSpec, single_op
from test_conv_2d import conv
from test_int4 import narrow
from test_sparse import thin

from tools import targets
from tools.arena import Arena
from tools.runtimes import aot

LAYERS = {
    "dense": conv(1, depth=16, channels=32),
    "sparse": thin(conv(1, depth=16, channels=32), 0.9),
    "int4": narrow(conv(1, depth=16, channels=32)),
    "no bias": conv(1, depth=16, channels=32, bias_limit=None),
}


@pytest.mark.parametrize("name", LAYERS)
def test_is_what_is_rendered(name: str) -> None:
    op: OpSpec = LAYERS[name][0]
    file = single_op(op.kind, op.inputs, op.outputs, op.options_table, **op.options)
    target = targets.find("host")
    program = aot.compile(file, "m", target)
    sources = aot.sources(program, target, Arena(0, ""), mode="int8")
    sizes = re.findall(rb"static_assert\(sizeof\(\w+\) == (\d+)\)", sources.files["src/model.cpp"])
    assert program.constants_bytes == sum(map(int, sizes)) > 0
