"""GCC's name of a processor determines what it can do."""

import pytest

from tools import cores
from tools.cores import Core
from tools.errors import UnknownName


@pytest.mark.parametrize(
    ("name", "core"),
    [
        ("cortex-m0", Core("cortex-m0", "armv6-m", long_multiply=False)),
        ("cortex-m4", Core("cortex-m4", "armv7e-m", dsp=True, fpu=True)),
        ("cortex-m4+nofp", Core("cortex-m4+nofp", "armv7e-m", dsp=True)),
        ("cortex-m55", Core("cortex-m55", "armv8.1-m.main", dsp=True, mve=True, fpu=True, vector_bytes=16)),
        ("cortex-m55+nomve", Core("cortex-m55+nomve", "armv8.1-m.main", dsp=True, fpu=True)),
        ("rv32imac", Core("rv32imac", "rv32imac")),
        ("rv32imafc", Core("rv32imafc", "rv32imafc", fpu=True)),
        ("rv32i", Core("rv32i", "rv32i", long_multiply=False)),
        ("host", cores.HOST),
    ],
)
def test_what_a_core_can_do(name: str, core: Core) -> None:
    assert cores.find(name) == core


@pytest.mark.parametrize(("name", "words"), [("cortex-m5", "'cortex-m5'; known: cortex-m0"), ("cortex-m4+x", "'x'")])
def test_an_unknown_name_lists_the_known_ones(name: str, words: str) -> None:
    with pytest.raises(UnknownName, match=words):
        cores.find(name)
