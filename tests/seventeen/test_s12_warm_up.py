"""Item 12: history is brought beside the session; nothing waits for it, nothing unclosed or twice told gets in."""

import asyncio
import contextlib
import threading
import time
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import pytest

from hedgegrid_tui.engine import node
from hedgegrid_tui.engine.markets.history import HistoryError
from hedgegrid_tui.engine.warmup import Patience, WarmUp
from strategy.bars import MINUTE_NS, BarIntake, MinuteBar
from strategy.regime import RegimeReading, RegimeWatch
from tests.hedgegrid_tui.engine.sessions import hosted, plan_for, running, until
from tests.seventeen.bench import Bench, bench

SETTINGS: Final = ("grid.levels=2", "grid.base_qty=0.004", "regime.fast_bars=3", "regime.slow_bars=5",
                   "regime.adx_bars=2", "regime.atr_bars=2")  # fmt: skip
OLD: Final = 12
"""Minutes of history."""
TURNS: Final = 20
"""Of the loop, while the source is asked; a start that blocks leaves it none."""


def minute(number: int, close: int) -> MinuteBar:
    """The minute `number`, counted from the epoch."""
    at = Decimal(close)
    return MinuteBar(number * MINUTE_NS, at, at + 3, at - 2, at)


class Source:
    """History that hangs, fails, lies or is good, once it is let go on."""

    def __init__(self, manner: str, now_ns: int) -> None:
        self.manner = manner
        self.last = now_ns // MINUTE_NS - 1
        self.release = asyncio.Event()
        self.asked = 0

    def minutes(self) -> list[MinuteBar]:
        return [minute(self.last - age, 60_000 + 7 * age) for age in reversed(range(OLD))]

    async def fetch(self, _count: int, _now_ns: int) -> Sequence[MinuteBar]:
        self.asked += 1
        if self.manner == "hangs":
            await asyncio.Event().wait()
        await self.release.wait()
        if self.manner == "fails":
            raise HistoryError("HTTP 503")
        good = self.minutes()
        if self.manner == "lies":
            # The minute that still runs, one of the future, the newest twice, and all of it in disorder.
            return [minute(self.last + 1, 1), minute(self.last + 9, 1), *reversed(good), minute(self.last, 1)]
        return good


PATIENCE: Final = Patience(attempts=2, first_s=0.01, longest_s=0.01, fetch_s=0.2)


def live(found: Bench, number: int, close: int) -> None:
    """A live bar of that minute, told a moment after its end."""
    found.now = max(found.now, (number + 1) * MINUTE_NS + 1)
    found.feed(found.bar(str(close), (number + 1) * MINUTE_NS))


def reading_after(bars: Sequence[MinuteBar], settings: Any) -> RegimeReading:
    """What indicators say that were fed exactly these, in this sequence."""
    watch = RegimeWatch(settings)
    for bar in bars:
        watch.update(bar)
    return watch.reading


async def check_s12(manner: str, warm_up: type[WarmUp] = WarmUp) -> None:
    """A start that returns at once, a loop that goes on, trading meanwhile, and each closed minute once in the end."""
    with bench(*SETTINGS) as found:
        found.quote(60_000, 2)
        strategy, first = found.strategy, found.now // MINUTE_NS
        source = Source(manner, found.now)
        threads: set[int] = set()
        told = strategy.take_history

        def noted(bars: Sequence[MinuteBar]) -> None:
            threads.add(threading.get_ident())
            told(bars)

        strategy.take_history = noted  # type: ignore[method-assign]
        began = warm_up(source, strategy, now_ns=lambda: found.now, patience=PATIENCE)
        began.start()
        assert source.asked == 0, "the start waited for history"
        for _ in range(TURNS):
            await asyncio.sleep(0)
        assert source.asked == 1
        strategy.publish()
        assert "asking for" in strategy.snapshot.warming

        before = strategy.snapshot.regime
        live(found, first, 60_010)
        found.feed(found.bar("60010", (first + 1) * MINUTE_NS))
        live(found, first + 1, 60_020)
        strategy.publish()
        assert strategy.snapshot.regime == before, "a live bar did not wait for history"
        assert len(found.live()) == 4, "entries waited for history"

        source.release.set()
        assert began._task is not None
        async with asyncio.timeout(5):
            await began._task
        live(found, first + 2, 60_030)
        strategy.publish()
        late = [minute_of_close(first + n, 60_010 + 10 * n) for n in range(3)]
        expected = [*(source.minutes() if manner in ("good", "lies") else ()), *late]
        assert strategy.snapshot.regime == reading_after(expected, found.config.regime), "not each closed minute once"
        assert threads <= {threading.get_ident()}, "history came on another thread"
        assert strategy.is_running
        grid = strategy.grid
        assert grid is not None
        assert grid.errors.count == 0


