"""Item 13: one-shots by time alert, under names that never repeat, whose callbacks hop to the engine's loop."""

import ast
import asyncio
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import pytest

from hedgegrid_tui.engine import node
from hedgegrid_tui.engine.host import EngineHost
from strategy.control import CommandName
from strategy.domain import NS_PER_MS
from strategy.hedge_grid import HedgeGridStrategy
from tests.hedgegrid_tui.engine.sessions import hosted, plan_for, running, until
from tests.seventeen.bench import bench
from tests.seventeen.faults import calls_in_the_brain, code_of
from tests.seventeen.sources import brain, with_line
from tests.seventeen.test_s05_handlers import HALF_HOUR_NS, command, fall, with_a_lot

WAKES: Final = 5
"""Timers that a live session fires before it is judged."""

type Alert = tuple[str, int, int]
"""Name, time for which it was asked, time at which it was asked."""


# -- which timers ------------------------------------------------------------------------------------------------------


def check_s13_source(trees: Mapping[str, ast.Module]) -> None:
    """The brain asks Nautilus's clock for single alerts only, and only its shell does."""
    used = {
        (name, node.attr)
        for name, tree in trees.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr.startswith(("set_time", "set_timer", "call_later"))
    }
    assert used == {("hedge_grid.py", "set_time_alert_ns")}, used


def test_s13_the_only_timers_are_single_alerts() -> None:
    check_s13_source(brain())


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("hedge_grid.py", "price.clock.set_timer_ns('retry', 1, start=True, stop_after=1, callback=mid)"),
        ("grid.py", "price.clock.set_time_alert_ns('retry', 1, mid)"),
        ("desk.py", "price.call_later(1, mid)"),
    ],
)
def test_s13_with_another_timer_the_same_check_fails(name: str, line: str) -> None:
    with pytest.raises(AssertionError, match=name):
        check_s13_source(with_line(name, line))


# -- names and times ---------------------------------------------------------------------------------------------------


class Alerts(list[Alert]):
    """What was asked of a clock, until the scene is over."""

    over = False


class Clock:
    """Nautilus's clock, with a record of what was asked of it."""

    def __init__(self, clock: Any, alerts: Alerts) -> None:
        self._clock = clock
        self._alerts = alerts

    def __getattr__(self, name: str) -> Any:
        return getattr(self._clock, name)

    def set_time_alert_ns(self, name: str, alert_time_ns: int, callback: Callable[[Any], None]) -> None:
        self._alerts.append((name, alert_time_ns, self._clock.timestamp_ns()))
        self._clock.set_time_alert_ns(name, alert_time_ns, callback)


def watched(alerts: Alerts) -> type[HedgeGridStrategy]:
    """A strategy whose timers are recorded."""

    class Watched(HedgeGridStrategy):
        @property
        def clock(self) -> Any:
            return super().clock if alerts.over else Clock(super().clock, alerts)

    return Watched


def check_s13_names(kind: Callable[[Alerts], type[HedgeGridStrategy]] = watched) -> None:
    """Over fills, errors and settlements every alert has a name of its own and a time that is still to come."""
    alerts = Alerts()
    with bench("grid.levels=4", "grid.base_qty=0.004", "execution.orders_per_turn=1", kind=kind(alerts)) as found:
        found.quote(60_000, 4)
        with_a_lot(found)
        for _ in range(2):
            found.feed(found.funding("0.001", found.now + HALF_HOUR_NS + 200 * NS_PER_MS))
            found.pump(300)
        command(found, CommandName.SET_THROTTLE, "0.5")
        command(found, CommandName.SET_THROTTLE, "1")
        fall(found)
        found.strategy.contain("here", RuntimeError("why"))
        found.pump(2_000)
        grid = found.strategy.grid
        assert grid is not None
        alerts.over = True
        errors = [error.where for error in grid.errors.latest]
    names = [name for name, _, _ in alerts]
    assert len(names) > 8
    assert any(name.startswith("funding") for name in names)
    assert len(set(names)) == len(names), f"a name comes twice: {sorted(names)}"
    assert all(due > asked for _, due, asked in alerts), "an alert for a time that is over"
    assert errors == ["here"]


def one_name(alerts: Alerts) -> type[HedgeGridStrategy]:
    """As the seed has it: a timer named after what it is for."""

    class OneName(watched(alerts)):  # type: ignore[misc]
        def wake_at(self, ts: int) -> None:
            self.clock.set_time_alert_ns("retry", max(ts, self.now() + 1), lambda _event: self._on_wake(ts))

    return OneName


def test_s13_every_alert_has_a_name_of_its_own() -> None:
    check_s13_names()


def test_s13_with_one_name_for_all_the_same_check_fails() -> None:
    with pytest.raises(AssertionError, match="a name comes twice"):
        check_s13_names(one_name)


# -- threads -----------------------------------------------------------------------------------------------------------


def wake_soon(host: EngineHost) -> None:
    """Ask for a pass in a moment, on the engine's loop, as a pass itself does."""
    runtime, loop = host._runtime, host._loop
    assert runtime is not None
    assert loop is not None
    strategy = runtime.strategy
    loop.call_soon_threadsafe(lambda: strategy.wake_at(strategy.now() + 20 * NS_PER_MS))


def check_s13_threads(folder: Path) -> None:
    """In a live session a timer fires on a thread of Nautilus's; what it brings about runs on the engine's thread."""
    woken = code_of(HedgeGridStrategy._on_wake)
    fired = "HedgeGridStrategy.wake_at.<locals>.<lambda>"
    with calls_in_the_brain(lambda code: code is woken or code.co_qualname == fired) as calls:
        with hosted(plan_for(folder)) as host:
            until(lambda: running(host))
            (engine,) = {each.ident for each in threading.enumerate() if each.name == "engine"}
            for count in range(1, WAKES + 1):
                wake_soon(host)
                until(lambda count=count: sum(code is woken for code, _ in calls) >= count)  # type: ignore[misc]
        timers = {thread for code, thread in calls if code is not woken}
        assert timers
        assert engine not in timers, "a live timer fired on the engine's thread: this check proves nothing"
        assert {thread for code, thread in calls if code is woken} == {engine}, "a callback ran where its timer fired"


def test_s13_what_a_live_timer_brings_about_runs_on_the_engines_thread(tmp_path: Path) -> None:
    check_s13_threads(tmp_path)


def test_s13_without_the_hop_the_same_check_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def inline(_loop: asyncio.AbstractEventLoop, callback: Callable[[], None]) -> None:
        callback()

    monkeypatch.setattr(node, "hop", inline)
    with pytest.raises(AssertionError, match="ran where its timer fired"):
        check_s13_threads(tmp_path)
