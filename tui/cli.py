"""The command line: what there is to say, and the one place where errors become sentences and exit codes.

stdout carries results, stderr progress. 0 done, 1 error, 2 usage, 3 nothing to do, 4 the night was rolled back,
5 another process owns the home, 130 interrupted. Nothing heavy is imported before a command needs it.
"""

from __future__ import annotations

import argparse
import importlib
import io
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from memory.errors import SomnusError, UsageError

if TYPE_CHECKING:
    from tui.root import Root
    from tui.say import Say

# command → (module, what it does); the module has `arguments(parser)` and `run(args, say) -> int`
COMMANDS = {
    "chat": ("tui.commands.chat", "plain chat, line by line; reads stdin when that is no terminal"),
    "tell": ("tui.commands.tell", "put what you say into the buffer, without a reply"),
    "ask": ("tui.commands.ask", "one answer, logged nowhere"),
    "sleep": ("tui.commands.sleep", "one night now"),
    "recall": (
        "tui.commands.recall",
        "ask a file of questions under every arm and mark the answers",
    ),
    "nights": ("tui.commands.nights", "the nights so far; show, roll back or report one"),
    "memories": ("tui.commands.memories", "list, search, forget, pin, confirm or export memories"),
    "status": ("tui.commands.status", "where this home stands"),
    "doctor": ("tui.commands.doctor", "check the machine, the models and the home"),
    "paths": ("tui.commands.paths", "where everything lives"),
    "model": ("tui.commands.model", "list, pull or use language models"),
    "read": ("tui.commands.read", "put a document into the buffer, as data"),
    "instincts": ("tui.commands.instincts", "train or evaluate the instincts"),
    "bench": ("tui.commands.bench", "run the benchmarks"),
    "backup": ("tui.commands.backup", "write the home into one file"),
    "restore": ("tui.commands.restore", "make a home from a backup"),
    "import": ("tui.commands.import_", "take memories from a file"),
    "daemon": ("tui.commands.daemon", "sleep when it is due, without the app"),
    "service": (
        "tui.commands.service",
        "install, uninstall or show the nightly sleep as a system service",
    ),
    "demo": ("tui.commands.demo", "the whole idea in a few minutes"),
}


def main(argv: Sequence[str] | None = None, *, make_root: type[Root] | None = None) -> int:
    """Run one command; returns the exit code. Tests give their own root, with models that need no weights."""
    words = list(sys.argv[1:] if argv is None else argv)
    from tui.say import Say

    options = words[: words.index("--")] if "--" in words else words
    say = Say(as_json="--json" in options)
    try:
        return _run(words, say, make_root)
    except SomnusError as error:
        say.error(str(error))
        return error.exit_code
    except KeyboardInterrupt:
        say.error("Interrupted; nothing was lost.")
        return 130
    except (
        BrokenPipeError
    ):  # `somnus nights | head`: nobody reads on, and the interpreter's last flush would say so
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:  # noqa: BLE001  # the outermost edge: no traceback reaches a user
        where = log_error(error, _home_in(options))
        say.error(
            f"Something unexpected happened ({type(error).__name__}: {error}); the details are in {where}."
        )
        return 1


def entry() -> None:
    """The console script. What a terminal's encoding lacks is written as an escape."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    sys.exit(main())


def _run(words: Sequence[str], say: Say, make_root: type[Root] | None) -> int:
    parser = build(words)
    try:
        args = parser.parse_args(list(words))
    except SystemExit as stop:
        return int(stop.code or 0)
    args.make_root = make_root
    if args.command is None:
        module = importlib.import_module("tui.commands.app")
    else:
        module = importlib.import_module(COMMANDS[args.command][0])
    return int(module.run(args, say))


def build(words: Sequence[str]) -> argparse.ArgumentParser:
    """The parser; only the command that was typed is imported for its arguments."""
    parser = Parser(
        prog="somnus", description="A chat agent that learns by night what you told it by day.",
        epilog="Without a command: the terminal app.", allow_abbrev=False,
    )  # fmt: skip
    _globals(parser, first=True)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    for name, (module, text) in COMMANDS.items():
        command = commands.add_parser(
            name, help=text, description=text[:1].upper() + text[1:] + ".", allow_abbrev=False
        )
        _globals(command, first=False)
        if name in words:
            importlib.import_module(module).arguments(command)
    return parser


def _globals(parser: argparse.ArgumentParser, *, first: bool) -> None:
    """Global options stand before or after the command; after it they win."""
    missing = None if first else argparse.SUPPRESS
    add = parser.add_argument_group("global options").add_argument
    add(
        "--home",
        type=Path,
        default=missing,
        metavar="DIR",
        help="where everything lives (or SOMNUS_HOME)",
    )
    add("--model", default=missing, metavar="NAME", help="hub id, checkpoint folder or .gguf file")
    add("--device", default=missing, help="auto, cpu, cuda, mps")
    add("--dtype", default=missing, help="auto, float32, bfloat16, float16")
    add("--seed", type=int, default=missing, help="everything random follows from it")
    add("--student", default=missing, metavar="NAME", help="a larger model to distil into")
    add(
        "--json",
        action="store_true",
        default=False if first else argparse.SUPPRESS,
        help="print one JSON document",
    )


class Parser(argparse.ArgumentParser):
    """An argparse parser whose errors are ours, and whose options may stand anywhere among a command's words."""

    _mixing = False

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message[:1].upper()}{message[1:]}; see `{self.prog} --help`.")

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Plain argparse takes `nights show --json 1` for a word too many."""
        has_rest = any(a.nargs in (argparse.REMAINDER, argparse.PARSER) for a in self._actions)
        if self._mixing or has_rest or "--" in (args or ()):
            return super().parse_known_args(args, namespace)
        self._mixing = True
        try:
            return self.parse_known_intermixed_args(args, namespace)
        finally:
            self._mixing = False


def log_error(error: BaseException, home: Path) -> str:
    """Write the traceback where a developer finds it, secrets masked; returns where that is."""
    import traceback

    from memory.paths import LOG, private_dir
    from memory.secrets import masked

    try:
        path = private_dir(home) / LOG
        with os.fdopen(
            os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "a", encoding="utf-8"
        ) as file:
            file.write(masked("".join(traceback.format_exception(error))) + "\n")
    except OSError:
        return "no log, since the home can't be written"
    return str(path)


def _home_in(words: Sequence[str]) -> Path:
    from memory.paths import home_path

    finder = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    finder.add_argument("--home", type=Path)
    return home_path(finder.parse_known_args(list(words))[0].home)


if __name__ == "__main__":
    entry()
