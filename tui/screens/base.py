"""What the four screens share: a status line that tells what the bridge does, also after a change of screens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, cast

from textual.screen import Screen
from textual.widgets import Input, TextArea

from tui.widgets.places import Places
from tui.widgets.status_line import StatusLine

if TYPE_CHECKING:
    from tui.app import SomnusApp


LOAD_AGAIN = "Load again"


class SomnusScreen(Screen[None]):
    """A screen of the app."""

    NAME = ""
    SPARE: ClassVar[tuple[str, ...]] = ("sleep_now",)  # actions that a narrow foot leaves out

    @property
    def somnus(self) -> SomnusApp:
        """The app, typed."""
        return cast("SomnusApp", self.app)

    def on_screen_resume(self) -> None:
        keep_still(self)
        for places in self.query(Places):
            places.draw()  # keys may have been changed
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

    async def forgot(self) -> None:
        """Something was forgotten: whatever may still show it is read anew."""

    def free(self) -> bool:
        """Whether slow work can begin now; says so if not."""
        app = self.somnus
        if app.ready and not app.bridge.busy:
            return True
        if app.load_failed:
            self.notify(not_loaded(self), severity="error", markup=False)
        else:
            busy = "I'm still busy." if app.ready else "the model is still loading."
            self.notify(f"One moment: {busy}")
        return False


def not_loaded(screen: Screen[Any]) -> str:
    """Why there is no model, and what to do."""
    app = cast("SomnusApp", screen.app)
    menu = next((b for b in screen.active_bindings.values() if b.binding.id == "palette"), None)
    key = app.get_key_display(menu.binding) if menu else "The menu"
    return f"The model isn't loaded: {app.load_failed} {key}, “{LOAD_AGAIN}” tries once more."


def keep_still(screen: Screen[Any]) -> None:
    """No cursor blinks where the settings want no animation."""
    blinks = cast("SomnusApp", screen.app).root.config.animation
    boxes: list[Input | TextArea] = [*screen.query(Input), *screen.query(TextArea)]
    for box in boxes:
        box.cursor_blink = blinks
