"""What all tasks of tasks.py share: options, errors and exit codes, and what Invoke lacks.

Imports of kerf's stages are inside functions, so that `inv --list` is quick.
"""

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from inspect import Parameter, Signature, signature
from itertools import islice
from pathlib import Path
from typing import Any

from invoke.context import Context
from invoke.exceptions import Exit, ParseError
from invoke.main import program
from invoke.tasks import task

from . import interrupts
from .options import OTHER, REQUEST, Share, Whole
from .visible import visible

BUILD = Path(__file__).resolve().parents[1] / "build"


class Stop(Exit):
    """Ends a task with one sentence on standard error and an exit code. Control characters in it are escaped."""

    def __init__(self, sentence: str, code: int) -> None:
        super().__init__(visible(f"kerf: {sentence}"), code)


def kerf_task(options: str = "", **own: tuple[Any, str]) -> Callable[[Callable[..., None]], Any]:
    """Makes a function an Invoke task. ``options`` are names from options.py, ``own`` its own options: (default, help).

    The function receives a Request, and the options that it has parameters for; the others of REQUEST go into the
    Request. `endings` handles its errors.
    """
    table = {name: (REQUEST | OTHER)[name] for name in options.split()} | own

    def decorate(function: Callable[..., None]) -> Any:
        def body(_: Context, **values: Any) -> None:
            sys.dont_write_bytecode = bool(sys.flags.dont_write_bytecode)  # Invoke's: each start would compile kerf
            from . import temporary
            from .values import Request

            interrupts.take("SIGINT", "SIGTERM", "SIGHUP")
            for stream in filter(None, (sys.stdout, sys.stderr)):  # escape what the terminal's encoding lacks
                stream.reconfigure(errors="backslashreplace")
            with endings(), interrupts.kept(), temporary.own_folder():
                values = {name: convert(name, value, table[name][0]) for name, value in values.items()}
                asked = {name: values.pop(name) for name in REQUEST if name in values and name not in wanted}
                function(Request(**{name: value for name, value in asked.items() if value != ""}), **values)
                sys.stdout.flush()  # so that a full disk is reported here

        wanted = signature(function).parameters
        keyword = Parameter.KEYWORD_ONLY
        parameters = [Parameter(name, keyword, default=_shown(default)) for name, (default, _) in table.items()]
        body.__name__, body.__doc__ = function.__name__, function.__doc__
        vars(body)["__signature__"] = Signature([Parameter("_", Parameter.POSITIONAL_ONLY), *parameters])
        lists = [name for name, (default, _) in table.items() if isinstance(default, list)]
        texts = {name: text for name, (_, text) in table.items()}
        return task(auto_shortflags=False, iterable=lists, help=texts)(body)

    return decorate


@contextmanager
def endings() -> Iterator[None]:
    """Turns every exception into a sentence for the user and an exit code.

    The code is 1 or 2 for what the user can fix, 130 (without a sentence) for Ctrl-C, and 70 for a bug in kerf, whose
    traceback goes to a file. With KERF_TRACEBACK set, as in the test suite, a bug is not caught.
    """
    from . import crash
    from .errors import KerfError, of_system

    try:
        yield
    except (Exit, ParseError):
        raise
    except BrokenPipeError:  # `./kerf --list | head`: the reader is gone, and Python's final flush must not fail again
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise Exit(code=1) from None
    except KerfError as error:
        raise Stop(str(error), error.exit_code) from None
    except OSError as error:
        raise Stop(str(of_system(error)), KerfError.exit_code) from None
    except MemoryError:
        raise Stop(crash.OUT_OF_MEMORY, KerfError.exit_code) from None
    except KeyboardInterrupt:
        raise Exit(code=130) from None
    except Exception as error:
        if os.environ.get("KERF_TRACEBACK"):
            raise
        raise Stop(crash.report(error, BUILD), crash.EXIT_CODE) from None


def _shown(default: Any) -> Any:
    """A default as Invoke gets it: numbers as text, or --help would not show that the option takes a value."""
    return default if isinstance(default, (bool, list)) else str(default)


def convert(name: str, value: Any, default: Any) -> Any:
    """Parses a value whose default is a number; returns any other unchanged. Raises Stop, naming the option."""
    if not isinstance(default, (Whole, Share)):
        return value
    try:
        return type(default)(value)
    except ValueError as error:
        raise Stop(f"--{name.replace('_', '-')} takes {error}, not {str(value)[:200]!r}", 2) from None


def name_words(named: Mapping[str, tuple[Any, str]]) -> None:
    """Turns `classify A B` into `classify --images A --images B` before Invoke parses it.

    ``named`` maps the name of each task that takes such words to the task and the option that the words are for. Invoke
    itself has neither optional positional arguments nor lists of them.
    """
    if not hasattr(program, "core"):  # Invoke is not running
        return
    words = program.core.unparsed
    if not words or words[0] not in named:
        return
    own, option = named[words[0]]
    takes_value = {f"--{o.name}" for o in signature(own.body).parameters.values() if not isinstance(o.default, bool)}
    rest, found = iter(words[1:]), []
    for word in rest:
        found += [word, *islice(rest, word in takes_value)] if word[:1] == "-" else [option, word]
    after = program.argv[program.argv.index("--") + 1 :] if "--" in program.argv else []
    for word in after:  # after `--`, where no word is an option
        found += [option, f"./{word}" if word[:1] == "-" else word]
    words[1:] = found


# The error quotes what was typed, which may be any file name, because the shell expands patterns.
setattr(ParseError, "__str__", lambda error: visible(Exception.__str__(error)))  # noqa: B010


def main() -> None:
    """The entry point of ./kerf: runs Invoke, with exit code 2 for a command line that Invoke cannot parse."""
    try:
        with endings():
            program.run()
    except SystemExit as end:
        codes = {ParseError: 2, KeyboardInterrupt: 130}
        sys.exit(codes.get(type(end.__context__), end.code))
    except Exit as end:  # raised outside of any task
        if end.message:
            print(end.message, file=sys.stderr)
        sys.exit(end.code)
