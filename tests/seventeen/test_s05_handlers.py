"""Item 5: handlers survive errors; what protects is never the first thing cancelled."""

import ast
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from decimal import Decimal
from pathlib import Path
from types import FunctionType
from typing import Any, Final

import pytest
from nautilus_trader.core.uuid import UUID4
from nautilus_trader.model.events import (
    OrderCancelRejected,
    OrderDenied,
    OrderExpired,
    OrderModifyRejected,
    OrderRejected,
)
from nautilus_trader.model.identifiers import AccountId, ClientOrderId, VenueOrderId

import hedgegrid_tui
from strategy.control import Command, CommandName, Receipt, Result
from strategy.desk import Desk
from strategy.domain import NS_PER_MS, Leg, Reason
from strategy.guarded import guarded
from strategy.hedge_grid import HedgeGridStrategy
from strategy.snapshot import VenueVitals
from strategy.venue_hooks import VenueHooks
from tests.seventeen.bench import Bench, assert_protected, bench
from tests.seventeen.faults import InjectedError, code_of, raising_in

HOST: Final = Path(hedgegrid_tui.__file__).parent
HALF_HOUR_NS: Final = 1_800 * 1_000 * NS_PER_MS
LIFE: Final = {"on_start", "on_stop"}
"""Handlers after which nothing runs; they have checks of their own."""
READS: Final = {"market"}
"""What the host reads of a strategy without making it act."""
OWN_GUARD: Final = {"command": Desk.handle}
"""Handlers that hold errors by themselves, and what of theirs is struck instead of their first line."""


def used_by_the_host() -> set[str]:
    """Names that the host takes from a strategy, or from what wants history."""
    names = set()
    for path in HOST.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute):
                owner = node.value
                of = owner.id if isinstance(owner, ast.Name) else owner.attr if isinstance(owner, ast.Attribute) else ""
                if of.lstrip("_") in ("strategy", "warmable"):
                    names.add(node.attr)
    return names


def handlers(kind: type[HedgeGridStrategy] = HedgeGridStrategy) -> Iterator[str]:
    """Every method through which something outside of the strategy makes it act."""
    host = used_by_the_host()
    own = kind.__mro__[: kind.__mro__.index(VenueHooks) + 1]
    for name, member in ((name, member) for each in own for name, member in vars(each).items()):
        reached = name.startswith(("on_", "_on_")) or (name in host - READS and not name.startswith("get_"))
        if reached and isinstance(member, FunctionType):
            yield name


def command(found: Bench, name: CommandName, share: str | None = None) -> "Future[Receipt]":
    answer: Future[Receipt] = Future()
    found.strategy.command(Command(name, share=None if share is None else Decimal(share)), answer)
    found.pump()
    return answer


def throttle(found: Bench) -> None:
    """Some entries go, another is resized; then all come back."""
    command(found, CommandName.SET_THROTTLE, "0.5")
    command(found, CommandName.SET_THROTTLE, "1")


def fall(found: Bench) -> None:
    """The second long rung fills."""
    found.quote(59_870, 2)
    found.quote(59_900, 2)


def answer_of(found: Bench, kind: Any, *middle: object) -> Any:
    """An answer about an order that nobody knows."""
    strategy, order_id = found.strategy, ClientOrderId("O-1")
    times = [found.now] * (1 if kind is OrderDenied else 2)
    return kind(strategy.trader_id, strategy.id, found.instrument.id, order_id, *middle, UUID4(), *times)


def refusal(found: Bench, kind: Any) -> Any:
    return answer_of(found, kind, VenueOrderId("1"), AccountId("BINANCE-001"), "why")


def settle_funding(found: Bench) -> None:
    """The window before a settlement opens."""
    found.feed(found.funding("0.001", found.now + HALF_HOUR_NS + 200 * NS_PER_MS))
    found.pump(500)


def wake(found: Bench) -> None:
    found.strategy.wake_at(found.now + 1)
    found.pump()


