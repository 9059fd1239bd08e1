"""What makes sources a PlatformIO project: its platformio.ini, and the platform of this repository."""

from collections.abc import Mapping

from .. import __version__
from ..render import render
from ..values import Target
from . import _firmware

PLATFORM = "symlink://firmware/platform"  # how a target names the platform of this repository …
PLATFORM_COPY = "symlink://platform"  # … and a rendered project its copy of it


def platform(target: Target) -> dict[str, bytes]:
    """The platform of this repository where the target is built with it."""
    return _firmware.copies("platform", "platform") if target.options.get("platform") == PLATFORM else {}


def ini(target: Target, more: Mapping[str, str] | None = None) -> str:
    """The target's own options, ``more`` after them, and no others; the platform is in the project where it is this
    repository's."""
    options = {"platform": "", "board": target.board}
    if target.framework:
        options["framework"] = target.framework
    options |= {k: v for k, v in target.options.items() if k != "extends" and not k.startswith("custom_")}
    if options["platform"] == PLATFORM:
        options["platform"] = PLATFORM_COPY
    for key, value in (more or {}).items():
        options[key] = f"{options[key]}\n{value}" if key in options else value
    flags = [*options.pop("build_flags", "").splitlines(), "-I src"]
    options["build_flags"] = "\n".join(flag.strip() for flag in flags if flag.strip())
    return render(
        "common/platformio.ini.j2",
        version=__version__,
        target=target.name,
        options=[
            (key, [line.strip() for line in value.splitlines() if line.strip()]) for key, value in options.items()
        ],
    )
