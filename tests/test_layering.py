"""Which modules may import which, in Python and in C++, as docs/pipeline.md says."""

import ast
import re
from collections import Counter
from functools import cache
from pathlib import Path

import pytest
import tflite
from layers import EVERYONE, MAY_IMPORT, OUTERMOST

from tools import registry, transports

ROOT = Path(__file__).resolve().parent.parent
TOOLS = ROOT / "tools"
FIRMWARE = ROOT / "firmware"

TENSORFLOW_USERS = {"models", "model_files", "train", "compress", "quantize"}
JINJA_USERS = {"render"}
DASK_USERS = {"cluster"}


def module_name(path: Path) -> str:
    """tools/graph/ops/add.py → graph.ops.add; a package's __init__ is the package."""
    parts = path.relative_to(TOOLS).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def layer(module: str) -> str:
    """The longest entry of the table that holds a module: graph.ops.add belongs to graph.ops."""
    parts = module.split(".")
    for length in range(len(parts), 0, -1):
        name = ".".join(parts[:length])
        if name in MAY_IMPORT or name in OUTERMOST:
            return name
    return module


@cache
def imports(path: Path) -> set[str]:
    """Absolute names of everything a file imports; tools' own as 'tools.…'."""
    package = ["tools", *path.relative_to(TOOLS).parent.parts]
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            stem = ".".join([*base, *([node.module] if node.module else [])])
            found |= {f"{stem}.{alias.name}" for alias in node.names} if node.level else {stem}
    return found


@cache
def constants(path: Path) -> set[object]:
    """The values of all literals in a file."""
    return {node.value for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Constant)}


@cache
def own_layers(path: Path) -> set[str]:
    """The layers of tools/ that a file imports."""
    found = set()
    for name in imports(path):
        if name.startswith("tools."):
            inner = name.removeprefix("tools.")
            while inner and not (
                (TOOLS / inner.replace(".", "/")).with_suffix(".py").exists()
                or (TOOLS / inner.replace(".", "/")).is_dir()
            ):
                inner = inner.rpartition(".")[0]
            found.add(layer(inner))
    return found - {""}


PYTHON = sorted(TOOLS.rglob("*.py"))


@pytest.mark.parametrize("path", PYTHON, ids=module_name)
def test_python_imports_go_one_way(path: Path) -> None:
    mine = layer(module_name(path))
    if mine in OUTERMOST:
        return
    assert mine in MAY_IMPORT, f"{path.name} has no place in the table of layers"
    allowed = MAY_IMPORT[mine] | EVERYONE | {mine}
    assert own_layers(path) <= allowed


def test_what_nobody_imports_is_not_allowed() -> None:
    used: dict[str, set[str]] = {}
    for path in PYTHON:
        used.setdefault(layer(module_name(path)), set()).update(own_layers(path))
    assert {name: extra for name, allowed in MAY_IMPORT.items() if (extra := allowed - used.get(name, set()))} == {}
    assert set(MAY_IMPORT) <= set(used) | {""}, "a layer that is no more"


# What writes to a terminal, by module; whatever these show has been made visible (tests/unit/test_visible.py). The
# first two write to a parent process, checks.py passes on what other programs say.
PRINTERS = {
    "oracle.__main__": {"print"},
    "compress.aware": {"print"},
    "checks": {"print"},
    "command_line": {"print", "sys.stdout", "sys.stderr"},
    "progress": {"sys.stderr"},
    "report.terminal": {"print"},
    "boards.monitor": {"print", "sys.stdout", "sys.stderr"},
    "models.cifar10": {"sys.stderr"},
    "quiet": {"sys.stdout", "sys.stderr"},  # sends both to a file
}


