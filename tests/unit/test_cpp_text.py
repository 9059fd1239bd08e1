"""Names from users in C++ source: whatever they contain, they compile and are printed unchanged."""

import re
import subprocess
from pathlib import Path

import numpy as np
import pytest
from hostile import HOSTILE
from hypothesis import example, given
from hypothesis import strategies as st

from tools import cpp_text


@given(st.text())
@example("")
@example("__a__")
@example("9lives")
def test_identifiers_are_identifiers(text: str) -> None:
    name = cpp_text.identifier(text)
    assert re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name)
    assert "__" not in name and len(name) <= cpp_text.MAX_IDENTIFIER


@pytest.mark.parametrize("word", ["class", "int", "xor", "main", "co_await"])
def test_keywords_are_no_identifiers(word: str) -> None:
    assert cpp_text.identifier(word) == f"{word}_"


@given(st.text())
@example("*/")
@example("/*/")
@example("**//")
@example("\\")
@example("??/")
def test_comments_stay_comments(text: str) -> None:
    comment = cpp_text.comment(text)
    assert comment.isascii() and comment.isprintable()
    assert "*/" not in comment and "/*" not in comment and "??" not in comment
    assert not comment.endswith("\\")


@pytest.mark.compiler
def test_hostile_text_compiles_and_comes_back(tmp_path: Path) -> None:
    """With trigraphs, and with warnings as errors, each literal is printed byte by byte and compared."""
    lines = ["#include <cstdio>", "int main() {"]
    for i, text in enumerate(HOSTILE):
        name = f"v{i}_{cpp_text.identifier(text)}"
        literal = cpp_text.string_literal(text)
        lines += [
            f"    // {cpp_text.comment(text)}",
            f"    /* {cpp_text.comment(text)} */ static const char {name}[] = {literal};",
            f"    std::fwrite({name}, 1, sizeof({name}), stdout);",
        ]
    lines += ["    return 0;", "}", ""]
    source, program = tmp_path / "text.cpp", tmp_path / "text"
    source.write_text("\n".join(lines), encoding="ascii")
    flags = ["-std=c++17", "-trigraphs", "-Wall", "-Wextra", "-Wpedantic", "-Werror"]
    child = subprocess.run(["g++", *flags, source, "-o", program], capture_output=True, text=True)
    assert child.returncode == 0, child.stderr
    printed = subprocess.run([program], capture_output=True, check=True).stdout
    assert printed == b"".join(text.encode("utf-8", "replace") + b"\0" for text in HOSTILE)


NUMBERS = {
    "int8": np.array([-128, -1, 0, 127], np.int8),
    "uint8": np.array([0, 255], np.uint8),
    "int16": np.array([-32768, 32767], np.int16),
    "int32": np.array([-(2**31), -(2**31) + 1, 0, 2**31 - 1], np.int32),
    "int64": np.array([-(2**63), -(2**31), 2**31, 2**63 - 1], np.int64),
    "float32": np.array(
        [
            0.0,
            -0.0,
            1.0,
            0.1,
            -1.5,
            np.finfo(np.float32).max,
            np.finfo(np.float32).tiny,
            1e-45,
            np.inf,
            -np.inf,
            16777217,
        ],
        np.float32,
    ),
    "float16": np.array([0.0, -0.0, 1.0, 65504.0, 6e-8, np.inf], np.float16),
    "bool": np.array([True, False]),
}


@pytest.mark.compiler
def test_numbers_come_back_bit_for_bit(tmp_path: Path) -> None:
    lines = ["#include <math.h>", "#include <cstdint>", "#include <cstdio>", "int main() {"]
    for name, data in NUMBERS.items():
        elements = "\n".join(cpp_text.array_lines(data))
        lines += [
            f"    static const {cpp_text.cpp_type(name)} a_{name}[] = {{ {elements} }};",
            f"    std::fwrite(a_{name}, 1, sizeof(a_{name}), stdout);",
        ]
    lines += ["    return 0;", "}", ""]
    source, program = tmp_path / "numbers.cpp", tmp_path / "numbers"
    source.write_text("\n".join(lines))
    flags = ["-std=c++17", "-Wall", "-Wextra", "-Wpedantic", "-Werror"]
    child = subprocess.run(["g++", *flags, source, "-o", program], capture_output=True, text=True)
    assert child.returncode == 0, child.stderr
    printed = subprocess.run([program], capture_output=True, check=True).stdout
    assert printed == b"".join(data.tobytes() for data in NUMBERS.values())


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_floats_are_exact(number: float) -> None:
    text = cpp_text.float32(number)
    assert text.endswith("f")
    back = float.fromhex(text[:-1]) if "x" in text else float(text[:-1])
    assert np.float32(back).tobytes() == np.float32(number).tobytes()


def test_values_nest() -> None:
    assert cpp_text.value((1, True, (0.5, -(2**31)))) == "{1, true, {0x1p-1f, (-2147483647 - 1)}}"
    assert cpp_text.value(np.int32(-3)) == "-3"
    assert cpp_text.value(2**31) == "2147483648LL"
    with pytest.raises(TypeError, match="str has no C\\+\\+ initializer"):
        cpp_text.value("text")


def test_lines_of_weights_are_readable() -> None:
    lines = list(cpp_text.array_lines(np.full(50, -128, np.int8)))
    assert [line.count(",") for line in lines] == [24, 24, 2]
    assert max(len(line) for line in lines) < 150
