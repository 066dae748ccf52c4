"""The slash commands: what each is called, what it does to the chat. The menu, the help and the palette read this."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from memory.blotting import tells
from memory.episode import MemoryState
from memory.errors import SomnusError
from tui.names import free_name, unused
from tui.screens.base import not_loaded
from tui.screens.confirm import Confirm
from tui.screens.telling import consequences, explanation
from tui.widgets.slash_menu import SlashCommand

if TYPE_CHECKING:
    from tui.screens.chat import ChatScreen

NAP_MINUTES = 5.0


def sleep(chat: ChatScreen, words: str) -> None:
    chat.somnus.action_sleep_now()


def nap(chat: ChatScreen, words: str) -> None:
    chat.somnus.run_bridge("sleep", NAP_MINUTES)
    chat.somnus.action_show("sleep")


def remember(chat: ChatScreen, words: str) -> None:
    chat.somnus.run_bridge("remember", words, chat.somnus.session)


def forget(chat: ChatScreen, words: str) -> None:
    """Everything with these very words, as for the tool: memories, and what waits that no night has read.

    Without words the last exchange: what was said, and the memories made of it.
    """
    ledger = chat.somnus.root.home.ledger
    if words:
        memories = [m for m in ledger.search_memories("") if tells(m.text, words)]
        episodes = [e for e in ledger.unread() if tells(e.said, words)]
        none = f"Nothing that I remember has “{words}” in it."
    else:
        last = chat.talk.last_logged
        made = ledger.memories(episode=last) if last else []
        memories = [m for m in made if m.state is not MemoryState.FORGOTTEN]
        # A part that is forgotten goes with its memory; the rest of the message only as a whole.
        episodes = [e for e in ledger.episodes([last]) if e.said] if last else []
        none = "There is no exchange here to forget; /forget WORDS forgets what has them."
    if not memories and not episodes:
        chat.note(none)
        return

    def answered(yes: bool | None) -> None:
        if yes:
            chat.somnus.run_bridge("forget", [m.id for m in memories], [e.id for e in episodes])

    texts = list(dict.fromkeys([*(m.text for m in memories), *(e.said for e in episodes)]))
    chat.app.push_screen(Confirm(consequences(texts, memories), "Forget"), answered)


def recall(chat: ChatScreen, words: str) -> None:
    chat.somnus.run_bridge("look_up", words)


def why(chat: ChatScreen, words: str) -> None:
    last = chat.talk.last
    chat.note(
        explanation(last.badge.trace)
        if last and last.badge
        else "There is no answer yet to say it of."
    )


def private(chat: ChatScreen, words: str) -> None:
    chat.action_private()


def model(chat: ChatScreen, words: str) -> None:
    """Name the model, or choose another for the next start."""
    app = chat.somnus
    if not words:
        if app.load_failed:
            chat.note(not_loaded(chat))
        name = app.root.model.name if app.ready else "not loaded yet"
        chat.note(f"The model is {name}. /model NAME chooses another, from the next start.")
        return
    from memory.config import save_setting

    save_setting(app.root.path, "model", words)
    chat.note(f"From the next start the model is {words}.")


def export(chat: ChatScreen, words: str) -> None:
    """Write the talk: Markdown for .md, else JSON Lines that `somnus tell --file` reads."""
    from memory.conversation_file import dump_lines
    from memory.paths import write_atomic

    app = chat.somnus
    path = unused(Path(words)) if words else free_name(f"{app.session}.md")
    turns = app.root.home.ledger.session_turns(app.session)
    if path.suffix == ".md":
        text = "".join(
            f"**{t.role.value}** ({t.at.astimezone():%Y-%m-%d %H:%M})\n\n{t.content}\n\n"
            for t in turns
            if t.at
        )
    else:
        text = dump_lines(
            {"role": t.role.value, "content": t.content, "at": t.at.isoformat() if t.at else None}
            for t in turns
        )
    write_atomic(path, text.encode())
    chat.note(f"{len(turns)} turns written to {path}.")


def show_help(chat: ChatScreen, words: str) -> None:
    chat.somnus.action_help()


@dataclass(frozen=True, slots=True, kw_only=True)
class Slash(SlashCommand):
    """A command of the menu with what it does."""

    run: Callable[[ChatScreen, str], None]
    takes_turn: bool = False  # waits until nothing else goes on


SLASHES = (
    Slash(name="sleep", words="", text="sleep now: the plan first", run=sleep),
    Slash(name="nap", words="", text=f"a short night, {NAP_MINUTES:g} minutes", run=nap, takes_turn=True),
    Slash(name="remember", words="TEXT", text="keep it, no reply", needs_more=True, run=remember, takes_turn=True),
    Slash(name="forget", words="[WORDS]", text="what has them; the last exchange", run=forget, takes_turn=True),
    Slash(name="recall", words="WORDS", text="what I hold about them", needs_more=True, run=recall, takes_turn=True),
    Slash(name="why", words="", text="where the last answer came from", run=why),
    Slash(name="private", words="", text="log nothing, until /private again", run=private),
    Slash(name="model", words="[NAME]", text="which model; choose another", run=model),
    Slash(name="export", words="[FILE]", text="write this talk to a file", run=export),
    Slash(name="help", words="", text="keys and commands", run=show_help),
)  # fmt: skip


def run_slash(chat: ChatScreen, line: str) -> bool:
    """Run a line that begins with a slash; what can't be done is said in a sentence. False: not yet."""
    name, _, rest = line[1:].strip().partition(" ")
    found = next((s for s in SLASHES if s.name == name.casefold()), None)
    if found is None:
        chat.note(f"There is no command /{name}; /help lists those there are.")
    elif found.needs_more and not rest.strip():
        chat.note(f"/{found.name} needs more: /{found.name} {found.words}.")
    elif found.takes_turn and not chat.free():
        return False
    else:
        try:
            found.run(chat, rest.strip())
        except (SomnusError, OSError) as error:
            chat.note(str(error))
    return True