SCENES: Final[dict[str, Callable[[Bench], object]]] = {
    "command": lambda it: command(it, CommandName.SET_THROTTLE, "1"),
    "take_history": lambda it: it.strategy.take_history([]),
    "warming": lambda it: it.strategy.warming("one"),
    "without_history": lambda it: it.strategy.without_history("none"),
    "on_quote_tick": lambda it: it.quote(59_961),
    "on_trade_tick": lambda it: it.feed(it.trade("59960")),
    "on_bar": lambda it: it.feed(it.bar("59960")),
    "on_mark_price": lambda it: it.feed(it.mark("59960")),
    "on_funding_rate": lambda it: it.feed(it.funding("0.0001", it.now + HALF_HOUR_NS)),
    "_on_funding_time": settle_funding,
    "on_funding_paid": lambda it: it.strategy.on_funding_paid(Leg.LONG, Decimal("0.0001"), Decimal("-0.01")),
    "on_order_accepted": fall,
    "on_order_filled": fall,
    "on_order_canceled": throttle,
    "on_order_updated": throttle,
    "on_order_rejected": lambda it: it.strategy.on_order_rejected(
        answer_of(it, OrderRejected, AccountId("BINANCE-001"), "why")
    ),
    "on_order_denied": lambda it: it.strategy.on_order_denied(answer_of(it, OrderDenied, "why")),
    "on_order_expired": lambda it: it.strategy.on_order_expired(
        answer_of(it, OrderExpired, VenueOrderId("1"), AccountId("BINANCE-001"))
    ),
    "on_order_cancel_rejected": lambda it: it.strategy.on_order_cancel_rejected(refusal(it, OrderCancelRejected)),
    "on_order_modify_rejected": lambda it: it.strategy.on_order_modify_rejected(refusal(it, OrderModifyRejected)),
    "_on_wake": wake,
    "tidy": lambda it: it.strategy.tidy(),
    "stood_still": lambda it: it.strategy.stood_still(3_000 * NS_PER_MS),
    "publish": lambda it: it.strategy.publish(),
    "shut_entries": lambda it: it.strategy.shut_entries(Reason.VENUE_LIMITED, "429"),
    "let_entries": lambda it: it.strategy.let_entries(Reason.VENUE_LIMITED),
    "on_venue_vitals": lambda it: it.strategy.on_venue_vitals(VenueVitals(taken_ns=1)),
    "on_venue_legs": lambda it: it.strategy.on_venue_legs({}, it.now),
    "venue_alarm": lambda it: it.strategy.venue_alarm("clock", None, "it differs"),
    "note_critical": lambda it: it.strategy.note_critical("venue", "liquidated", "long"),
    "note": lambda it: it.strategy.note("venue", "foreign-order", "web_1"),
    "look_again": lambda it: it.strategy.look_again(),
    "on_unasked_end": lambda it: it.strategy.on_unasked_end(lambda _key, _now: None),
}
"""How each handler comes to run; a new one is written here too."""


def with_a_lot(found: Bench) -> None:
    """One long lot, protected; the second rung below it waits."""
    found.quote(60_000, 3)
    found.quote(59_930, 2)
    found.quote(59_960, 2)
    assert_protected(found)
    assert found.held(Leg.LONG) == Decimal("0.004")


def contained(act: Callable[[], object]) -> None:
    try:
        act()
    except InjectedError as error:
        raise AssertionError(f"the error left {error}") from error


def check_s05(handler: str) -> None:
    """A fault in the handler: the strategy runs on, the error is told once, what protects stays, trading goes on."""
    with bench() as found:
        with_a_lot(found)
        stops = found.stops()
        with raising_in(code_of(OWN_GUARD.get(handler, getattr(HedgeGridStrategy, handler)))) as struck:
            contained(lambda: SCENES[handler](found))
        assert struck, f"{handler} did not run"
        found.quote(59_960, 12)
        strategy, grid = found.strategy, found.strategy.grid
        assert grid is not None
        assert strategy.is_running
        told = [line for line in found.journal.of("error") if line["type"] == InjectedError.__name__]
        assert [line["where"] for line in told] == [handler]
        assert [error.where for error in grid.errors.latest if error.type == InjectedError.__name__] == [handler]
        strategy.publish()
        assert [error.where for error in strategy.snapshot.errors if error.type == InjectedError.__name__] == [handler]
        assert stops <= found.stops(), "a stop was cancelled"
        assert_protected(found)
        fall(found)
        found.quote(59_900, 12)
        assert_protected(found)
        assert found.held(Leg.LONG) == Decimal("0.008"), "it does not trade any more"


