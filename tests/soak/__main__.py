"""`inv soak`: attacks of every kind, or of one, and the table of how they ended; exit code 1 if any ended badly."""

import argparse
import sys

from tools import report
from tools.errors import KerfError

from . import ROOT, _engine, _faults


def main() -> int:
    parser = argparse.ArgumentParser(prog="soak")
    parser.add_argument("name", nargs="?", default="")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=0.0)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    try:
        names = [asked.name] if asked.name else _faults.names()
        for name in names:
            _faults.find(name)
    except KerfError as error:
        print(f"kerf: {error}", file=sys.stderr)
        return error.exit_code
    rows = []
    for name in names:
        if why := _faults.missing(_faults.find(name)):
            print(f"{name}: {why}", file=sys.stderr)
            continue
        print(f"{name} …", file=sys.stderr, flush=True)
        found = _engine.soak(name, asked.seed, ROOT / "build" / "soak", 60 * asked.minutes / len(names))
        rows += found
        for row in found if asked.name else ():
            for sentence, count in row.sentences.most_common(12):
                print(f"  {count:8,} {sentence}", file=sys.stderr)
    report.show_rows([row.cells() for row in rows], asked.json)
    return 1 if any(row.other for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
