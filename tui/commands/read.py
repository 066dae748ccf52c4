"""`somnus read`: a document, passage by passage, into the buffer; data, never instruction."""

from __future__ import annotations

import argparse
from pathlib import Path

from memory.episode import Origin
from memory.errors import InputError
from memory.quarantine import hold_back
from tui.commands.shared import existing, opened
from tui.say import Say

PASSAGE = 900  # characters


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE", help="text, Markdown or PDF")


def run(args: argparse.Namespace, say: Say) -> int:
    passages = split(text_of(existing(args.file)))
    if not passages:
        raise InputError(f"{args.file} has no text in it.")
    with opened(args, say) as root:
        told = root.home.ledger.append_all([(p, None, None, Origin.DOCUMENT) for p in passages])
        root.store.add(told)
        held = [m for e in told for m in hold_back(root.home.ledger, e)]
    say.line(
        f"{args.file.name}: {len(told)} passages are in the buffer, as what the document says."
    )
    if held:
        say.line(
            f"{len(held)} statements are in quarantine: `somnus memories list --state quarantined`; nothing of it is "
            "learnt unless you confirm it."
        )
    say.document(
        {"passages": len(told), "episodes": [e.id for e in told], "quarantined": len(held)}
    )
    return 0


def text_of(path: Path) -> str:
    """The text of a file. Raises InputError for one that has none."""
    if path.suffix.lower() == ".pdf":
        try:
            from pypdf import PdfReader
            from pypdf.errors import PyPdfError
        except ImportError:
            raise InputError("To read a PDF, install pypdf: pip install 'somnus[pdf]'.") from None
        try:
            return "\n\n".join(page.extract_text() for page in PdfReader(path).pages)
        except (PyPdfError, OSError, ValueError) as error:
            raise InputError(f"{path} can't be read as a PDF ({error}).") from error
    try:
        return path.read_text("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path} is not UTF-8 text (byte {error.start}); text, Markdown and PDF are read."
        ) from None


def split(text: str) -> list[str]:
    """Passages of whole paragraphs, at most about 900 characters; a longer paragraph stands alone."""
    passages: list[str] = []
    for paragraph in (" ".join(p.split()) for p in text.split("\n\n")):
        if not paragraph:
            continue
        if passages and len(passages[-1]) + len(paragraph) < PASSAGE:
            passages[-1] += "\n\n" + paragraph
        else:
            passages.append(paragraph)
    return passages
