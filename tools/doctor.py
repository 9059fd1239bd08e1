"""What is installed, what is missing and how to get it."""

import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata

from .errors import MissingTool


@dataclass(frozen=True)
class Finding:
    """One line of `inv doctor`. ``version`` is None when the thing is missing; ``remedy`` says how to get it."""

    name: str
    purpose: str
    version: str | None
    remedy: str
    required: bool = True


CORTEX_M = "apt install gcc-arm-none-eabi libnewlib-arm-none-eabi libstdc++-arm-none-eabi-newlib"

# (program, argument that prints a version, what it is for, how to get it, needed by the default demo)
PROGRAMS = (
    ("arm-none-eabi-g++", "--version", "builds for Cortex-M", CORTEX_M, True),
    ("qemu-system-arm", "--version", "runs Cortex-M firmware without a board", "apt install qemu-system-arm", True),
    ("c++", "--version", "builds the host target and the kernel tests", "apt install g++", False),
    ("git", "--version", "puts the commit into measurement records", "apt install git", False),
)

# (distribution on PyPI, what it is for, needed by the default demo)
PACKAGES = (
    ("tensorflow", "trains and converts models", True),
    ("tflite-micro", "the oracle: TFLM's interpreter on this machine (Linux x86-64 only)", False),
    ("ai-edge-litert", "oracle for float models", True),
    ("platformio", "builds, uploads and monitors", True),
    ("scons", "PlatformIO's build engine", True),
    ("scikit-learn", "holds the digits data set", True),
    ("pyserial", "talks to boards and emulators", True),
)


def examine() -> list[Finding]:
    """Looks at Python, its packages and the programs on PATH; changes nothing, reaches no network."""
    version = ".".join(map(str, sys.version_info[:3]))
    findings = [Finding("python", "runs kerf", version, "install Python 3.10 to 3.13")]
    for name, purpose, required in PACKAGES:
        findings.append(Finding(name, purpose, _package_version(name), f"pip install {name}", required))
    for program, flag, purpose, remedy, required in PROGRAMS:
        findings.append(Finding(program, purpose, _program_version(program, flag), remedy, required))
    findings.append(_renode())
    return findings


def require(findings: Sequence[Finding]) -> None:
    """Raises MissingTool when something is missing that the demo needs."""
    missing = [finding for finding in findings if finding.required and finding.version is None]
    if missing:
        what = "; ".join(f"{finding.name} ({finding.remedy})" for finding in missing)
        raise MissingTool(f"missing: {what}")


def _renode() -> Finding:
    """Renode is found by a variable too, and a variable that is wrong is its own remedy."""
    from .transports import renode

    version, remedy = None, renode.MISSING
    try:
        if program := renode.find():
            version = _program_version(str(program), "--version")
    except MissingTool as error:
        remedy = str(error)
    return Finding(renode.PROGRAM, "runs Cortex-M firmware without a board, in CI", version, remedy, required=False)


def _package_version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _program_version(program: str, flag: str) -> str | None:
    """The first line the program prints about itself, 'unknown version' if it prints none."""
    path = shutil.which(program)
    if path is None:
        return None
    try:
        done = subprocess.run([path, flag], stdin=subprocess.DEVNULL, capture_output=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"found, but does not run: {error}"
    said = (done.stdout.strip() or done.stderr.strip()).decode("utf-8", "replace")
    lines = ["".join(letter for letter in line if letter.isprintable())[:200] for line in said.splitlines()]
    return lines[0] if lines else "unknown version"
