"""SCons script: builds one ELF with the compiler, flags and memory map from the board's JSON."""

import os
import shutil
import sys
from pathlib import Path

from SCons.Script import COMMAND_LINE_TARGETS, AlwaysBuild, Default, DefaultEnvironment

env = DefaultEnvironment()
board = env.BoardConfig()
platform = env.PioPlatform()
prefix = board.get("build.toolchain_prefix")
core_flags = board.get("build.core_flags", [])

env.Replace(
    AR=f"{prefix}gcc-ar",
    AS=f"{prefix}gcc",
    CC=f"{prefix}gcc",
    CXX=f"{prefix}g++",
    RANLIB=f"{prefix}gcc-ranlib",
    PROGNAME="firmware",
    PROGSUFFIX=".elf",
)
env.Append(
    CCFLAGS=["-O2", "-g", "-ffunction-sections", "-fdata-sections", "-ffp-contract=off", *core_flags],
    CXXFLAGS=["-std=gnu++17", "-fno-exceptions", "-fno-rtti", "-fno-threadsafe-statics"],
    CPPPATH=["$PROJECT_SRC_DIR"],
    LINKFLAGS=core_flags,
)
if not board.get("build.has_cxx_library", True):
    env.Replace(LINK=f"{prefix}gcc")  # g++ would look for the library

if "build.memory" in board:  # bare metal: one linker script for all boards, with the board's numbers
    memory = {
        "flash_origin": board.get("build.memory.flash_origin"),
        "flash_size": board.get("upload.maximum_size"),
        "ram_origin": board.get("build.memory.ram_origin"),
        "ram_size": board.get("upload.maximum_ram_size"),
        "stack_size": board.get("build.memory.stack_size"),
    }
    specs = f"--specs={board.get('build.specs', 'nano.specs')}"
    env.Replace(
        # Relative to the project, where SCons runs: the absolute path may contain characters special to a shell.
        LDSCRIPT_PATH=os.path.relpath(Path(platform.get_dir()).resolve() / "baremetal.ld"),
        SIZETOOL=f"{prefix}size",
        SIZECHECKCMD="$SIZETOOL -A -d $SOURCES",
        SIZEPROGREGEXP=r"^\.(?:vectors|text|exidx|init_array|data)\s+(\d+)",
        SIZEDATAREGEXP=r"^\.(?:stack|data|bss)\s+(\d+)",
    )
    env.Append(
        CCFLAGS=[specs],
        LINKFLAGS=[
            specs,
            "-nostartfiles",
            "-Wl,--gc-sections",
            "-Wl,--fatal-warnings",
            "-Wl,-Map=${TARGET.base}.map",
            *(f"-Wl,--defsym=__{name}={value}" for name, value in memory.items()),
        ],
    )


def optimize_size(env, source):
    """Compiles the bench for size: while an inference is timed, only its call of the model runs."""
    return env.Object(source, CCFLAGS=[*env["CCFLAGS"], "-Os"])


env.AddBuildMiddleware(optimize_size, "*/bench/*")

elf = env.BuildProgram()

if "upload" in COMMAND_LINE_TARGETS:
    if "upload.openocd" not in board:
        sys.exit(f"Error: {board.get('name')} only exists in an emulator; there is nothing to upload to.")
    openocd, scripts = "openocd", []
    if not shutil.which("openocd"):
        package = Path(platform.get_package_dir("tool-openocd"))
        openocd, scripts = str(package / "bin" / "openocd"), ["-s", str(package / "openocd" / "scripts")]
    env.Replace(
        UPLOADER=openocd,
        # The ELF itself: OpenOCD reads the addresses from it.
        UPLOADERFLAGS=[*scripts, *board.get("upload.openocd"), "-c", "program {$SOURCE} verify reset; shutdown"],
        UPLOADCMD='"$UPLOADER" $UPLOADERFLAGS',
    )
    AlwaysBuild(env.Alias("upload", elf, env.VerboseAction("$UPLOADCMD", "Uploading $SOURCE")))

Default([elf])
