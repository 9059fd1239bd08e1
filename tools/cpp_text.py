"""Python values and user-supplied names as C++ source text, for everything that is rendered.

Whatever a layer, a class or a model is called, its name cannot break out of a literal or comment, and an identifier
made from it is valid.
"""

import math
import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

MAX_IDENTIFIER = 60
MAX_COMMENT = 160
INT32_MIN, INT64_MIN = -(2**31), -(2**63)

_KEYWORDS = frozenset(
    """
    alignas alignof and and_eq asm auto bitand bitor bool break case catch char char16_t char32_t char8_t class co_await
    co_return co_yield compl concept const const_cast consteval constexpr constinit continue decltype default delete do
    double dynamic_cast else enum explicit export extern false float for friend goto if inline int long mutable
    namespace new noexcept not not_eq nullptr operator or or_eq private protected public register reinterpret_cast
    requires return short signed sizeof static static_assert static_cast struct switch template this thread_local throw
    true try typedef typeid typename union unsigned using virtual void volatile wchar_t while xor xor_eq
    main linux unix
    """.split()  # noqa: SIM905 - one per line would be a page
)
# dtype → (C++ type, values per line)
_TYPES = {
    "int8": ("int8_t", 24),
    "uint8": ("uint8_t", 24),
    "int16": ("int16_t", 16),
    "uint16": ("uint16_t", 14),
    "int32": ("int32_t", 10),
    "uint32": ("uint32_t", 9),
    "int64": ("int64_t", 6),
    "uint64": ("uint64_t", 5),
    "float32": ("float", 6),
    "float16": ("uint16_t", 12),  # as bits: C++17 has no such type
    "bool": ("bool", 16),
}


def identifier(text: str) -> str:
    """A C++ identifier that resembles ``text``: ASCII, not a keyword, not reserved, at most MAX_IDENTIFIER long.

    Different texts may give the same identifier; the caller must make it unique.
    """
    name = re.sub(r"[^A-Za-z0-9]+", "_", text).strip("_")[:MAX_IDENTIFIER].rstrip("_")
    if not name:
        return "unnamed"
    if name[0].isdigit():
        return f"n{name}"[:MAX_IDENTIFIER]
    return f"{name}_" if name in _KEYWORDS else name


def string_literal(text: str) -> str:
    """``text`` as a C++ string literal of its UTF-8 bytes, including the quotes.

    Octal escapes end after three digits (hexadecimal ones have no limit); ``?`` is escaped because of trigraphs. Lone
    surrogates, which UTF-8 cannot encode, become ``?``; a NUL ends the string for its reader, as in any C string.
    """
    escaped = {0x22: '\\"', 0x5C: "\\\\", 0x3F: "\\?", 0x0A: "\\n", 0x0D: "\\r", 0x09: "\\t"}
    parts = (
        escaped.get(byte) or (chr(byte) if 0x20 <= byte < 0x7F else f"\\{byte:03o}")
        for byte in text.encode("utf-8", "replace")
    )
    return f'"{"".join(parts)}"'


def comment(text: str) -> str:
    """``text`` quoted for a // or /* comment: one line of printable ASCII that cannot end or continue the comment."""
    short = text if len(text) <= MAX_COMMENT else text[: MAX_COMMENT - 3] + "..."
    plain = ascii(short).replace("??", "? ?")
    return re.sub(r"(?<=/)(?=\*)|(?<=\*)(?=/)", " ", plain)


def cpp_type(dtype: str) -> str:
    """The C++ element type of a numpy dtype's name."""
    return _TYPES[dtype][0]


def integer(value: int) -> str:
    """A literal of type int, or of long long if int is too small."""
    if value == INT32_MIN:
        return "(-2147483647 - 1)"  # there are no negative literals, and 2147483648 is not an int
    if value == INT64_MIN:
        return "(-9223372036854775807LL - 1)"
    return str(value) if INT32_MIN < value < 2**31 else f"{value}LL"


def float32(value: float) -> str:
    """A literal with exactly this float32 value: hexadecimal, so that it is not rounded twice."""
    value = float(np.float32(value))
    if math.isnan(value):
        return "NAN"
    if math.isinf(value):
        return "-INFINITY" if value < 0 else "INFINITY"
    if value == 0.0:
        return "-0.0f" if math.copysign(1.0, value) < 0 else "0.0f"
    mantissa, exponent = value.hex().split("p")
    return f"{mantissa.rstrip('0').rstrip('.')}p{exponent}f"


def value(item: Any) -> str:
    """An initializer: bool, int, float (as float32), or a tuple of these in braces."""
    if isinstance(item, (bool, np.bool_)):
        return "true" if item else "false"
    if isinstance(item, (int, np.integer)):
        return integer(int(item))
    if isinstance(item, (float, np.floating)):
        return float32(float(item))
    if isinstance(item, (tuple, list)):
        return f"{{{', '.join(value(i) for i in item)}}}"
    raise TypeError(f"{type(item).__name__} has no C++ initializer")


def array_lines(data: npt.NDArray[Any]) -> Iterator[str]:
    """The elements in memory order as lines of comma-separated literals, wrapped for readability."""
    flat = np.ascontiguousarray(data).ravel()
    dtype = flat.dtype.newbyteorder("=").name
    per_line = _TYPES[dtype][1]
    if dtype == "float16":
        texts = [f"0x{bits:04x}" for bits in flat.astype(np.float16).view(np.uint16).tolist()]
    elif dtype == "float32":
        texts = [float32(v) for v in flat.tolist()]
    elif dtype == "bool":
        texts = ["true" if v else "false" for v in flat.tolist()]
    else:
        texts = [integer(v) for v in flat.tolist()]
    for start in range(0, len(texts), per_line):
        yield ", ".join(texts[start : start + per_line]) + ","
