"""Modules found by their file names: each is found under its name, and has what its kind must have."""

import os
import re
from pathlib import Path

import pytest

from tools import doctor, ports, registry, runtimes, targets, transports
from tools.errors import MissingTool, UnknownName
from tools.installed import Tool
from tools.values import Request


def test_a_name_is_that_of_a_file_and_helpers_have_none() -> None:
    assert registry.names("runtimes") == ("aot", "tflm")
    assert (registry.ROOT / "runtimes" / "_descriptor.py").exists()
    assert "conv_2d" in registry.names("graph.ops")


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(UnknownName, match="unknown runtime 'fast'; known: aot, tflm"):
        runtimes.find("fast")
    with pytest.raises(UnknownName, match="unknown runtime '_descriptor'"):
        runtimes.find("_descriptor")
    with pytest.raises(UnknownName, match="unknown emulator 'serial'; known: qemu, renode"):
        transports.find("serial")


def test_each_port_of_the_firmware_has_a_module() -> None:
    folders = (targets.ROOT / "firmware" / "ports").iterdir()
    assert list(ports.known()) == sorted(folder.name for folder in folders if folder.is_dir())
    assert [name for name in ports.known() if ports.find(name).is_here] == ["host"]


def test_the_doctor_requires_what_the_default_target_is_built_with_and_runs_in() -> None:
    default = targets.find(Request().target)
    assert (default.port, next(iter(default.emulators))) == doctor.DEMO


def test_a_tool_is_looked_for_where_its_variable_says_and_on_path(tmp_path: Path) -> None:
    program = tmp_path / "toy"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    toy = Tool("toy", "plays", "buy it", variable="TOY")
    assert toy.find({"TOY": str(program)}) == toy.find({"TOY": str(tmp_path)}) == program
    assert toy.find({"PATH": f"/nowhere{os.pathsep}{tmp_path}"}) == program
    assert toy.find({"PATH": "/nowhere"}) is None
    with pytest.raises(MissingTool, match="TOY is '/nowhere', but no executable is there; toy is not"):
        toy.find({"TOY": "/nowhere", "PATH": str(tmp_path)})
    with pytest.raises(MissingTool, match=r"^toy is not installed; buy it$"):
        toy.require()


def test_another_program_of_the_same_name_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As Debian's qemu-system-xtensa, which lacks Espressif's chips; by the doctor as well."""
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    toy = Tool("toy", "plays", "buy it", lists=("-games", "help"), wanted="chess")
    program = tmp_path / "toy"

    def install(games: str) -> None:
        program.write_text(f"#!/bin/sh\necho '{games}'\n")
        program.chmod(0o755)

    install("The games are:\nchess  with clock")
    assert toy.require() == program
    assert doctor._program(toy, required=False).version == "The games are:"
    wrong = f"{program} is not the right one, as `-games help` does not list chess; buy it"
    install("The games are:\nchess960  a variant")
    with pytest.raises(MissingTool, match=f"^{re.escape(wrong)}$"):
        toy.require()
    found = doctor._program(toy, required=False)
    assert (found.version, found.remedy) == (None, wrong)
    program.write_text("#!/nowhere\n")
    with pytest.raises(MissingTool, match=r"`.*toy -games help` does not work: .*; buy it$"):
        toy.require()
