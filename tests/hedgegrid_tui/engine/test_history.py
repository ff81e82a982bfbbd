"""The minutes before a made-up market and before a recording."""

from decimal import Decimal
from itertools import pairwise

import pytest

from hedgegrid_tui.engine.markets.history import BarHistory, RecordedHistory, SimulatedHistory
from hedgegrid_tui.engine.markets.price_path import PricePath
from strategy.bars import MINUTE_NS, MinuteBar

OPENED = 28_000_000 * MINUTE_NS + 37_000_000_000
OPENED_MINUTE = OPENED // MINUTE_NS * MINUTE_NS


def recorded(*minutes: int) -> list[MinuteBar]:
    return [MinuteBar(minute * MINUTE_NS, *[Decimal(minute + 1)] * 4) for minute in minutes]


async def test_the_minutes_before_a_simulated_market_end_where_it_opens() -> None:
    path = PricePath(seed=7)
    bars = await SimulatedHistory(path, OPENED).fetch(50, OPENED)
    assert len(bars) == 50
    assert bars[-1].open_ns + MINUTE_NS == OPENED_MINUTE
    assert bars[-1].close == path.history(1)[0].close == Decimal(61_800)
    assert all(later.open_ns - earlier.open_ns == MINUTE_NS for earlier, later in pairwise(bars))
    assert all(earlier.close == later.open for earlier, later in pairwise(bars))
    assert [(bar.open, bar.high, bar.low, bar.close) for bar in bars] == [
        (bar.open, bar.high, bar.low, bar.close) for bar in path.history(50)
    ]


async def test_asked_again_later_a_simulated_market_tells_the_same_minutes() -> None:
    history = SimulatedHistory(PricePath(seed=7), OPENED)
    assert await history.fetch(20, OPENED) == await history.fetch(20, OPENED + 5 * MINUTE_NS)


async def test_asked_for_a_time_before_it_opened_a_simulated_market_tells_no_later_minute() -> None:
    history = SimulatedHistory(PricePath(seed=7), OPENED)
    whole = await history.fetch(30, OPENED)
    assert await history.fetch(20, OPENED - 10 * MINUTE_NS) == whole[:20]


@pytest.mark.parametrize("history", [SimulatedHistory(PricePath(), OPENED), RecordedHistory(recorded(1, 2, 3))])
@pytest.mark.parametrize("count", [0, -1])
async def test_none_asked_is_none_given(history: BarHistory, count: int) -> None:
    assert list(await history.fetch(count, OPENED)) == []


async def test_a_recording_has_nothing_before_its_beginning() -> None:
    assert list(await RecordedHistory().fetch(500, OPENED)) == []


async def test_older_bars_of_a_recording_are_given_once_closed_and_oldest_first() -> None:
    history = RecordedHistory(recorded(4, 2, 1, 3))
    assert await history.fetch(10, 5 * MINUTE_NS) == recorded(1, 2, 3, 4)
    assert await history.fetch(2, 5 * MINUTE_NS) == recorded(3, 4)
    assert await history.fetch(2, 5 * MINUTE_NS - 1) == recorded(2, 3)
