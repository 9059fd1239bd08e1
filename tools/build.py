"""A rendered project → Image: PlatformIO as a subprocess, its failures in one sentence, sizes from the linked ELF."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from . import child, elf, files, ports, scons
from .errors import BuildError, DoesNotFit, MissingTool, TransportError
from .installed import Tool
from .progress import Progress
from .values import Image, Project, Target, environment

LOG = "build.log"
OBJECTS = "KERF_OBJECTS"  # the variable that share_objects.py reads
LIBRARIES = "PLATFORMIO_LIBDEPS_DIR"
SHARE_OBJECTS = Path(__file__).resolve().parent.parent / "firmware" / "platformio" / "share_objects.py"
PORT_HINT = "allow it with: sudo usermod -aG dialout $USER, then log in again (docs/boards.md has a udev rule instead)"

# No telemetry and no update checks while kerf runs PlatformIO; plain output for the log.
_SETTINGS = {
    "PLATFORMIO_SETTING_ENABLE_TELEMETRY": "no",
    "PLATFORMIO_SETTING_CHECK_PLATFORMIO_INTERVAL": "36500",
    "PLATFORMIO_DISABLE_PROGRESSBAR": "true",
    "PLATFORMIO_NO_ANSI": "true",
}
_EXTRA = "PLATFORMIO_EXTRA_SCRIPTS"
_FOR_A_SHELL = "$'\"`&;()<>|*?\\"
# The symbols of the model's constants and of its arena in the linked firmware.
_CONSTANT, _ARENA = "kerf_constant_", "kerf_arena"
_COMPILERS = ".comment"  # each object's compiler, merged by the linker
# The last two are ESP-IDF's.
_STATIC = (".data", ".bss", ".dram0.data", ".dram0.bss")
_COMPILING = re.compile(r"^(?:Compiling|Linking) (\S+)")
_OVERFLOW = re.compile(r"region [`'\"]?(FLASH|RAM|dram0_0_seg)[`'\"]? overflowed by (\d+) bytes")
_LIMIT = re.compile(r"The (program|data) size \((\d+) bytes\) is greater than maximum allowed \((\d+) bytes\)")
_NO_LIBRARY = re.compile(
    r"\w+\.specs\W{0,3}: No such file|fatal error: \S+: No such file or directory\n[^\n]*#include <"
)
_NOT_ALLOWED = re.compile(r"(?i)permission denied: ?['\"]?/dev/|could not open port [^\n]*permission denied")
_INSTALLING = re.compile(r"Manager: Installing (\S+)")
_ERROR = re.compile(r"(?i)error:|undefined reference|multiple definition")


def check_fits(arena_bytes: int, constants_bytes: int, target: Target) -> None:
    """Raises DoesNotFit, with both numbers, when building is pointless: the tensors alone exceed the target's RAM, or
    the constants alone its flash."""
    if constants_bytes > target.flash_bytes:
        raise _does_not_fit("the model's constants", "flash", constants_bytes, target, target.flash_bytes)
    if arena_bytes > target.ram_bytes:
        raise _does_not_fit("the model's tensors", "RAM", arena_bytes, target, target.ram_bytes)


def fits(arena_bytes: int, constants_bytes: int, target: Target) -> bool:
    """Whether `check_fits` passes."""
    return arena_bytes <= target.ram_bytes and constants_bytes <= target.flash_bytes


def build(
    directory: Path, project: Project, target: Target, progress: Progress, settings: Mapping[str, str] | None = None
) -> Image:
    """Compiles what changed in the project at ``directory`` and measures the result.

    ``settings`` are PlatformIO's environment variables (see `shared`). All output goes to build.log in that folder.
    Raises MissingTool, DoesNotFit when a memory limit is exceeded, and otherwise BuildError with the first error of the
    compiler.
    """
    _require_path(directory, project, target, settings or {})
    _require_compiler(target)
    _require_library(directory, project, settings or {})
    scons.bootstrap(progress)
    sources = sum(name.endswith((".c", ".cpp", ".S")) for name in project.files)
    with progress.bar(f"building for {target.name}", sources + 1) as step:
        compiled = 0

        def watch(line: str) -> None:
            nonlocal compiled
            if found := _COMPILING.match(line):
                compiled += 1
                step(min(compiled, sources + 1), Path(found[1]).stem)

        code = _platformio(directory, ["run", "-e", environment(target.name)], watch, settings)
        step(sources + 1, "")
    log = (directory / LOG).read_text(encoding="utf-8", errors="replace")
    if code != 0:
        raise _failure(log, directory / LOG, target)
    image = directory / ".pio" / "build" / environment(target.name) / "firmware.elf"
    try:
        return measure(image, project, rebuilt=compiled > 0)
    except BuildError as error:
        files.remove(image)  # otherwise PlatformIO would consider it up to date
        raise BuildError(f"{error}; it has been removed: build again") from error


def require_uploader(target: Target) -> None:
    """Raises MissingTool if the program for the target's debug probe is missing and PlatformIO cannot fetch it."""
    _require(ports.find(target.port).probe)


