"""Truth at the venue: what differs is told with both numbers once certain, closes the gate, and ends by itself."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from hedgegrid_tui.engine.binance.guards.comparison import OwnBooks
from hedgegrid_tui.engine.binance.guards.truth import FOREIGN_REMEMBERED, UNSEEN, TruthPoll
from hedgegrid_tui.engine.binance.rest.client import BinanceRest
from strategy.domain import ZERO, Leg, OrderKey, Reason, Role
from strategy.order_index import OrderRecord, OrderStatus
from tests.hedgegrid_tui.binance.witness import Witness, until
from tests.venue.binance.asker import Asker
from tests.venue.binance.server import FakeBinance

OPEN = "/fapi/v1/openOrders"
DIFFERS = Reason.VENUE_DIFFERS
QTY = Decimal("0.004")


class Desk:
    """A poll beside books that a test writes; ids that begin with `c` are ours, as the asker's are."""

    def __init__(self, rest: BinanceRest, ask: Asker) -> None:
        self.ask = ask
        self.witness = Witness()
        self.orders: dict[str, OrderRecord] = {}
        self.held = dict.fromkeys(Leg, ZERO)
        self.has_books = True
        self.limited = False
        self.agreed = 0
        self.poll = TruthPoll(
            rest, "BTCUSDT", 5, self.witness,
            books=self._books, is_ours=lambda order_id: order_id.startswith("c"), is_limited=lambda: self.limited,
            on_agreed=self._on_agreed,
        )  # fmt: skip

    def _books(self) -> OwnBooks | None:
        return OwnBooks(dict(self.orders), dict(self.held)) if self.has_books else None

    def _on_agreed(self) -> None:
        self.agreed += 1

    def know(self, order_id: str, role: Role = Role.ENTRY, qty: Decimal = QTY, **more: Any) -> None:
        key = OrderKey(Leg.LONG, role, 1)
        side = key.leg.exit_side if role.reduces else key.leg.entry_side
        words: dict[str, Any] = {"status": OrderStatus.ACCEPTED, "acknowledged": True} | more
        self.orders[order_id] = OrderRecord(order_id, key, side, Decimal(59_000), qty, None, ZERO, **words)

    def change(self, order_id: str, **changes: Any) -> None:
        self.orders[order_id] = msgspec.structs.replace(self.orders[order_id], **changes)

    async def place(self, price: str = "59000.0") -> str:
        """An entry at the venue."""
        reply = await self.ask.order("BUY", "LONG", "LIMIT", price=price)
        return str(reply.json["clientOrderId"])

    async def looks(self, count: int = 1, every_s: float = 5) -> None:
        for _ in range(count):
            self.witness.advance(every_s)
            await self.poll.look()

    @property
    def words(self) -> str:
        return self.witness.shut[DIFFERS][0]


@pytest.fixture
def desk(rest: BinanceRest, ask: Asker) -> Desk:
    return Desk(rest, ask)


async def agreeing(desk: Desk) -> str:
    """An entry, a stop and a held leg, the same on both sides; gives the entry's id."""
    await desk.ask.order("BUY", "LONG")
    desk.held[Leg.LONG] = QTY
    stop = (await desk.ask.stop("SELL", "LONG", "58000.0")).json["clientAlgoId"]
    desk.know(stop, Role.SL)
    order_id = await desk.place()
    desk.know(order_id)
    await desk.looks()
    assert desk.agreed == 1
    return order_id


async def test_books_that_are_the_venue_s_say_so_with_the_time(desk: Desk) -> None:
    await agreeing(desk)
    await desk.looks(2)
    assert desk.witness.shut == {}
    assert desk.poll.checked_ns == desk.poll.agreed_ns == desk.witness.legs[1] == desk.witness.clock
    assert desk.witness.notes == []


async def test_an_order_that_the_venue_does_not_have_counts_at_the_second_look(desk: Desk) -> None:
    order_id = await agreeing(desk)
    desk.know("c99", qty=Decimal("0.006"))
    agreed = desk.poll.agreed_ns
    await desk.looks()
    assert desk.witness.shut == {}
    await desk.looks()
    assert desk.words == "c99 (long entry 1): venue none, own books 0.006 open"
    assert desk.witness.looks == 1
    assert desk.poll.agreed_ns == agreed
    del desk.orders["c99"]
    await desk.looks()
    assert desk.witness.shut == {}
    assert order_id in desk.orders


