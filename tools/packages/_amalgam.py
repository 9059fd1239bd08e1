"""Merges a source with the headers that it includes, so that a build system needs no include path of kerf's."""

import re
from collections.abc import Mapping

_INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]+"([^"]+)"[^\n]*\n', re.MULTILINE)
_ONCE = re.compile(r"^#pragma once\n", re.MULTILINE)


def amalgamate(files: Mapping[str, bytes], main: str) -> str:
    """The file ``main`` with every project header inserted at its first #include.

    ``files`` maps path → contents; an #include names a path below src/. System headers are included where they were.
    Every #include of a project header must be outside conditions and namespaces, since its contents go there.
    """
    seen: set[str] = set()

    def expanded(text: str) -> str:
        return _INCLUDE.sub(lambda match: header(match[1]), _ONCE.sub("", text))

    def header(name: str) -> str:
        if name in seen:
            return ""
        seen.add(name)
        inside = expanded(files[f"src/{name}"].decode())
        return f"// {'-' * (110 - len(name))} {name}\n{inside.rstrip()}\n\n"

    return expanded(files[main].decode())
