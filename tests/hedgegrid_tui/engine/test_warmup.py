"""The warm-up brings history beside the session: it waits patiently, ends for sure, and fails in words only."""

import asyncio
import time
from collections.abc import Callable, Sequence
from decimal import Decimal

import pytest
from aiohttp import web
from aiohttp.test_utils import RawTestServer

from hedgegrid_tui.engine.markets.history import HistoryError, RecordedHistory
from hedgegrid_tui.engine.markets.klines import KlineHistory
from hedgegrid_tui.engine.warmup import ALONE, Patience, WarmUp, warm_at_once
from strategy.bars import MINUTE_NS, BarIntake, MinuteBar

NOW = 28_000_000 * MINUTE_NS + 1
BARS = [MinuteBar(NOW // MINUTE_NS * MINUTE_NS - age * MINUTE_NS, *[Decimal(100)] * 4) for age in (3, 2, 1)]


class Scripted:
    """A history whose answers are given beforehand; the last one repeats."""

    def __init__(self, *answers: Exception | Sequence[MinuteBar]) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[int, int]] = []

    async def fetch(self, count: int, now_ns: int) -> Sequence[MinuteBar]:
        self.asked.append((count, now_ns))
        await asyncio.sleep(0)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


class Endless:
    """A history that never answers."""

    def __init__(self, after_cancel: Exception | Sequence[MinuteBar] | None = None) -> None:
        self.asked = 0
        self.let_go = False
        self.release = asyncio.Event()
        self._after_cancel = after_cancel

    async def fetch(self, count: int, now_ns: int) -> Sequence[MinuteBar]:
        self.asked += 1
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.let_go = True
            if self._after_cancel is None:
                raise
            await self.release.wait()
        if isinstance(self._after_cancel, Exception):
            raise self._after_cancel
        return self._after_cancel or ()


class Indicators:
    """Keeps what it is told; raises where the test says so."""

    def __init__(self, needed: int = 3, *, raises_in: str = "") -> None:
        self.told: list[str] = []
        self.taken: list[Sequence[MinuteBar]] = []
        self._needed = needed
        self._raises_in = raises_in

    @property
    def bars_needed(self) -> int:
        self._raise_if("bars_needed")
        return self._needed

    def take_history(self, bars: Sequence[MinuteBar]) -> None:
        self._raise_if("take_history")
        self.taken.append(bars)

    def warming(self, words: str) -> None:
        self.told.append(words)
        self._raise_if("warming")

    def without_history(self, words: str) -> None:
        self.told.append(f"without {words}")
        self._raise_if("without_history")

    def _raise_if(self, name: str) -> None:
        if name == self._raises_in:
            raise RuntimeError(f"{name} is broken")


class Clock:
    """Time that passes by sleeping only."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    def now_ns(self) -> int:
        return NOW + int(sum(self.slept) * 1e9)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await asyncio.sleep(0)


async def settled(warmup: WarmUp) -> None:
    assert warmup._task is not None
    async with asyncio.timeout(5):
        await warmup._task


async def run(history: Scripted, indicators: Indicators, patience: Patience | None = None) -> tuple[WarmUp, Clock]:
    clock = Clock()
    warmup = WarmUp(history, indicators, now_ns=clock.now_ns, sleep=clock.sleep, patience=patience or Patience())
    warmup.start()
    await settled(warmup)
    return warmup, clock


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - nothing to set an event where a product's part is watched
            await asyncio.sleep(0)


class TestFetching:
    async def test_as_many_bars_as_wanted_are_asked_for_and_handed_over(self) -> None:
        history, indicators = Scripted(BARS), Indicators(needed=55)
        warmup, clock = await run(history, indicators)
        assert history.asked == [(55, NOW)]
        assert indicators.taken == [BARS]
        assert indicators.told == ["history: asking for 55 bars"]
        assert (clock.slept, warmup.words) == ([], "")

    async def test_a_start_returns_before_anything_was_asked(self) -> None:
        history, indicators = Scripted(BARS), Indicators()
        warmup = WarmUp(history, indicators)
        warmup.start()
        assert (history.asked, indicators.told) == ([], [])
        await settled(warmup)
        assert indicators.taken == [BARS]

    async def test_a_second_start_does_nothing(self) -> None:
        history, indicators = Scripted(BARS), Indicators()
        warmup = WarmUp(history, indicators)
        warmup.start()
        warmup.start()
        await settled(warmup)
        warmup.start()
        await asyncio.sleep(0)
        assert len(history.asked) == len(indicators.taken) == 1

    @pytest.mark.parametrize("needed", [0, -1])
    async def test_nothing_is_asked_where_nothing_is_wanted(self, needed: int) -> None:
        history, indicators = Scripted(BARS), Indicators(needed=needed)
        await run(history, indicators)
        assert (history.asked, list(indicators.taken[0]), indicators.told) == ([], [], [])

    async def test_a_source_with_nothing_is_not_asked_again(self) -> None:
        history, indicators = Scripted([]), Indicators()
        warmup, _ = await run(history, indicators)
        assert len(history.asked) == 1
        assert indicators.told[-1] == f"without history: there is none; {ALONE}"
        assert warmup.words == f"history: there is none; {ALONE}"

    async def test_without_a_running_loop_history_is_given_up_and_nothing_raised(self) -> None:
        indicators = Indicators()
        warmup = WarmUp(Scripted(BARS), indicators)
        await asyncio.to_thread(warmup.start)
        assert indicators.told == [f"without history: no event loop runs here; {ALONE}"]


class TestPatience:
    async def test_after_a_failure_it_says_why_and_when_it_asks_again(self) -> None:
        history, indicators = Scripted(HistoryError("HTTP 503"), HistoryError("HTTP 503"), BARS), Indicators()
        _, clock = await run(history, indicators)
        assert indicators.told[1::2] == ["history: HTTP 503, again in 0.5 s", "history: HTTP 503, again in 1 s"]
        assert indicators.taken == [BARS]
        assert history.asked[-1] == (3, clock.now_ns())

    async def test_the_wait_doubles_to_half_a_minute_and_ends_with_the_eighth_attempt(self) -> None:
        history, indicators = Scripted(HistoryError("HTTP 503")), Indicators()
        _, clock = await run(history, indicators)
        assert clock.slept == [0.5, 1, 2, 4, 8, 16, 30]
        assert len(history.asked) == 8
        assert indicators.told[-1] == f"without history: HTTP 503 at the last of 8 attempts; {ALONE}"
        assert indicators.taken == []

    @pytest.mark.parametrize(("asked", "slept"), [(17.0, 17.0), (0.0, 0.5), (0.1, 0.5), (-4.0, 0.5), (120.0, 120.0)])
    async def test_a_wait_that_is_asked_for_is_kept(self, asked: float, slept: float) -> None:
        _, clock = await run(Scripted(HistoryError("HTTP 429", asked), BARS), Indicators())
        assert clock.slept == [slept]

    async def test_a_wait_too_long_to_hold_live_bars_back_for_ends_it(self) -> None:
        history, indicators = Scripted(HistoryError("HTTP 418", 3_600), BARS), Indicators()
        _, clock = await run(history, indicators)
        assert (len(history.asked), clock.slept) == (1, [])
        assert indicators.told[-1] == f"without history: HTTP 418, asked to wait 3600 s; {ALONE}"

    @pytest.mark.parametrize(
        ("error", "words"),
        [(ValueError("odd"), "ValueError: odd"), (KeyError(), "KeyError"), (TimeoutError(), "no answer in time")],
    )
    async def test_an_error_that_no_source_should_raise_is_a_failure_like_others(
        self, error: Exception, words: str
    ) -> None:
        indicators = Indicators()
        await run(Scripted(error, BARS), indicators)
        assert indicators.told[1] == f"history: {words}, again in 0.5 s"
        assert indicators.taken == [BARS]

    async def test_it_asks_once_even_where_no_attempt_is_allowed(self) -> None:
        history, indicators = Scripted(HistoryError("HTTP 503")), Indicators()
        await run(history, indicators, Patience(attempts=0))
        assert len(history.asked) == 1
        assert indicators.told[-1].startswith("without history: HTTP 503")

    async def test_a_source_that_never_answers_is_given_up(self) -> None:
        history, indicators = Endless(), Indicators()
        warmup = WarmUp(history, indicators, patience=Patience(attempts=2, first_s=0.01, fetch_s=0.02))
        warmup.start()
        await settled(warmup)
        assert indicators.told[-1] == f"without history: no answer in time at the last of 2 attempts; {ALONE}"


class TestStopping:
    async def test_a_stop_lets_go_of_a_request_and_nothing_is_told_any_more(self) -> None:
        history, indicators = Endless(), Indicators()
        warmup = WarmUp(history, indicators)
        warmup.start()
        await until(lambda: bool(indicators.told))
        await warmup.stop()
        assert history.let_go
        assert indicators.told == ["history: asking for 3 bars"]
        await warmup.stop()

    async def test_a_stop_ends_a_wait(self) -> None:
        history, indicators = Scripted(HistoryError("HTTP 503", 100)), Indicators()
        warmup = WarmUp(history, indicators)
        warmup.start()
        await until(lambda: len(indicators.told) == 2)
        began = time.monotonic()
        await warmup.stop()
        assert time.monotonic() - began < 1
        assert warmup._task is not None
        assert warmup._task.cancelled()

    @pytest.mark.parametrize("after_cancel", [BARS, HistoryError("HTTP 503")])
    async def test_a_stop_is_bounded_and_final_even_where_the_source_does_not_let_go(
        self, monkeypatch: pytest.MonkeyPatch, after_cancel: Exception | Sequence[MinuteBar]
    ) -> None:
        monkeypatch.setattr("hedgegrid_tui.engine.warmup.STOP_S", 0.05)
        history, indicators = Endless(after_cancel), Indicators()
        warmup = WarmUp(history, indicators, sleep=Clock().sleep)
        warmup.start()
        await until(lambda: bool(indicators.told))
        async with asyncio.timeout(2):
            await warmup.stop()
        history.release.set()
        await settled(warmup)
        assert indicators.taken == []
        assert (len(indicators.told), history.asked) == (1, 1)

    async def test_an_error_out_of_a_wait_that_a_stop_ends_is_not_told(self) -> None:
        async def breaking(_: float) -> None:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                raise OSError("no clock") from None

        indicators = Indicators()
        warmup = WarmUp(Scripted(HistoryError("HTTP 503")), indicators, sleep=breaking)
        warmup.start()
        await until(lambda: len(indicators.told) == 2)
        await warmup.stop()
        assert len(indicators.told) == 2

    async def test_a_stop_before_the_start_prevents_it(self) -> None:
        history = Scripted(BARS)
        warmup = WarmUp(history, Indicators())
        await warmup.stop()
        warmup.start()
        await asyncio.sleep(0)
        assert history.asked == []


class TestContainment:
    async def test_an_error_while_progress_is_shown_does_not_end_the_fetching(self) -> None:
        indicators = Indicators(raises_in="warming")
        await run(Scripted(HistoryError("HTTP 503"), BARS), indicators)
        assert indicators.taken == [BARS]

    @pytest.mark.parametrize("name", ["take_history", "bars_needed"])
    async def test_what_the_receiver_raises_becomes_words_to_it(self, name: str) -> None:
        history, indicators = Scripted(BARS), Indicators(raises_in=name)
        warmup, _ = await run(history, indicators)
        assert indicators.told[-1] == f"without history: RuntimeError: {name} is broken; {ALONE}"
        assert warmup.words == indicators.told[-1].removeprefix("without ")
        assert len(history.asked) <= 1

    async def test_where_nobody_can_be_told_the_words_are_kept(self) -> None:
        warmup, _ = await run(Scripted(HistoryError("HTTP 451", 9e9)), Indicators(raises_in="without_history"))
        assert warmup.words.startswith("history: HTTP 451")
        assert warmup.words.endswith("telling it failed: RuntimeError: without_history is broken")

    async def test_the_task_never_ends_in_an_error(self) -> None:
        async def broken(_: float) -> None:
            raise OSError("no clock")

        for name in ("", "take_history", "warming", "without_history", "bars_needed"):
            indicators = Indicators(raises_in=name)
            warmup = WarmUp(Scripted(HistoryError("HTTP 503")), indicators, sleep=broken)
            warmup.start()
            await settled(warmup)
            assert indicators.told[-1].startswith("without ")


class TestAtOnce:
    async def test_bars_are_there_when_it_returns(self) -> None:
        indicators = Indicators()
        assert await warm_at_once(RecordedHistory(BARS), indicators, 2, NOW) == ""
        assert indicators.taken == [BARS[1:]]
        assert indicators.told == []

    async def test_a_recording_without_older_bars_lets_live_bars_warm(self) -> None:
        indicators = Indicators()
        words = await warm_at_once(RecordedHistory(), indicators, 2, NOW)
        assert indicators.told == [f"without {words}"] == [f"without history: there is none; {ALONE}"]

    async def test_a_failure_is_told_once_and_not_tried_again(self) -> None:
        history, indicators = Scripted(HistoryError("HTTP 503", 5), BARS), Indicators()
        words = await warm_at_once(history, indicators, 2, NOW)
        assert words == f"history: HTTP 503; {ALONE}"
        assert indicators.told == [f"without {words}"]
        assert len(history.asked) == 1

    @pytest.mark.parametrize("name", ["take_history", "without_history"])
    async def test_what_the_receiver_raises_stays_inside(self, name: str) -> None:
        history = Scripted(BARS) if name == "take_history" else Scripted(HistoryError("gone"))
        words = await warm_at_once(history, Indicators(raises_in=name), 2, NOW)
        assert f"RuntimeError: {name} is broken" in words

    async def test_nothing_wanted_is_history_taken(self) -> None:
        indicators = Indicators()
        assert await warm_at_once(RecordedHistory(BARS), indicators, 0, NOW) == ""
        assert list(indicators.taken[0]) == []


class TestTogether:
    async def test_a_venue_that_recovers_warms_the_indicators_with_live_bars_behind_history(self) -> None:
        asked = 0
        minute_ms = MINUTE_NS // 1_000_000
        last = NOW // MINUTE_NS - 1

        async def venue(request: web.BaseRequest) -> web.Response:
            nonlocal asked
            asked += 1
            if asked < 3:
                return web.Response(status=503, headers={"Retry-After": "1"})
            starts = [(last - age) * minute_ms for age in (3, 2, 1, 0)]
            rows = [[start, "5", "6", "4", "5", "1", start + minute_ms - 1] for start in starts]
            return web.json_response(rows)

        class Strategy(Indicators):
            def __init__(self) -> None:
                super().__init__(needed=4)
                self.intake = BarIntake()
                self.fed: list[MinuteBar] = []

            def take_history(self, bars: Sequence[MinuteBar]) -> None:
                self.fed += self.intake.take_history(bars, NOW)

        strategy, clock = Strategy(), Clock()
        live = [MinuteBar((last + ahead) * MINUTE_NS, *[Decimal(7)] * 4) for ahead in (0, 1)]
        async with RawTestServer(venue) as server:
            warmup = WarmUp(
                KlineHistory(str(server.make_url("/")), "BTCUSDT"), strategy, now_ns=lambda: NOW, sleep=clock.sleep
            )
            warmup.start()
            for bar in live:
                strategy.fed += strategy.intake.take_live(bar, NOW + MINUTE_NS)
            assert strategy.fed == []
            await settled(warmup)
        assert [bar.open_ns // MINUTE_NS - last for bar in strategy.fed] == [-3, -2, -1, 0, 1]
        assert strategy.fed[-2:] == live
        assert clock.slept == [1, 1]
        assert strategy.told[1] == "history: HTTP 503, again in 1 s"