async def test_an_order_of_ours_that_own_books_do_not_have_counts(desk: Desk) -> None:
    order_id = await desk.place()
    await desk.looks(2)
    assert desk.words == f"{order_id}: venue 0.004 open, own books none"


async def test_another_open_quantity_counts(desk: Desk) -> None:
    order_id = await agreeing(desk)
    desk.change(order_id, filled=Decimal("0.001"))
    await desk.looks(2)
    assert desk.words == f"{order_id} (long entry 1): venue 0.004 open, own books 0.003"


async def test_a_leg_that_differs_counts_with_both_numbers_and_is_told_first(desk: Desk) -> None:
    order_id = await agreeing(desk)
    desk.held[Leg.LONG] = Decimal("0.006")
    desk.held[Leg.SHORT] = Decimal("0.002")
    del desk.orders[order_id]
    await desk.looks(2)
    assert desk.words.startswith("long leg: venue 0.004, own books 0.006; short leg: venue 0, own books 0.002; ")


async def test_many_differences_are_counted_not_listed(desk: Desk) -> None:
    for number in range(5):
        desk.know(f"c9{number}")
    await desk.looks(2)
    assert desk.words.endswith("; and 2 more")


async def test_a_constant_gap_of_a_leg_that_trades_on_counts(desk: Desk) -> None:
    desk.held[Leg.LONG] = Decimal("0.002")
    await desk.looks()
    await desk.ask.order("BUY", "LONG")
    desk.held[Leg.LONG] += QTY
    await desk.looks()
    assert desk.words == "long leg: venue 0.004, own books 0.006"


async def test_another_difference_at_each_look_is_not_certain_yet(desk: Desk) -> None:
    for held in ("0.001", "0.002", "0.003"):
        desk.held[Leg.LONG] = Decimal(held)
        await desk.looks()
    assert desk.witness.shut == {}


async def test_once_shut_it_stays_so_until_nothing_differs(desk: Desk) -> None:
    for held in ("0.001", "0.001", "0.002", "0.003"):
        desk.held[Leg.LONG] = Decimal(held)
        await desk.looks()
    assert DIFFERS in desk.witness.shut
    desk.held[Leg.LONG] = ZERO
    await desk.looks()
    assert desk.witness.shut == {}


async def test_while_it_lasts_the_strategy_is_told_to_look_now_and_then_and_at_anything_new(desk: Desk) -> None:
    desk.know("c99")
    await desk.looks(12)
    assert desk.witness.looks == 1
    await desk.looks(2)
    assert desk.witness.looks == 2
    desk.know("c98")
    await desk.looks(2)
    assert desk.witness.looks == 3


@pytest.mark.parametrize("status", [OrderStatus.CANCELLING, OrderStatus.RESIZING])
async def test_what_an_awaited_answer_may_explain_has_more_time(desk: Desk, status: OrderStatus) -> None:
    desk.know("c99", status=status)
    await desk.looks(3)
    assert desk.witness.shut == {}
    await desk.looks()
    assert DIFFERS in desk.witness.shut


@pytest.mark.parametrize("status", [OrderStatus.SUBMITTED, OrderStatus.UNKNOWN])
async def test_an_order_that_the_venue_never_confirmed_need_not_be_there_and_delays_its_leg(
    desk: Desk, status: OrderStatus
) -> None:
    desk.know("c99", status=status, acknowledged=False)
    await desk.looks(5)
    assert desk.witness.shut == {}
    desk.held[Leg.LONG] = QTY
    await desk.looks(3)
    assert desk.witness.shut == {}
    await desk.looks()
    assert desk.words == "long leg: venue 0, own books 0.004"


async def test_a_close_on_its_way_delays_its_leg_only(desk: Desk) -> None:
    desk.know("c99", Role.CLOSE)
    desk.held[Leg.LONG] = desk.held[Leg.SHORT] = QTY
    await desk.looks(2)
    assert desk.words == "short leg: venue 0, own books 0.004"


async def test_what_changes_while_the_venue_is_asked_is_left_out(desk: Desk, venue: FakeBinance) -> None:
    order_id = await desk.place()
    desk.know("c99")
    rule = venue.when("GET", OPEN).first(lambda: desk.change("c99", sent_ns=desk.orders["c99"].sent_ns + 1))

    def fill() -> None:
        desk.held[Leg.LONG] += Decimal("0.001")

    venue.when("GET", "/fapi/v3/positionRisk").first(fill)
    desk.know(order_id)
    for _ in range(4):
        desk.held[Leg.LONG] = ZERO
        await desk.looks()
    assert rule.hits == 4
    assert desk.witness.shut == {}


