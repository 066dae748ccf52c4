"""What the four screens share: a status line that tells what the bridge does, also after a change of screens."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from textual.screen import Screen

from tui.widgets.places import Places
from tui.widgets.status_line import StatusLine

if TYPE_CHECKING:
    from tui.app import SomnusApp


class SomnusScreen(Screen[None]):
    """A screen of the app."""

    NAME = ""

    @property
    def somnus(self) -> SomnusApp:
        """The app, typed."""
        return cast("SomnusApp", self.app)

    def on_screen_resume(self) -> None:
        self.tell_night(self.somnus.night_now)
        if self.somnus.news is not None:
            self.status(self.somnus.news)

    def status(self, message: object) -> None:
        """A message of the bridge, for the status line."""
        for line in self.query(StatusLine):  # none before the screen is first shown
            line.show(message)

    def tell_night(self, text: str) -> None:
        """What the night does, in a few words, beside the names of the places."""
        for places in self.query(Places):
            places.show_night(text)

    def free(self) -> bool:
        """Whether slow work can begin now; says so if not."""
        app = self.somnus
        if app.ready and not app.bridge.busy:
            return True
        self.notify(
            "One moment: " + ("I'm still busy." if app.ready else "the model is still loading.")
        )
        return False
