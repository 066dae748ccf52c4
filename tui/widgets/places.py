"""The line at the top: the four screens with their keys, the present one marked, and the night while one goes on."""

from __future__ import annotations

from textual.content import Content
from textual.widgets import Static

PLACES = ("chat", "memory", "sleep", "recall")
ROOMY = 70  # cells from which there is room for the time left


class Places(Static):
    """A click on a name goes there too."""

    def __init__(self, here: str) -> None:
        super().__init__()
        self._here = here
        self._night = ""

    def on_mount(self) -> None:
        self.draw()

    def show_night(self, text: str) -> None:
        """What the night does, in a few words; nothing when nobody sleeps."""
        if text != self._night:
            self._night = text
            self.draw()

    def draw(self) -> None:
        """Keys may have been changed, so they are looked up."""
        bound = {b.binding.id: b.binding for b in self.screen.active_bindings.values()}
        line = Content(" ")
        for name in PLACES:
            binding = bound.get(f"screen.{name}")
            key = self.app.get_key_display(binding) if binding else ""
            word = f"{'▸' if name == self._here else ' '}{key} {name.capitalize()} "
            look = "bold reverse" if name == self._here else f"@click=app.show('{name}')"
            line += Content.from_markup(f"[{look}]$word[/]", word=word)
        if self._night:
            night = self._night if self.app.size.width >= ROOMY else self._night.split(",")[0]
            line += Content(f" ☾ {night}")
        self.update(line)
