"""What makes sources a PlatformIO project: a platformio.ini, and a copy of this repository's platform if needed."""

from collections.abc import Mapping

from .. import __version__
from ..render import render
from ..values import Target, environment
from . import _firmware

PLATFORM = "symlink://firmware/platform"  # this repository's platform in the board table …
PLATFORM_COPY = "symlink://platform"  # … and its copy in a rendered project


def platform(target: Target) -> dict[str, bytes]:
    """A copy of this repository's platform if the target is built with it, else nothing."""
    return _firmware.copies("platform", "platform") if target.options.get("platform") == PLATFORM else {}


def ini(target: Target, more: Mapping[str, str] | None = None) -> str:
    """A platformio.ini with the target's own options and ``more``, which is appended to options that both have.

    It refers to the project's copy of the platform if the target is built with this repository's.
    """
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
        target=environment(target.name),
        options=[
            (key, [line.strip() for line in value.splitlines() if line.strip()]) for key, value in options.items()
        ],
    )
