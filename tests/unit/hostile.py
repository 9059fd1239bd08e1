"""Names that users give to layers, models and classes, by accident or on purpose."""

HOSTILE = (
    "",
    " ",
    "plain",
    'quote " and \\ backslash',
    "ends in a backslash \\",
    "ends in a trigraph backslash ??/",
    "a comment */ int x = 1; /* begins",
    "// nested /* comment",
    "/*/",
    "new\nline\r\nand\ttab\v\f",
    "#include <nowhere>\n#error no",
    "??= ??( ??) ??! ??- ?? ???",
    "schön 日本語 🤖 \u202e bidi",
    "\x00\x01\x1b[31m\x7f",
    "\\u0041 \\x41g \\101",
    "\x01" + "1",  # an octal escape that must not swallow the digit
    "%s%n {{ jinja }} {% raw %}",
    "class",
    "3x3conv",
    "__reserved__name",
    "_Reserved",
    "kerf",
    'R"(raw)"',
    "x" * 5000,
    "\ud800 lone surrogate",
)
