"""PlatformIO's build engine, SCons: installed from PyPI's package where PlatformIO's registry does not answer."""

import importlib.metadata
import importlib.util
import json
import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

from . import files
from .errors import BuildError, MissingTool
from .progress import Progress

REGISTRY_SECONDS = 2.0


def bootstrap(progress: Progress, registry: Callable[[], bool] | None = None) -> bool:
    """Installs PlatformIO's build engine if it is missing and the registry does not answer; True if it did.

    PlatformIO's package tool-scons is SCons, which is also on PyPI: kerf copies it into PlatformIO's packages folder.
    If the registry answers, PlatformIO installs its own. ``registry`` replaces registry_answers().
    """
    from platformio.dependencies import get_core_dependencies
    from platformio.package.manager.core import get_core_package_dir
    from platformio.package.manager.tool import ToolPackageManager

    if get_core_package_dir("tool-scons", auto_install=False) or (registry or registry_answers)():
        return False
    found = importlib.util.find_spec("SCons")
    if found is None or found.origin is None:
        raise MissingTool("PlatformIO's build engine is missing; get it with: pip install scons==4.11.1")
    version = importlib.metadata.version("scons")
    # PlatformIO's numbering: SCons 4.11.1 is tool-scons 4.41101.0 (major.major minor minor patch patch.0).
    major, minor, patch = (int(part) for part in version.split(".")[:3])
    package_version = f"{major}.{major}{minor:02}{patch:02}.0"
    if f"~{package_version}" != get_core_dependencies()["tool-scons"]:
        raise MissingTool(
            f"this PlatformIO needs tool-scons {get_core_dependencies()['tool-scons']}, but SCons {version} is "
            f"{package_version}; install kerf's own versions of both with: pip install -e ."
        )
    progress.say("PlatformIO's registry does not answer: installing its build engine, SCons, from PyPI's package")
    _install(Path(ToolPackageManager().package_dir), Path(found.origin).parent, package_version)
    return True


def registry_answers(seconds: float = REGISTRY_SECONDS) -> bool:
    """Whether PlatformIO's registry answers at all within ``seconds``; PlatformIO itself waits for a minute."""
    import urllib.error
    import urllib.request

    from platformio import __registry_mirror_hosts__ as hosts

    answered = threading.Event()

    def ask(host: str) -> None:
        try:
            urllib.request.urlopen(f"https://api.{host}", timeout=seconds).close()
        except urllib.error.HTTPError:
            pass  # an error is an answer, too
        except OSError:
            return
        answered.set()

    # In threads, because a DNS lookup has no timeout of its own.
    threads = [threading.Thread(target=ask, args=(host,), daemon=True) for host in hosts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(seconds / len(threads))
    return answered.is_set()


def _install(packages: Path, source: Path, version: str) -> None:
    """Installs a complete copy of SCons, which works with whichever Python runs PlatformIO."""
    package = packages / "tool-scons"
    if package.exists() and not _is_package(package, version):
        package = packages / f"tool-scons@{version}"  # the existing one belongs to another PlatformIO
    # PlatformIO ignores folders with this prefix.
    temporary = packages / f"_tmp_installing-kerf-{os.getpid()}"
    spec = {"owner": "platformio", "id": None, "name": "tool-scons", "requirements": None, "uri": None}
    try:
        shutil.copytree(source, temporary / "SCons", ignore=shutil.ignore_patterns("__pycache__", "docbook"))
        (temporary / "scons.py").write_text("import sys\n\nfrom SCons.Script import main\n\nsys.exit(main())\n")
        identity = {"name": "tool-scons", "version": version}
        (temporary / "package.json").write_text(json.dumps({**identity, "system": "*"}))
        (temporary / ".piopm").write_text(json.dumps({"type": "tool", **identity, "spec": spec}))
        temporary.rename(package)
    except OSError as error:
        if not _is_package(package, version):  # otherwise another kerf was faster
            raise BuildError(f"cannot install SCons into {packages}: {error}") from error
    finally:
        files.remove(temporary)


def _is_package(folder: Path, version: str) -> bool:
    return files.read_json(folder / ".piopm").get("version") == version
