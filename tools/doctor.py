"""What is installed, what is missing and how to get it."""

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from . import child, ports, transports
from .errors import MissingTool
from .installed import Tool, apt


@dataclass(frozen=True)
class Finding:
    """One line of `inv doctor`. ``version`` is None if it is missing; ``remedy`` says how to get it."""

    name: str
    purpose: str
    version: str | None
    remedy: str
    required: bool = True


# The firmware port and the emulator that the default demo uses.
DEMO = ("cortexm", "qemu")
GIT = Tool("git", "puts the commit into measurement records", apt("git"))

# (distribution on PyPI, what it is for, needed by the default demo)
PACKAGES = (
    ("tensorflow", "trains and converts models", True),
    ("tflite-micro", "the oracle: TFLM's interpreter on this machine (Linux x86-64 only)", False),
    ("ai-edge-litert", "the oracle for float models", True),
    ("platformio", "builds, uploads and monitors", True),
    ("scons", "PlatformIO's build engine", True),
    ("scikit-learn", "provides the digits data set", True),
    ("pyserial", "talks to boards and emulators", True),
)


def examine() -> list[Finding]:
    """Checks Python, its packages and the programs on PATH; changes nothing and needs no network."""
    version = ".".join(map(str, sys.version_info[:3]))
    findings = [Finding("python", "runs kerf", version, "install Python 3.10 to 3.13")]
    for name, purpose, required in PACKAGES:
        findings.append(Finding(name, purpose, _package_version(name), f"pip install {name}", required))
    compilers = [(name, ports.find(name).compiler) for name in ports.known()]
    emulators = [(name, transports.find(name).TOOLS) for name in transports.emulators()]
    first = [(name, tools[0]) for name, tools in emulators]
    others = [("", tool) for _, tools in emulators for tool in tools[1:]]
    for name, tool in (*compilers, *first, *others, ("git", GIT)):
        if tool is not None:
            findings.append(_program(tool, required=name in DEMO))
    return findings


def require(findings: Sequence[Finding]) -> None:
    """Raises MissingTool when something the demo needs is missing."""
    missing = [finding for finding in findings if finding.required and finding.version is None]
    if missing:
        what = "; ".join(f"{finding.name} ({finding.remedy})" for finding in missing)
        raise MissingTool(f"missing: {what}")


def _program(tool: Tool, required: bool) -> Finding:
    """What is known about a program; if its environment variable is wrong or it does not run, the remedy says so."""
    version, remedy = None, tool.remedy
    try:
        if path := tool.find():
            version = _program_version(tool.require())
    except MissingTool as error:
        remedy = str(error)
    except (OSError, subprocess.SubprocessError) as error:
        remedy = f"`{path} --version` does not work: {error}; {tool.remedy}"
    return Finding(tool.program, tool.purpose, version, remedy, required)


def _package_version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _program_version(path: Path) -> str:
    """The first line that the program prints for --version; OSError or SubprocessError if it does not run."""
    done = child.ask([path, "--version"])
    said = (done.stdout.strip() or done.stderr.strip()).decode("utf-8", "replace")
    lines = ["".join(letter for letter in line if letter.isprintable())[:200] for line in said.splitlines()]
    if done.returncode:
        raise subprocess.SubprocessError(f"exit code {done.returncode}{f', {lines[-1]}' if lines else ''}")
    return lines[0] if lines else "unknown version"
