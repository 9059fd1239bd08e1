"""Attacks on kerf: one file per kind of fault, each with a count of how the attacks ended (docs/reliability.md).

`inv soak [NAME] --seed N --minutes M` runs them for some time, test_soak.py a few of each in the suite. An attack
depends only on its seed, so that a failure can be repeated. It may end in two ways: with the right result, or with a
KerfError, which is one sentence. Anything else is a bug in kerf: another exception, a wrong result, a crash, a hang,
too much memory.

A fault is a module of this folder (files that start with _ are helpers) with

    TITLE           what is damaged, in a few words
    SHORT           number of attacks in the suite
    CASE_SECONDS    an attack that takes longer hangs
    MEMORY_BYTES    the most memory that an attack may take
    attacks(folder) a context manager that yields the attack: (seed, empty folder for its input) → number of right
                    results; ``folder`` is kept from run to run, for what all attacks share
    NEEDS           optional: why it cannot run here; "" if it can
    part(seed)      optional: the row of the table that a seed belongs to
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path += [str(ROOT / "tests" / part) for part in ("host", "unit", "emulator")]  # the builders of models and firmware