def minute_of_close(number: int, close: int) -> MinuteBar:
    """A live bar whose four prices are one."""
    return MinuteBar(number * MINUTE_NS, *[Decimal(f"{close}.00")] * 4)


@pytest.mark.parametrize("manner", ["good", "hangs", "fails", "lies"])
async def test_s12_history_that_is_good_hangs_fails_or_lies_holds_nothing_up_and_lets_each_minute_in_once(
    manner: str,
) -> None:
    await check_s12(manner)


class Blocking(WarmUp):
    """As the seed's code had it: the start asks, and waits for the answer."""

    def start(self) -> None:
        async def ask() -> None:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._history.fetch(self._warmable.bars_needed, self._now_ns()), 0.05)

        asking = threading.Thread(target=asyncio.run, args=(ask(),))
        asking.start()
        asking.join()


class Elsewhere(WarmUp):
    """Hands history over from a thread of its own."""

    async def _run(self) -> None:
        self._show("history: asking for bars")
        bars = await self._history.fetch(self._warmable.bars_needed, self._now_ns())
        await asyncio.to_thread(self._warmable.take_history, bars)


@pytest.mark.parametrize(
    ("kind", "words"), [(Blocking, "the start waited"), (Elsewhere, "history came on another thread")]
)
async def test_s12_with_a_start_that_waits_or_a_thread_of_its_own_the_same_check_fails(
    kind: type[WarmUp], words: str
) -> None:
    with pytest.raises(AssertionError, match=words):
        await check_s12("good", kind)


async def test_s12_with_unclosed_minutes_let_in_the_same_check_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    cure = BarIntake._keep
    monkeypatch.setattr(BarIntake, "_keep", lambda self, bar, now: cure(self, bar, now + 60 * MINUTE_NS))
    with pytest.raises(AssertionError, match="not each closed minute once"):
        await check_s12("lies")


async def test_s12_with_minutes_taken_as_often_as_told_the_same_check_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    def take_live(self: BarIntake, bar: MinuteBar, now: int) -> list[MinuteBar]:
        return [bar]

    monkeypatch.setattr(BarIntake, "take_live", take_live)
    with pytest.raises(AssertionError, match=r"a live bar did not wait|not each closed minute once"):
        await check_s12("good")


# -- in a live session -------------------------------------------------------------------------------------------------


class Silent:
    """In the place of a session's history: it never answers."""

    asked = 0

    def __init__(self, *_what: object) -> None: ...

    async def fetch(self, _count: int, _now_ns: int) -> Sequence[MinuteBar]:
        type(self).asked += 1
        await asyncio.Event().wait()
        return ()


class Deaf(Silent):
    """It blocks the loop itself, as a request of `requests` would."""

    let_go = threading.Event()

    async def fetch(self, _count: int, _now_ns: int) -> Sequence[MinuteBar]:
        type(self).asked += 1
        self.let_go.wait(30)
        return ()


def check_s12_session(
    folder: Path, source: type[Silent], monkeypatch: pytest.MonkeyPatch, seconds: float = 20.0
) -> None:
    """A live session starts, publishes and trades while its history hangs; `seconds` bounds the patience."""
    monkeypatch.setattr(node, "SimulatedHistory", source)
    source.asked = 0
    with hosted(plan_for(folder)) as host:
        try:
            until(lambda: bool(source.asked))
            first, deadline = host.snapshot.seq, time.monotonic() + seconds
            while not running(host) or host.snapshot.seq < first + 4:
                assert time.monotonic() < deadline, "no snapshots while history is asked for"
                time.sleep(0.01)
            assert "asking for" in host.snapshot.warming
            until(lambda: host.snapshot.open_entries > 0)
        finally:
            Deaf.let_go.set()


def test_s12_a_live_session_trades_while_its_history_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check_s12_session(tmp_path, Silent, monkeypatch)


def test_s12_with_a_source_that_blocks_the_loop_the_same_check_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Deaf.let_go.clear()
    with pytest.raises(AssertionError, match="no snapshots"):
        check_s12_session(tmp_path, Deaf, monkeypatch, seconds=1.5)