def check_s05_handlers(kind: type[HedgeGridStrategy] = HedgeGridStrategy) -> None:
    """Every handler has a guard, and a scene above in which it runs."""
    found = set(handlers(kind))
    unguarded = {name for name in found - set(OWN_GUARD) if not hasattr(getattr(kind, name), "__wrapped__")}
    assert not unguarded, f"without a guard: {sorted(unguarded)}"
    assert found == {*SCENES, *LIFE}, f"scenes differ: {sorted(found ^ {*SCENES, *LIFE})}"


def bare_command(self: HedgeGridStrategy, command: Command, receipt: "Future[Receipt]") -> None:
    assert self.desk is not None
    self.desk.handle(command, lambda answer: self._answers.append((receipt, answer)))


def check_s05_answer() -> None:
    """A command that fails is answered all the same, with the error's words."""
    with bench() as found:
        with_a_lot(found)
        with raising_in(code_of(Desk.handle)):
            answer = command(found, CommandName.PAUSE)
        found.quote(59_960, 10)
        assert answer.done(), "the command was never answered"
        assert answer.result().result is Result.FAILED
        assert "InjectedError" in answer.result().detail["reason"]


def check_s05_start() -> None:
    """A start that fails says why and sends nothing."""
    with bench() as found, raising_in(code_of(HedgeGridStrategy.on_start)):
        contained(lambda: found.quote(60_000, 3))
        assert found.strategy.failure.startswith("on_start: InjectedError")
        assert not found.live()


def check_s05_stop() -> None:
    """A stop that fails leaves orders where they are, and is recorded."""
    with bench() as found:
        with_a_lot(found)
        before = {order.client_order_id for order in found.live()}
        with raising_in(code_of(HedgeGridStrategy.on_stop)) as struck:
            contained(found.strategy.stop)
        assert struck
        assert {order.client_order_id for order in found.live()} == before
        assert [line["where"] for line in found.journal.of("error")] == ["on_stop"]


def test_s05_every_handler_has_a_guard_and_a_scene() -> None:
    check_s05_handlers()


def test_s05_a_new_handler_without_a_guard_fails_the_same_check() -> None:
    class Careless(HedgeGridStrategy):
        def on_order_triggered(self, event: object) -> None: ...

    with pytest.raises(AssertionError, match=r"without a guard: .'on_order_triggered'"):
        check_s05_handlers(Careless)


@pytest.mark.parametrize("handler", sorted(SCENES))
def test_s05_a_fault_in_a_handler_is_contained_told_once_and_overcome(handler: str) -> None:
    check_s05(handler)


@pytest.mark.parametrize("handler", sorted(SCENES))
def test_s05_without_its_guard_the_same_check_fails(handler: str, monkeypatch: pytest.MonkeyPatch) -> None:
    unguarded = bare_command if handler == "command" else getattr(HedgeGridStrategy, handler).__wrapped__
    monkeypatch.setattr(HedgeGridStrategy, handler, unguarded)
    with pytest.raises(AssertionError, match="the error left"):
        check_s05(handler)


def test_s05_with_a_cancel_of_everything_after_an_error_the_same_check_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    cure = HedgeGridStrategy.contain

    def seed(self: HedgeGridStrategy, where: str, error: Exception) -> None:
        self.cancel_all_orders(self.config.instrument_id)
        cure(self, where, error)

    monkeypatch.setattr(HedgeGridStrategy, "contain", seed)
    with pytest.raises(AssertionError, match="a stop was cancelled"):
        check_s05("on_mark_price")


def test_s05_a_command_that_fails_is_answered() -> None:
    check_s05_answer()


def test_s05_with_a_guard_alone_around_commands_the_same_check_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(HedgeGridStrategy, "command", guarded(bare_command))
    with pytest.raises(AssertionError, match="never answered"):
        check_s05_answer()


def test_s05_start_and_stop_let_nothing_out() -> None:
    check_s05_start()
    check_s05_stop()


@pytest.mark.parametrize(("handler", "check"), [("on_start", check_s05_start), ("on_stop", check_s05_stop)])
def test_s05_start_and_stop_without_their_guard_fail_the_same_check(
    handler: str, check: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(HedgeGridStrategy, handler, getattr(HedgeGridStrategy, handler).__wrapped__)
    with pytest.raises(AssertionError, match="the error left"):
        check()
