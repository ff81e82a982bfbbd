"""A flatten whose strategy is broken: closed past it, verified at the simulated venue, told in full."""

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from hedgegrid_tui.engine.host import EngineHost
from hedgegrid_tui.engine.plan import NOT_FLAT_AS_ASKED, Mode
from strategy.control import Command, CommandName, Ending, Receipt, Result
from strategy.desk import Desk
from strategy.domain import DoorState, Leg
from strategy.grid import HedgeGrid
from strategy.hedge_grid import HedgeGridStrategy
from strategy.nautilus_link import MuteError, NautilusLink
from strategy.past import read_past
from strategy.snapshot import Snapshot
from tests.hedgegrid_tui.engine.sessions import hosted, plan_for, running, until, write_tape
from tests.journal_reader import Books, read_journal

pytestmark = pytest.mark.timeout(120)

FLATTEN = Command(CommandName.FLATTEN)
SETTINGS = ("grid.step_bps=2", "grid.recentre_trigger_bps=500", "execution.flatten_timeout_ms=3000")


def broken(*_: object, **__: object) -> Any:
    raise ZeroDivisionError("broken on purpose")


@contextmanager
def session(folder: Path, mode: Mode, *sets: str) -> Iterator[EngineHost]:
    """A session that holds something, with entries and exits open."""
    tape = write_tape(folder / "tape.jsonl") if mode is Mode.REPLAY else None
    with hosted(plan_for(folder, mode, *SETTINGS, *sets, data=tape, speed=10.0 if tape else 1.0)) as host:
        until(lambda: running(host) and bool(held(host.snapshot)) and bool(host.snapshot.open_exits))
        yield host


def held(snapshot: Snapshot) -> Decimal:
    return snapshot.long.qty + snapshot.short.qty


def on_loop(host: EngineHost, look: Callable[[], Any]) -> Any:
    """What a look at the engine gives on its own loop."""

    async def run() -> Any:
        return look()

    assert host._loop is not None
    return asyncio.run_coroutine_threadsafe(run(), host._loop).result(10)


def at_the_venue(host: EngineHost) -> tuple[int, int]:
    """Open positions and open orders, by Nautilus's books and those of the simulated exchange."""

    def look() -> tuple[int, int]:
        assert host._runtime is not None
        kernel = host._runtime.kernel
        client = next(iter(kernel.exec_engine._clients.values()))
        exchange = getattr(client, "exchange", None)  # a replay's is out of reach
        resting = exchange.get_open_orders() if exchange is not None else []
        orders = {*kernel.cache.orders_open(), *kernel.cache.orders_inflight(), *resting}
        return len(kernel.cache.positions_open()), len(orders)

    result: tuple[int, int] = on_loop(host, look)
    return result


def assert_is_empty(books: Books) -> None:
    """Whether the journal alone tells of nothing that is held, open or owed an answer."""
    assert not any(books.held(leg) for leg in Leg)
    assert not books.orders
    assert not books.owed


def flatten(host: EngineHost, command: Command = FLATTEN) -> Receipt:
    return host.send(command).result(30)


@pytest.mark.parametrize("mode", [Mode.SIM, Mode.REPLAY])
def test_a_desk_that_raises_is_gone_past_and_both_legs_are_zero_at_the_venue(
    tmp_path: Path, mode: Mode, monkeypatch: pytest.MonkeyPatch
) -> None:
    with session(tmp_path, mode) as host:
        before = {leg: host.snapshot.leg(leg).qty for leg in Leg}
        monkeypatch.setattr(Desk, "handle", broken)
        receipt = flatten(host)
        assert receipt.result is Result.DONE
        assert receipt.detail["path"] == "last-resort"
        assert "broken on purpose" in receipt.detail["why"]
        assert at_the_venue(host) == (0, 0)
        for leg in Leg:
            told = receipt.detail[leg]
            assert Decimal(told["closed"]) >= Decimal(told["held"]) >= 0  # an entry may fill before it is cancelled
            assert Decimal(told["left"]) == int(told["open_orders"]) == 0
            assert bool(before[leg]) is ("slippage_bps" in told) or Decimal(told["held"]) != before[leg]
        assert host.snapshot.is_flat
        assert host.snapshot.state is DoorState.HALTED
        assert "broken on purpose" in host.snapshot.state_reason
        assert host.stop(Ending.LEAVE) == "flat"
        assert host.exit_code == 0
    books = read_journal(tmp_path / "journal.jsonl")
    assert_is_empty(books)
    past = read_past(tmp_path / "journal.jsonl")
    assert (past.state, tuple(past.lots), past.orders) == (DoorState.HALTED, (), {})


@pytest.mark.parametrize("mode", [Mode.SIM, Mode.REPLAY])
def test_a_grid_that_raises_in_every_pass_is_gone_past_within_its_patience(
    tmp_path: Path, mode: Mode, monkeypatch: pytest.MonkeyPatch
) -> None:
    with session(tmp_path, mode) as host:
        monkeypatch.setattr(HedgeGrid, "converge", broken)
        receipt = flatten(host)
        assert (receipt.result, receipt.detail["path"]) == (Result.DONE, "last-resort")
        assert receipt.detail["why"] == "the strategy failed at the command and gave no receipt"
        assert at_the_venue(host) == (0, 0)
        assert host.stop(Ending.LEAVE) == "flat"
    books = read_journal(tmp_path / "journal.jsonl")
    assert_is_empty(books)


def test_a_strategy_that_never_answers_is_gone_past_after_its_own_deadline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with session(tmp_path, Mode.SIM, "execution.flatten_timeout_ms=1000") as host:
        monkeypatch.setattr(HedgeGridStrategy, "command", lambda *_: None)
        receipt = flatten(host)
        assert (receipt.result, receipt.detail["why"]) == (Result.DONE, "the strategy gave no receipt in time")
        assert at_the_venue(host) == (0, 0)


