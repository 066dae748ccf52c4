"""Work that tells how far it is."""

from __future__ import annotations

from memory.episode import Phase
from sleep.narrated import Tick, narrated


def test_no_time_left_is_told_from_the_first_bit_of_the_work() -> None:
    def work(tick: Tick) -> str:
        for done in (1, 50, 51, 1000):
            tick(done, 1000)
        return "done"

    events = []
    night = narrated(1, Phase.DREAMT, "dreaming", work, lambda: None)
    while True:
        try:
            events.append(next(night))
        except StopIteration as end:
            assert end.value == "done"
            break
    assert [e.left is None for e in events] == [True, True, False, False]
    assert events[-1].left == 0.0


def test_little_work_tells_it_at_once() -> None:
    (event,) = narrated(1, Phase.DREAMT, "dreaming", lambda tick: tick(1, 12), lambda: None)
    assert event.left is not None
