"""Merges sources with the headers that they include, so that a build system needs no include path of kerf's."""

import re
from collections.abc import Mapping, Sequence

_INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]+"([^"]+)"[^\n]*\n', re.MULTILINE)
_ONCE = re.compile(r"^#pragma once\n", re.MULTILINE)
_SYSTEM = re.compile(rb"^#pragma GCC system_header$", re.MULTILINE)


def system_headers(files: Mapping[str, bytes]) -> Sequence[str]:
    """The headers of ``files`` that must stay files of their own: a compiler heeds `#pragma GCC system_header` only in
    an included file."""
    return sorted(path for path, data in files.items() if _SYSTEM.search(data))


def amalgamate(files: Mapping[str, bytes], sources: Sequence[str], kept: Mapping[str, str]) -> str:
    """The ``sources`` one after the other, with every project header inserted at its first #include.

    ``files`` maps path → contents; an #include names a path below src/. ``kept`` maps the paths of headers that stay
    files of their own to the names by which they are included instead. System headers are included where they were.
    Every #include of a project header must be outside conditions and namespaces, since its contents go there.
    """
    seen: set[str] = set()

    def expanded(text: str) -> str:
        return _INCLUDE.sub(lambda match: header(f"src/{match[1]}"), _ONCE.sub("", text))

    def header(path: str) -> str:
        if path in seen:
            return ""
        seen.add(path)
        return f'#include "{kept[path]}"\n' if path in kept else merged(path)

    def merged(path: str) -> str:
        name = path.removeprefix("src/")
        return f"// {'-' * (110 - len(name))} {name}\n{expanded(files[path].decode()).rstrip()}\n\n"

    first, *more = sources
    return expanded(files[first].decode()) + "".join(f"\n{merged(path)}" for path in more)
