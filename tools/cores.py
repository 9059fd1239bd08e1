"""GCC's processor name → Core: what that processor can do. The compiler asks this, never a target's name.

The name is what follows -mcpu= (Arm) or -march= (RISC-V), modifiers included: ``cortex-m4``, ``cortex-m4+nofp``,
``cortex-m55+nomve``, ``rv32imac``. ``host`` is the machine that kerf runs on.
"""

import re
from dataclasses import dataclass, replace

from .errors import UnknownName


@dataclass(frozen=True)
class Core:
    """What a processor can do.

    ``dsp``: the DSP extension of Armv7E-M and Armv8-M (SMLAD, SXTB16, SSAT on packed halves). ``mve``: Helium with
    integers. ``fpu``: float32 in hardware. ``long_multiply``: 32 x 32 bits to 64 in one instruction.
    ``vector_bytes``: the widest load or store a kernel can use. ``blocks``: whether blocked kernels, in
    which one load serves several outputs, are faster than the portable ones.
    """

    name: str
    architecture: str
    dsp: bool = False
    mve: bool = False
    fpu: bool = False
    long_multiply: bool = True
    vector_bytes: int = 4
    blocks: bool = True


HOST = Core("host", "host", fpu=True, vector_bytes=16, blocks=False)
_ARM = {
    "cortex-m0": Core("cortex-m0", "armv6-m", long_multiply=False),
    "cortex-m0plus": Core("cortex-m0plus", "armv6-m", long_multiply=False),
    "cortex-m3": Core("cortex-m3", "armv7-m"),
    "cortex-m4": Core("cortex-m4", "armv7e-m", dsp=True, fpu=True),
    "cortex-m7": Core("cortex-m7", "armv7e-m", dsp=True, fpu=True, vector_bytes=8),
    "cortex-m33": Core("cortex-m33", "armv8-m.main", dsp=True, fpu=True),
    "cortex-m55": Core("cortex-m55", "armv8.1-m.main", dsp=True, mve=True, fpu=True, vector_bytes=16),
    "cortex-m85": Core("cortex-m85", "armv8.1-m.main", dsp=True, mve=True, fpu=True, vector_bytes=16),
}
_XTENSA = {
    "esp32": Core("esp32", "xtensa-lx6", fpu=True),
    "esp32s2": Core("esp32s2", "xtensa-lx7"),
    "esp32s3": Core("esp32s3", "xtensa-lx7", fpu=True),
}
_KNOWN = {HOST.name: HOST, **_ARM, **_XTENSA}
# GCC's modifiers of -mcpu → the field that each clears.
_WITHOUT = {"nofp": "fpu", "nodsp": "dsp", "nomve": "mve"}
_RISCV = re.compile(r"rv(32|64)([a-z]+)")


def find(name: str) -> Core:
    """The core with this name. Raises UnknownName for a core or a modifier that does not exist."""
    plain, *modifiers = name.split("+")
    if match := _RISCV.fullmatch(plain):
        extensions = match[2].replace("g", "imafd")
        return Core(name, plain, fpu="f" in extensions, long_multiply="m" in extensions)
    if plain not in _KNOWN:
        raise UnknownName("processor core", plain, [*_KNOWN, "rv32imac"])
    core = replace(_KNOWN[plain], name=name)
    for modifier in modifiers:
        if modifier not in _WITHOUT:
            raise UnknownName(f"modifier of the core {plain}", modifier, _WITHOUT)
        core = replace(core, **{_WITHOUT[modifier]: False})  # type: ignore[arg-type]
    return replace(core, vector_bytes=4) if "nomve" in modifiers else core