def upload(
    directory: Path,
    target: Target,
    progress: Progress,
    port: str | None = None,
    settings: Mapping[str, str] | None = None,
) -> None:
    """Builds if needed and writes the firmware to the board; ``port`` is for boards flashed over a serial port.

    ``settings`` must be those of the build; with others, the firmware is built again.

    Raises MissingTool without OpenOCD for a bare-metal target, TransportError when access to the serial port is denied,
    BuildError when the uploader fails.
    """
    _require_compiler(target)
    require_uploader(target)
    scons.bootstrap(progress)
    progress.say(f"uploading to {target.name}")
    arguments = ["run", "-e", environment(target.name), "-t", "upload", *(["--upload-port", port] if port else [])]
    if _platformio(directory, arguments, lambda line: None, settings) != 0:
        log = (directory / LOG).read_text(encoding="utf-8", errors="replace")
        if _NOT_ALLOWED.search(log):
            raise TransportError(f"no permission to open {port or 'the board'}; {PORT_HINT}")
        raise _failure(log, directory / LOG, target, doing="uploading to")


def measure(path: Path, project: Project, rebuilt: bool) -> Image:
    """Sizes of a linked firmware; raises BuildError when the file is not an ELF.

    Flash ``total`` is everything that is loaded, ``model`` the symbols kerf_constant_…, ``code`` the rest.
    ``static_bytes`` is .data and .bss without kerf_arena; the reserved stack has its own section and is not counted.
    """
    from elftools.elf.constants import SH_FLAGS
    from elftools.elf.sections import SymbolTableSection

    constants: dict[int, int] = {}  # by address, so that aliases count once
    kernels: set[str] = set()
    compilers: set[str] = set()  # several if a library comes precompiled
    named = project.kernel_symbols
    arena = total = static = 0
    with elf.opened(path) as file:
        for section in file.iter_sections():
            loaded = section["sh_flags"] & SH_FLAGS.SHF_ALLOC and section["sh_type"] != "SHT_NOBITS"
            total += section["sh_size"] if loaded else 0
            static += section["sh_size"] if section.name in _STATIC else 0
            if section.name == _COMPILERS:
                compilers |= set(filter(None, section.data().decode(errors="replace").split("\0")))
            if isinstance(section, SymbolTableSection):
                for symbol in section.iter_symbols():
                    if symbol["st_info"]["type"] == "STT_FUNC":
                        kernels |= {to for start, to in named.items() if symbol.name.startswith(start)}
                    if symbol["st_info"]["type"] != "STT_OBJECT":
                        continue
                    if symbol.name.startswith(_CONSTANT):
                        constants[symbol["st_value"]] = symbol["st_size"]
                    elif symbol.name == _ARENA:
                        arena = symbol["st_size"]
    model = sum(constants.values())
    return Image(
        elf=path,
        project=project,
        flash_bytes={"total": total, "code": total - model, "model": model},
        static_bytes=static - arena,
        arena_bytes=arena,
        rebuilt=rebuilt,
        kernels="+".join(sorted(kernels)) or project.kernels,
        compiler="; ".join(sorted(compilers)),
    )