async def test_a_stop_that_closes_whatever_is_held_has_no_quantity_of_its_own(desk: Desk) -> None:
    await desk.ask.order("BUY", "LONG")
    desk.held[Leg.LONG] = QTY
    reply = await desk.ask.stop("SELL", "LONG", "58000.0", qty=None, closePosition="true")
    desk.know(reply.json["clientAlgoId"], Role.SL)
    await desk.looks(2)
    assert desk.witness.shut == {}


async def test_a_foreign_order_is_told_once_and_closes_nothing(desk: Desk, venue: FakeBinance) -> None:
    await agreeing(desk)
    venue.by_hand("SELL", "SHORT", "0.010", "61000.0")
    await desk.looks(3)
    assert desk.witness.shut == {}
    ((where, kind, words),) = desk.witness.notes
    assert (where, kind) == ("venue", "foreign-order")
    assert "LIMIT sell 0.010 short at 61000" in words
    assert desk.agreed == 4


async def test_foreign_orders_are_remembered_within_bounds(desk: Desk, venue: FakeBinance) -> None:
    desk.poll._foreign = {f"web_{number}x": None for number in range(FOREIGN_REMEMBERED)}
    venue.by_hand("SELL", "SHORT", "0.010", "61000.0")
    await desk.looks()
    assert len(desk.poll._foreign) == FOREIGN_REMEMBERED
    assert "web_0x" not in desk.poll._foreign


@pytest.mark.parametrize("fault", ["drop", "maintenance", "garble"])
async def test_a_venue_that_cannot_be_seen_is_an_alarm_after_three_looks_until_it_can(
    desk: Desk, venue: FakeBinance, fault: str
) -> None:
    await agreeing(desk)
    checked = desk.poll.checked_ns
    rule = venue.when("GET", OPEN)
    rule = {"drop": rule.drop, "maintenance": lambda: rule.refuse(-1016), "garble": rule.garble}[fault]()
    await desk.looks(2)
    assert desk.witness.alarms == {}
    await desk.looks(2)
    assert desk.witness.alarms[UNSEEN, None].startswith("3 looks in a row have failed: /fapi/v1/openOrders: ")
    assert desk.poll.checked_ns == checked
    assert desk.witness.shut == {}
    rule.remove()
    await desk.looks()
    assert desk.witness.alarms == {}
    assert desk.poll.checked_ns == desk.witness.clock


async def test_failures_that_are_not_in_a_row_are_no_alarm(desk: Desk, venue: FakeBinance) -> None:
    venue.when("GET", OPEN, (1, 2, 4, 5)).refuse(-1016)
    await desk.looks(5)
    assert desk.witness.alarms == {}
    assert desk.agreed == 1


async def test_half_an_answer_is_none(desk: Desk, venue: FakeBinance) -> None:
    """Orders that were seen beside legs that were not prove nothing."""
    desk.know("c99")
    venue.when("GET", "/fapi/v3/positionRisk").drop()
    await desk.looks(3)
    assert desk.witness.shut == {}
    assert desk.poll.checked_ns is None


async def test_while_limited_or_without_books_it_asks_nothing(desk: Desk, venue: FakeBinance) -> None:
    desk.limited = True
    await desk.looks()
    desk.limited, desk.has_books = False, False
    await desk.looks()
    assert venue.requests("GET", OPEN) == []


async def test_books_that_go_away_meanwhile_are_not_judged(desk: Desk, venue: FakeBinance) -> None:
    desk.know("c99")

    def lose() -> None:
        desk.has_books = False

    venue.when("GET", OPEN).first(lose)
    await desk.looks()
    assert desk.poll.checked_ns is not None
    assert desk.agreed == 0


async def test_it_never_sends_anything_but_questions(desk: Desk, venue: FakeBinance) -> None:
    await desk.place()
    desk.know("c99")
    before = len(venue.front.asked)
    await desk.looks(3)
    assert {asked.method for asked in venue.front.asked[before:]} == {"GET"}


async def test_started_it_looks_by_itself_and_sooner_when_hurried(desk: Desk, venue: FakeBinance) -> None:
    desk.poll.start()
    await until(lambda: desk.agreed == 1)
    desk.poll.hurry()
    await until(lambda: desk.agreed == 2)
    await desk.poll.stop()
