"""The project that gets measured: a model, the bench that drives it and the target's port, which PlatformIO builds
outside this repository."""

import json
from collections.abc import Mapping

from .. import __version__, cpp_text, files, ports
from ..render import render
from ..values import Project, Target
from . import MANIFEST, Model, _firmware, _platformio

SUMMARY = "a PlatformIO project of the model with kerf's bench around it, for measuring"
IDENTITY = "src/bench/identity.cpp"


def project(model: Model) -> Project:
    """Everything that the firmware is built from.

    Only those files of firmware/kernels, tflm and baremetal that the sources include are copied, only the target's
    port, and the driver of its pin only if an instrument is to see it. The firmware's identity covers all files except
    the one that states it and the manifest.
    """
    target = model.target
    contents = _firmware.model(model.sources)
    contents.update(_firmware.port(target.port))
    contents.update(_firmware.copies("bench", "src/bench"))
    contents.update(_platformio.platform(target))
    options = dict(model.sources.options)
    if model.shows_inferences:
        driver, pin = target.power_pin
        contents.update(_firmware.power_pin(driver))
        own = options.get("build_src_flags", "").splitlines()
        options["build_src_flags"] = "\n".join([*own, f"-D KERF_POWER_PIN={pin}"])
    compiled = (name.removeprefix("src/") for name in (*contents, IDENTITY) if name.endswith((".c", ".cpp")))
    contents.update(ports.find(target.port).project_files(sorted(compiled)))
    contents["platformio.ini"] = _platformio.ini(target, options).encode()
    build = _build_id(contents, target)
    contents[IDENTITY] = _identity(target, build).encode()
    manifest = {
        **model.manifest(),
        "build": build,
        "arena_bytes": model.arena_bytes,
        "ops": [{"name": name, "op": kind} for name, kind in model.program.labels],
    }
    contents[MANIFEST] = (json.dumps(manifest, indent=2) + "\n").encode()
    return model.project(contents, build)


def _build_id(contents: Mapping[str, bytes], target: Target) -> str:
    """16 hexadecimal digits that identify a project."""
    named = [part for name in sorted(contents) for part in (name, contents[name])]
    return files.digest(target.name, target.core.name, *named)[:16]


def _identity(target: Target, build: str) -> str:
    """The source of the file with which the firmware identifies itself."""
    words = {"target": target.name, "core": target.core.name, "build": build}
    return render(
        "common/identity.cpp.j2",
        version=__version__,
        **{name: cpp_text.string_literal(word) for name, word in words.items()},
    )