def _require_compiler(target: Target) -> None:
    """Raises MissingTool without a compiler, unless PlatformIO can fetch one."""
    port = ports.find(target.port)
    _require(port.compiler, is_fetched=port.is_packaged)


def _require(tool: Tool | None, is_fetched: bool = True) -> None:
    if tool is not None and tool.find() is None and not (is_fetched and scons.registry_answers()):
        raise MissingTool(tool.missing)


def _require_path(directory: Path, project: Project, target: Target, settings: Mapping[str, str]) -> None:
    """Raises BuildError for a path that the build tools cannot handle.

    Compilers get paths relative to the project, so only SCons sees the project's own path. The path of a library
    outside the project is passed to a shell, quoted only if it contains a space.
    """
    elsewhere = "move the checkout, or render with --out to another folder and run `pio run` there"
    path = str(directory.resolve())
    if "$" in path:
        raise BuildError(f"SCons takes the $ in {path} for a variable and cannot build there: {elsewhere}")
    if " " in path and not ports.find(target.port).takes_spaces:
        raise BuildError(f"{target.name} cannot be built in {path}, because the path contains a space: {elsewhere}")
    library = project.library.partition("symlink://")[2] or (project.library and settings.get(LIBRARIES, ""))
    if odd := [letter for letter in _FOR_A_SHELL if letter in library]:
        raise BuildError(f"PlatformIO cannot build a library in {library}, because the path contains {odd[0]}: move it")


def fetch_library(
    directory: Path, project: Project, target: Target, progress: Progress, settings: Mapping[str, str]
) -> None:
    """Has PlatformIO install the library of the project at ``directory``; raises what `build` does."""
    _require_path(directory, project, target, settings)
    _require_library(directory, project, settings)
    scons.bootstrap(progress)
    if _platformio(directory, ["pkg", "install", "-e", environment(target.name)], lambda line: None, settings) != 0:
        log = (directory / LOG).read_text(encoding="utf-8", errors="replace")
        raise _failure(log, directory / LOG, target, doing=f"fetching {project.library} for")


def is_fetched(project: Project, settings: Mapping[str, str]) -> bool:
    """Whether the project's library has been fetched already, or it needs none."""
    kept = settings.get(LIBRARIES)
    return kept is None or _holds_a_library(Path(kept) / environment(project.target))


def _holds_a_library(folder: Path) -> bool:
    """Whether there is a library in it: a folder, or the file that PlatformIO makes for a symlink://."""
    return folder.is_dir() and any(path.is_dir() or path.suffix == ".pio-link" for path in folder.iterdir())


def _require_library(directory: Path, project: Project, settings: Mapping[str, str]) -> None:
    """Raises MissingTool if the library must be fetched and the registry does not answer: PlatformIO itself would wait
    for minutes."""
    kept = Path(settings.get(LIBRARIES, directory / ".pio" / "libdeps")) / environment(project.target)
    if project.library and "://" not in project.library and not _holds_a_library(kept) and not scons.registry_answers():
        raise MissingTool(
            f"the library {project.library} must be fetched from PlatformIO's registry, which does not answer; connect "
            "this machine to the network, or set KERF_TFLM_LIB to a folder that holds the library"
        )


def shared(cache: Path, project: Project, target: Target) -> Mapping[str, str]:
    """The environment variables with which PlatformIO keeps compiled objects and library sources of all projects in the
    folder ``cache``.

    An object is reused if its sources, headers, flags and path within the project are the same. The compiler is not
    compared, so each compiler has a cache of its own. A library must have the same path in every project.
    """
    settings = {OBJECTS: str(cache / f"objects-{_compiler_digest(target)}")}
    if project.library:
        settings[LIBRARIES] = str(cache / "libraries" / files.digest(project.library)[:16])
    return settings