def printing(path: Path) -> set[str]:
    """Of print, the standard streams and rich's console those that a module uses."""
    tree = ast.parse(path.read_text())
    used = {ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Attribute)} & {
        "sys.stdout",
        "sys.stderr",
    }
    calls = {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    return used | calls & {"print", "Console"}


@pytest.mark.parametrize("path", PYTHON, ids=module_name)
def test_only_few_modules_reach_the_terminal(path: Path) -> None:
    assert printing(path) == PRINTERS.get(module_name(path), set())


@pytest.mark.parametrize("path", PYTHON, ids=module_name)
def test_heavy_packages_stay_where_they_belong(path: Path) -> None:
    roots = {name.partition(".")[0] for name in imports(path)}
    mine = module_name(path).partition(".")[0]
    assert "invoke" not in roots or mine == "command_line"
    assert not roots & {"tensorflow", "keras", "tf_keras"} or mine in TENSORFLOW_USERS
    assert "jinja2" not in roots or mine in JINJA_USERS
    assert not roots & {"dask", "distributed"} or mine in DASK_USERS


def test_no_two_test_files_share_a_name() -> None:
    """pytest imports them by their names alone, and collects only the first of two."""
    names = Counter(path.name for path in (ROOT / "tests").rglob("*.py") if path.name.startswith("test_"))
    assert [name for name, count in names.items() if count > 1] == []


def test_nothing_imports_tasks() -> None:
    assert [path for path in PYTHON if any(name.partition(".")[0] == "tasks" for name in imports(path))] == []


# folder of firmware/ → the folders it may include from; vendor headers are the ports'. TFLM's headers are at hand only
# in a project of runtime tflm.
MAY_INCLUDE = {
    "model": set(),
    "port": set(),
    "power": {"power", "port", "ports"},
    "kernels": {"kernels"},
    "tflm": {"tflm", "model", "tensorflow"},
    "bench": {"bench", "model", "port"},
    "baremetal": {"baremetal", "port", "bench"},
    "ports": {"ports", "port", "bench", "baremetal"},
}
RENDERED_MAY_INCLUDE = {"aot": {"model", "kernels"}, "tflm": {"model", "tflm"}}
CPP = sorted(p for p in FIRMWARE.rglob("*") if p.suffix in (".h", ".cpp", ".c", ".S"))


def included_by(path: Path) -> list[str]:
    """What a C++ file includes in quotes."""
    return re.findall(r'^\s*#\s*include\s+"([^"]+)"', path.read_text(), re.MULTILINE)


@pytest.mark.parametrize("path", CPP, ids=lambda p: str(p.relative_to(FIRMWARE)))
def test_cpp_includes_go_one_way(path: Path) -> None:
    folder = path.relative_to(FIRMWARE).parts[0]
    included = included_by(path)
    folders = {name.split("/")[0] for name in included if "/" in name}
    beside = [name for name in included if "/" not in name and not (path.parent / name).exists()]
    assert beside == []
    assert folders <= MAY_INCLUDE[folder]


def test_tflm_is_included_in_one_place() -> None:
    """A system header: its warnings are not this project's."""
    users = [path for path in CPP if any(name.startswith("tensorflow/") for name in included_by(path))]
    assert users == [FIRMWARE / "tflm" / "library.h"]
    assert "#pragma GCC system_header" in users[0].read_text()


@pytest.mark.parametrize("runtime", RENDERED_MAY_INCLUDE)
def test_a_rendered_model_includes_its_runtime_alone(runtime: str) -> None:
    lines = (ROOT / "templates" / runtime / "model.cpp.j2").read_text().replace("{{ header }}", "some.h")
    names = re.findall(r'^#include "([^"]+)"', lines, re.MULTILINE)
    assert {name.split("/")[0] for name in names} == RENDERED_MAY_INCLUDE[runtime]


# A compiler may come without the headers of C++'s standard library: this is what may be included without it.
C_HEADERS = {"float.h", "math.h", "stddef.h", "stdint.h", "string.h"}
INTRINSICS = {"arm_acle.h", "arm_mve.h"}
PORTABLE = [
    *(path for path in CPP if path.relative_to(FIRMWARE).parts[0] in ("kernels", "model", "port", "bench")),
    ROOT / "templates" / "aot" / "model.cpp.j2",
]


@pytest.mark.parametrize("path", PORTABLE, ids=lambda p: p.name)
def test_what_every_board_runs_needs_c_headers_alone(path: Path) -> None:
    text = re.sub(r"//.*", "", path.read_text())
    assert set(re.findall(r"^\s*#\s*include\s+<([^>]+)>", text, re.MULTILINE)) <= C_HEADERS | INTRINSICS
    assert not re.search(r"\bstd::", text)


@pytest.mark.parametrize("path", [p for p in CPP if "kernels" in p.parts], ids=lambda p: p.name)
def test_kernels_use_no_heap_and_no_virtual_calls(path: Path) -> None:
    assert not re.search(r"\b(malloc|new|throw|virtual)\b", re.sub(r"//.*", "", path.read_text()))


# Where operators may be called by name: what kerf knows of each is in graph/ops. What libraries support is data.
NAMES_OPERATORS = {"graph.ops"}
# Keras' layer, and the operators between integers and floats.
ALSO_NAMES = {"model_files.recurrent": {"LSTM"}, "repair": {"DEQUANTIZE", "QUANTIZE"}}
OPERATORS = {name for name in vars(tflite.BuiltinOperator) if name.isupper()}


@pytest.mark.parametrize("path", PYTHON, ids=module_name)
def test_operators_are_known_by_their_modules_alone(path: Path) -> None:
    module = module_name(path)
    if module in NAMES_OPERATORS or layer(module) in NAMES_OPERATORS:
        return
    assert constants(path) & OPERATORS == ALSO_NAMES.get(module, set())


# Where runtimes, emulators, ports and packages may be called by name, besides their own modules: what the demo takes by
# default, PlatformIO itself, and its frameworks of the same name.
NAMES_REGISTERED = {
    "values": {"aot"},
    "options": {"aot"},
    "build": {"platformio"},
    "scons": {"platformio"},
    "catalog": {"arduino", "platformio"},  # PlatformIO's words
    "packages.platformio": {"arduino"},
    "doctor": {"cortexm", "qemu", "platformio"},
    "runtimes._tflm_library": {"arduino", "espidf"},
}
REGISTERED = {
    "runtime": registry.names("runtimes"),
    "emulator": transports.emulators(),
    "port": registry.names("ports"),
    "package": registry.names("packages"),
    "measured quantity": registry.names("quantities"),
    "instrument": registry.names("power"),
    "model": registry.names("models"),
}


@pytest.mark.parametrize("path", PYTHON, ids=module_name)
def test_what_is_found_by_its_file_name_is_named_nowhere_else(path: Path) -> None:
    """Except this machine's port, whose name is an ordinary word."""
    module = module_name(path)
    may = NAMES_REGISTERED.get(module, set()) | {module.rpartition(".")[2], "host"}
    found = {name for kind in ("runtime", "emulator", "port", "package") for name in REGISTERED[kind]}
    assert constants(path) & found <= may
