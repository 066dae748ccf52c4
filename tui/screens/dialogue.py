"""What stands over a screen and asks or shows something: help is at hand there too."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, TypeVar, cast

from textual.binding import Binding, BindingType
from textual.screen import ModalScreen

from tui.screens.base import keep_still

if TYPE_CHECKING:
    from tui.app import SomnusApp

Given = TypeVar("Given")


class Dialogue(ModalScreen[Given]):
    """The app's own keys don't reach through it, so it has the one for help itself."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("f1", "app.help", "Help", id="help")]

    @property
    def somnus(self) -> SomnusApp:
        """The app, typed."""
        return cast("SomnusApp", self.app)

    def on_screen_resume(self) -> None:
        keep_still(self)

    async def forgot(self) -> None:
        """Something was forgotten: whatever may still show it is read anew."""