def _compiler_digest(target: Target) -> str:
    """Identifies the system's compiler by its version. SCons tells PlatformIO's compilers apart by their paths."""
    compiler = ports.find(target.port).compiler
    path = compiler.find() if compiler else None
    if compiler is None or path is None:
        return "packaged"
    try:
        said = child.ask([path, "--version"]).stdout
    except (OSError, subprocess.TimeoutExpired) as error:
        why = error.strerror if isinstance(error, OSError) else f"no answer for {child.ANSWER_SECONDS:.0f} s"
        raise MissingTool(f"{path} does not work ({why}): reinstall it") from error
    return files.digest(compiler.program, said)[:16]


def _platformio(
    directory: Path, arguments: list[str], watch: Callable[[str], Any], settings: Mapping[str, str] | None = None
) -> int:
    """Runs PlatformIO in the project; every line goes to the log and to ``watch``. Returns its exit code.

    BuildError when it cannot run there, for example because the disk is full.
    """
    try:
        return _logged(directory, arguments, watch, settings)
    except OSError as error:
        raise BuildError(
            f"cannot run PlatformIO in {directory}: {error.strerror or error}; free some space or choose another folder"
        ) from error


def _logged(
    directory: Path, arguments: list[str], watch: Callable[[str], Any], settings: Mapping[str, str] | None = None
) -> int:
    command = [sys.executable, "-m", "platformio", *arguments, "-d", str(directory)]
    environment = {**os.environ, **_SETTINGS, **(settings or {})}
    if OBJECTS in environment:
        Path(environment[OBJECTS]).parent.mkdir(parents=True, exist_ok=True)
        # On its own line, because a comma would split it; relative, because the checkout's path may contain anything.
        script = f"pre:{os.path.relpath(SHARE_OBJECTS, directory.resolve())}"
        environment[_EXTRA] = f"{environment.get(_EXTRA, '')}\n{script}"
    with (
        (directory / LOG).open("w", encoding="utf-8") as log,
        subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=environment,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,  # SCons and its compilers belong to it, and end with it
            preexec_fn=child.die_with_parent(),
        ) as process,
    ):
        assert process.stdout is not None
        try:
            for line in process.stdout:
                log.write(line)
                log.flush()
                watch(line)
            return process.wait()
        except BaseException:
            with suppress(ProcessLookupError):
                if os.name == "posix":
                    os.killpg(process.pid, signal.SIGTERM)
                else:
                    process.terminate()
            raise


def _failure(log: str, path: Path, target: Target, doing: str = "building for") -> Exception:
    """The error for a failed run, from its log."""
    ram = ("RAM", target.ram_bytes)
    limits = {"FLASH": ("flash", target.flash_bytes), "RAM": ram, "dram0_0_seg": ram}
    if found := _OVERFLOW.search(log):
        kind, limit = limits[found[1]]
        return _does_not_fit("the firmware", kind, limit + int(found[2]), target, limit)
    if found := _LIMIT.search(log):
        kind = "flash" if found[1] == "program" else "RAM"
        return _does_not_fit("the firmware", kind, int(found[2]), target, int(found[3]))
    compiler = ports.find(target.port).compiler
    if compiler is not None and _NO_LIBRARY.search(log):
        return MissingTool(f"the C++ library of {compiler.program} is not installed; {compiler.remedy}")
    if "HTTPClientError" in log:
        wanted = (_INSTALLING.findall(log) or ["a package"])[-1]
        return BuildError(
            f"PlatformIO needs {wanted} from its registry, which does not answer; connect this machine to the network "
            f"and build again; the full output is in {path}"
        )
    lines = [line.strip() for line in log.splitlines() if line.strip() and not line.startswith("=====")]
    first = next((line for line in lines if _ERROR.search(line)), lines[-1] if lines else "PlatformIO printed nothing")
    return BuildError(f"{doing} {target.name} failed: {first}; the full output is in {path}")


def _does_not_fit(what: str, kind: str, needed: int, target: Target, limit: int) -> DoesNotFit:
    return DoesNotFit(
        f"{what} need{'' if what.endswith('s') else 's'} {needed:,} bytes of {kind}, but {target.name} has {limit:,}; "
        "choose a larger target or a smaller model"
    )
