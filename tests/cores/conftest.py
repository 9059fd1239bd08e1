"""The operators' case tables, and the interpreters they are held to, are the host tests'."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "host"))
