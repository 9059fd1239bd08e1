"""Case tables of operators, and the interpreters that they are compared with, come from the host tests."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "host"))
