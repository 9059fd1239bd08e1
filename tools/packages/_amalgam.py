"""A source and the headers that it includes → one text, for build systems that know no include path of ours."""

import re
from collections.abc import Mapping

_INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]+"([^"]+)"[^\n]*\n', re.MULTILINE)
_ONCE = re.compile(r"^#pragma once\n", re.MULTILINE)


def amalgamate(files: Mapping[str, bytes], main: str) -> str:
    """The file ``main`` with every project header in place of the first #include of it.

    ``files`` maps path → contents; an #include names a path below src/. System headers are included where they were.
    Every #include of a project header must be outside of conditions and namespaces, where its contents will be.
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
