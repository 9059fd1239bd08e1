r"""Text from files and devices, with every invisible character replaced by its Python escape.

Control characters steer a terminal, bidirectional ones reorder text, and some characters are drawn as nothing: they are
shown as ``\x1b``, ``\u202e``, ``\u200b`` and so on.
"""

import re
import unicodedata

_NOT_ASCII_TEXT = re.compile(r"[^ -~]")
# Letters, marks and selectors that are drawn as nothing (default-ignorable in Unicode, but not format characters), and
# the blank Braille pattern.
_SHAPELESS = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)


def visible(text: str, keep: str = "") -> str:
    """``text`` with control, format and other invisible characters escaped, except spaces and those in ``keep``."""
    return _NOT_ASCII_TEXT.sub(lambda found: found[0] if found[0] in keep else _shown(found[0]), text)


def _shown(character: str) -> str:
    is_space = unicodedata.category(character) == "Zs"
    if (character.isprintable() or is_space) and not _SHAPELESS.match(character):
        return character
    return character.encode("unicode_escape").decode()
