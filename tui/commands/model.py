"""`somnus model`: which language model."""

from __future__ import annotations

import argparse

from memory.errors import UsageError
from memory.paths import cache_path
from tui.commands.shared import opened
from tui.say import Say


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", nargs="?", choices=["list", "pull", "use"], default="list")
    parser.add_argument(
        "name", nargs="?", metavar="NAME", help="hub id, checkpoint folder, .gguf file, or default"
    )


def run(args: argparse.Namespace, say: Say) -> int:
    from agent import weights

    if args.action == "list":
        with opened(args, say, read_only=True) as root:
            used, student = root.config.model or weights.DEFAULT, root.config.student
        folder = cache_path() / "models"
        cached = (
            sorted(p.name for p in folder.iterdir() if (p / "complete.json").exists())
            if folder.exists()
            else []
        )
        say.line(f"in use   {used}")
        if student:
            say.line(f"student  {student}")
        for name in cached:
            say.line(f"cached   {name}")
        say.document({"use": used, "student": student, "cached": cached})
        return 0
    if not args.name:
        raise UsageError(f"Which model? somnus model {args.action} NAME.")
    with opened(args, say) as root:
        if args.action == "use":
            from memory.config import save_setting

            # Owned by nobody else while its settings change; and asked before anything is fetched.
            home = root.home
            checkpoint = weights.known(args.name) or weights.resolve(
                args.name, progress=say.progress
            )
            is_default = args.name in ("default", weights.DEFAULT)
            save_setting(home.path, "model", None if is_default else args.name)
        else:
            here = weights.known(args.name)
            is_whole = here is not None and weights.whole(here)
            checkpoint = (
                here if here and is_whole else weights.resolve(args.name, progress=say.progress)
            )
            weights.verify(weights.embedder_folder())
            weights.fetch_embedder(say.progress)
    used = "; it is used from now on" if args.action == "use" else ""
    say.line(f"{checkpoint.name} is in {checkpoint.path}{used}.")
    say.document(
        {
            "name": checkpoint.name,
            "path": str(checkpoint.path),
            "base_path": str(checkpoint.base_path),
        }
    )
    return 0
