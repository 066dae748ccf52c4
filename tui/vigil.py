"""The app's night watch: it asks `sleep/watch.py` when to fall asleep by itself, and answers the doorbell."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from memory.errors import Interrupted, NothingToLearn, SomnusError
from sleep.schedule import last_scheduled, make_scheduler
from sleep.watch import LOOK, Around, Wish, decide, failed, hindrance, on_power, succeeded
from tui.doorbell import Answer, Asked, Doorbell, Want

if TYPE_CHECKING:
    from tui.app import SomnusApp


class Vigil:
    """Lives in the app's own thread, but for `_answer`."""

    def __init__(self, app: SomnusApp) -> None:
        self._app = app
        self._scheduler: Any = None
        self._doorbell: Doorbell | None = None
        self._touched: datetime | None = None
        self._put_off: datetime | None = (
            None  # the scheduled time after which the user put sleep off
        )
        self._makes_way = False  # the night ends for the user's sake, and goes on later

    def begin(self) -> None:
        """From now on fall asleep when it is time.

        Asked every minute by the wall clock too: a timer that slept through the laptop's own sleep comes late.
        """
        app = self._app
        sleep_at = app.root.config.sleep_at
        self._scheduler = make_scheduler(sleep_at, lambda: app.call_from_thread(self.look))
        self._doorbell = Doorbell(app.root.path, self._answer)
        app.set_interval(60, self.look)
        app.set_interval(LOOK, self._make_way)

    def end(self) -> None:
        """Nobody watches any more."""
        if self._scheduler is not None:
            self._scheduler.shutdown(wait=False)
        if self._doorbell is not None:
            self._doorbell.close()

    def look(self) -> None:
        """Fall asleep if it is time: a night once for each scheduled time, so that the user can put it off."""
        app, bed = self._app, self._app.bridge.bed
        if bed.taken:
            self._make_way()
            return
        around = self._around()
        scheduled = last_scheduled(app.root.config.sleep_at, around.now)
        if not app.ready or app.bridge.busy or self._put_off == scheduled:
            return
        decision = decide(app.root.home.ledger, app.root.config, around)
        if decision.wish is Wish.NAP or (decision.wish is Wish.NIGHT and app.tried != scheduled):
            if decision.wish is Wish.NIGHT:
                app.tried = scheduled
            app.notify(f"I'm going to sleep: {decision.reason}. The sleep screen can put it off.")
            app.run_bridge("sleep", decision.budget, True)

    def touched(self) -> None:
        """The user did something."""
        self._touched = self._app.clock()
        if self._app.root.config.idle_minutes:
            self._make_way()

    def woke(self, by_itself: bool, error: SomnusError | None) -> None:
        """A night is over, or pauses."""
        app = self._app
        makes_way, self._makes_way = self._makes_way, False
        if isinstance(error, Interrupted):
            if not makes_way:  # it was put off by hand
                self._put_off = last_scheduled(app.root.config.sleep_at, app.clock())
        elif not by_itself:
            return
        elif error is None or isinstance(error, NothingToLearn):
            succeeded(app.root.home.ledger)
        else:
            app.tried = None  # the watch knows when to try again
            failed(app.root.home.ledger, app.clock())

    def _around(self) -> Around:
        now = self._app.clock()
        if self._touched is None:
            return Around(now=now, on_power=on_power())
        idle = abs((now - self._touched).total_seconds()) / 60
        return Around(now=now, idle_minutes=idle, on_power=on_power())

    def _make_way(self) -> None:
        """A night that nobody asked for pauses when the user returns, or the plug is pulled; it goes on later."""
        app, bed = self._app, self._app.bridge.bed
        if not (bed.taken and bed.by_itself) or bed.woken:
            return
        if why := hindrance(app.root.config, self._around()):
            self._makes_way = True
            bed.wake()
            app.tried = None
            app.notify(f"The night pauses: {why}.")

    def _answer(self, asked: Asked) -> Answer:
        """What another somnus asks of this one; in the doorbell's thread."""
        app, bed = self._app, self._app.bridge.bed
        if asked.want is Want.HOME:
            return Answer(done=False, said="The app has this home open.")
        if asked.want is Want.SLEEP:
            if bed.taken or not app.ready:
                return Answer(done=False, said="The app has this home, and can't sleep now.")
            app.call_from_thread(app.run_bridge, "sleep", asked.budget)
            return Answer(done=True, said="The app has this home; it sleeps now.")
        if not bed.taken:
            return Answer(done=False, said="No night is going on.")
        bed.wake(give_up=asked.want is Want.CANCEL)
        return Answer(done=True, said="The night stops within five seconds.")
