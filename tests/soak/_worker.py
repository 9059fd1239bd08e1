"""Runs attacks of one kind, seed after seed, and prints one JSON line for each: [seed, ending, detail, count, seconds].

A process of its own, because an attack may crash it or hang it.
"""

import json
import random
import secrets
import shutil
import sys
import time
import traceback
from pathlib import Path

from tools.errors import KerfError

from . import _faults

LONGEST_SENTENCE = 2000


def main(name: str, seed: int, cases: int, folder: Path, kept: Path) -> None:
    """Attacks with ``cases`` seeds from ``seed`` on. ``folder`` is for what all attacks share; an attack's input is in
    ``kept``/SEED, and stays there if the attack ends badly."""
    fault = _faults.load(name)
    with fault.attacks(folder) as attack:
        print(json.dumps("ready"), flush=True)
        spare = fault.MEMORY_BYTES + used()
        for number in range(seed, seed + cases):
            own = kept / str(number)
            own.mkdir(parents=True)
            source = random.Random(number)
            secrets.randbits = source.getrandbits  # type: ignore[assignment]  # the session's nonce
            begin, right, detail = time.monotonic(), 0, ""
            try:
                right = attack(number, own)
                ending = "right"
            except KerfError as error:
                ending, detail = "named", str(error)
                if "\n" in detail or not detail or len(detail) > LONGEST_SENTENCE:
                    ending, detail = "other", f"not a sentence: {detail!r}"
            except BaseException:  # SystemExit as well
                ending, detail = "other", traceback.format_exc()
            if used() > spare:
                right, ending, detail = 0, "other", f"more than {fault.MEMORY_BYTES:,} bytes of memory"
            if ending != "other":
                shutil.rmtree(own)
            print(json.dumps([number, ending, detail, right, time.monotonic() - begin]), flush=True)
            if used() > spare:
                return  # the peak never falls again in this process


def used() -> int:
    """The most memory that this process has had, in bytes: not getrusage()'s, which begins with that of its parent."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4]), Path(sys.argv[5]))