def test_a_strategy_that_hears_nothing_leaves_no_gap_in_the_journal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with session(tmp_path, Mode.SIM) as host:

        def break_all() -> None:
            for name in ("on_fill", "on_ended", "on_accepted", "converge"):
                monkeypatch.setattr(HedgeGrid, name, broken)
            monkeypatch.setattr(Desk, "handle", broken)

        on_loop(host, break_all)
        receipt = flatten(host)
        assert receipt.result is Result.DONE
        assert at_the_venue(host) == (0, 0)
        assert held(host.snapshot) > 0  # its own books know of nothing
        assert host.stop(Ending.LEAVE) == "flat"
        assert host.exit_code == 0
    books = read_journal(tmp_path / "journal.jsonl")
    assert_is_empty(books)


def test_a_session_that_ends_flat_past_a_broken_strategy_says_so_with_status_0(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with session(tmp_path, Mode.SIM) as host:
        monkeypatch.setattr(Desk, "handle", broken)
        assert host.stop(Ending.FLATTEN) == "flat"
        assert host.exit_code == 0
    assert read_journal(tmp_path / "journal.jsonl").flat == "flat"


def test_nothing_leaves_a_strategy_that_was_gone_past(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with session(tmp_path, Mode.SIM) as host:
        with monkeypatch.context() as patch:
            patch.setattr(Desk, "handle", broken)
            flatten(host)
        sent = host.snapshot.metrics.orders_submitted  # the strategy works again, and is shut off all the same
        resumed = host.send(Command(CommandName.RESUME)).result(5)
        assert resumed.result is Result.REFUSED
        assert "shut off" in resumed.detail["reason"]
        seen = host.snapshot.market.quotes
        until(lambda: host.snapshot.market.quotes > seen + 20)
        assert host.snapshot.metrics.orders_submitted == sent
        assert at_the_venue(host) == (0, 0)
        again = flatten(host)
        assert (again.result, again.detail["path"]) == (Result.DONE, "last-resort")
        assert {again.detail[leg]["closed"] for leg in Leg} == {"0"}


def test_one_leg_is_flattened_past_a_broken_strategy_and_the_other_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with session(tmp_path, Mode.SIM) as host:
        leg, other = (Leg.LONG, Leg.SHORT) if host.snapshot.long.qty else (Leg.SHORT, Leg.LONG)
        resting = host.snapshot.leg(other).open_entries
        monkeypatch.setattr(Desk, "handle", broken)
        receipt = flatten(host, Command(CommandName.FLATTEN, leg))
        assert receipt.result is Result.DONE
        assert set(receipt.detail) == {leg, "path", "why"}
        assert at_the_venue(host)[1] >= resting > 0
        assert host.snapshot.leg(leg).qty == host.snapshot.leg(leg).open_entries == 0
        assert host.stop(Ending.LEAVE) == "not_flat"


def test_a_leg_larger_than_the_largest_order_is_closed_in_pieces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with session(tmp_path, Mode.SIM, "grid.base_qty=0.005", "instrument.max_qty=0.006") as host:
        until(lambda: max(host.snapshot.long.qty, host.snapshot.short.qty) >= Decimal("0.01"))
        monkeypatch.setattr(Desk, "handle", broken)
        receipt = flatten(host)
        assert receipt.result is Result.DONE
        assert at_the_venue(host) == (0, 0)
        assert max(Decimal(receipt.detail[leg]["closed"]) for leg in Leg) >= Decimal("0.01")


def test_a_venue_that_answers_nothing_ends_the_last_resort_in_time_and_not_flat(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with session(tmp_path, Mode.SIM) as host:
        monkeypatch.setattr(Desk, "handle", broken)

        def silence() -> None:
            assert host._runtime is not None
            bus, engine = host._runtime.kernel.msgbus, host._runtime.kernel.exec_engine
            bus.deregister("ExecEngine.execute", engine.execute)
            bus.register("ExecEngine.execute", lambda _command: None)

        on_loop(host, silence)
        assert host.stop(Ending.FLATTEN) == "not_flat"
        assert host.exit_code == NOT_FLAT_AS_ASKED
    receipts = [line for line in (tmp_path / "journal.jsonl").read_text().splitlines() if '"kind":"receipt"' in line]
    assert any('"result":"timeout"' in line and '"reason":"not verified in time"' in line for line in receipts)


def test_a_flatten_that_the_end_of_a_session_cuts_short_is_no_reason_to_go_past_the_strategy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with session(tmp_path, Mode.SIM) as host:
        cut: list[Future[Receipt]] = []
        monkeypatch.setattr(HedgeGridStrategy, "command", lambda _self, _command, answer: cut.append(answer))

        def cut_short(_self: HedgeGridStrategy) -> None:
            for answer in cut:
                answer.set_result(Receipt("", "flatten", Result.FAILED, {"reason": "the session ended first"}))

        monkeypatch.setattr(HedgeGridStrategy, "on_stop", cut_short)
        asked = host.send(FLATTEN)
        until(lambda: bool(cut))
        assert host.stop(Ending.LEAVE) == "not_flat"
        receipt = asked.result(5)
        assert (receipt.result, receipt.detail) == (Result.FAILED, {"reason": "the session ended first"})


def test_a_mute_link_refuses_whatever_sends() -> None:
    link: Any = NautilusLink()
    link.mute()
    for send in (link.submit, link.submit_pair, link.cancel, link.resize):
        arguments = [None] * (4 if send == link.submit_pair else 1 if send == link.cancel else 2)
        with pytest.raises(MuteError, match="shut off"):
            send(*arguments)
