"""The fake venue refuses as Binance does, fills what the market reaches, and never turns a leg around."""

from decimal import Decimal
from typing import Any

import pytest

from tests.venue.core import Filters, Notice, Request, Venue, VenueError

BID, ASK = Decimal("60000.0"), Decimal("60000.1")


class Desk:
    """A venue with a market, and what it told."""

    def __init__(self, **filters: Any) -> None:
        self.told: list[Notice] = []
        self.venue = Venue(Filters(**filters), Decimal(10_000), self.told.append)
        self.venue.move(BID, ASK)
        self.count = 0

    def place(self, side: str, leg: str, kind: str, qty: str = "0.004", price: str | None = None) -> str:
        self.count += 1
        client_id = f"c{self.count}"
        self.venue.place(Request(client_id, side, leg, kind, Decimal(qty), None if price is None else Decimal(price)))
        return client_id

    def refuses(self, code: int, *order: Any) -> None:
        with pytest.raises(VenueError) as refusal:
            self.place(*order)
        assert refusal.value.code == code
        assert self.venue.refused[code] == 1

    @property
    def kinds(self) -> list[str]:
        return [notice.kind for notice in self.told]


@pytest.mark.parametrize(
    ("code", "order"),
    [
        (-4014, ("BUY", "LONG", "GTX", "0.004", "59990.05")),
        (-1111, ("BUY", "LONG", "GTX", "0.0045", "59990")),
        (-4003, ("BUY", "LONG", "GTX", "1001", "59990")),
        (-4164, ("BUY", "LONG", "GTX", "0.001", "59990")),
        (-2019, ("BUY", "LONG", "GTX", "2", "59990")),
        (-5022, ("BUY", "LONG", "GTX", "0.004", "60000.1")),
        (-5022, ("SELL", "SHORT", "GTX", "0.004", "60000.0")),
        (-2021, ("SELL", "LONG", "STOP_MARKET", "0.004", "60000.0")),
        (-2022, ("SELL", "LONG", "MARKET", "0.004")),
    ],
)
def test_a_wrong_order_is_refused_with_its_code(code: int, order: tuple[str, ...]) -> None:
    Desk().refuses(code, *order)


def test_limits_on_open_orders_stops_and_rate_are_kept() -> None:
    desk = Desk(max_orders=2, max_stops=1, orders_per_window=5)
    desk.place("BUY", "LONG", "GTX", "0.004", "59990")
    desk.place("BUY", "LONG", "GTX", "0.004", "59980")
    desk.refuses(-2025, "BUY", "LONG", "GTX", "0.004", "59970")
    desk.place("SELL", "LONG", "STOP_MARKET", "0.004", "59000")
    desk.refuses(-4045, "SELL", "LONG", "STOP_MARKET", "0.004", "59001")
    desk.refuses(-1015, "BUY", "LONG", "GTX", "0.004", "59960")
    desk.venue.now += 10_000_000_000
    desk.venue.cancel("c1")
    desk.place("BUY", "LONG", "GTX", "0.004", "59950")


def test_a_gap_through_several_rungs_fills_them_all_at_their_own_prices() -> None:
    desk = Desk()
    for price in ("59990", "59980", "59970"):
        desk.place("BUY", "LONG", "GTX", "0.004", price)
    desk.venue.move(Decimal("59975.0"), Decimal("59975.1"))
    assert [trade.price for trade in desk.venue.trades] == [Decimal(59990), Decimal(59980)]
    assert desk.venue.held("LONG") == Decimal("0.008")


def test_both_legs_are_held_at_once() -> None:
    desk = Desk()
    desk.place("BUY", "LONG", "MARKET")
    desk.place("SELL", "SHORT", "MARKET")
    assert (desk.venue.held("LONG"), desk.venue.held("SHORT")) == (Decimal("0.004"), Decimal("0.004"))


def test_a_stop_fills_at_the_touch_and_what_exceeds_the_leg_expires() -> None:
    desk = Desk()
    desk.place("BUY", "LONG", "MARKET")
    stop = desk.place("SELL", "LONG", "STOP_MARKET", "0.006", "59900")
    target = desk.place("SELL", "LONG", "LIMIT", "0.004", "60100")
    desk.venue.move(Decimal("59850.0"), Decimal("59850.1"))
    assert desk.venue.trades[-1].price == Decimal("59850.0")
    assert (desk.venue.orders[stop].filled, desk.venue.orders[stop].status) == (Decimal("0.004"), "EXPIRED")
    desk.venue.move(Decimal("60200.0"), Decimal("60200.1"))
    assert (desk.venue.orders[target].filled, desk.venue.orders[target].status) == (Decimal(0), "EXPIRED")
    assert desk.venue.held("LONG") == 0


def test_a_stop_cannot_be_changed_and_an_ended_order_neither_cancelled_nor_changed() -> None:
    desk = Desk()
    entry = desk.place("BUY", "LONG", "GTX", "0.004", "59990")
    stop = desk.place("SELL", "LONG", "STOP_MARKET", "0.004", "59900")
    with pytest.raises(VenueError, match="-4120"):
        desk.venue.modify(stop, Decimal("0.002"))
    desk.venue.modify(entry, Decimal("0.003"))
    desk.venue.cancel(entry)
    with pytest.raises(VenueError, match="-2011"):
        desk.venue.cancel(entry)
    with pytest.raises(VenueError, match="-2011"):
        desk.venue.modify(entry, Decimal("0.002"))
    with pytest.raises(VenueError, match="-2013"):
        desk.venue.query("nobody")
    assert desk.kinds == ["NEW", "NEW", "AMENDMENT", "CANCELED"]


def test_wallet_and_cash_add_up_over_a_round_trip() -> None:
    desk = Desk()
    desk.place("BUY", "LONG", "MARKET")
    desk.venue.move(Decimal("60100.0"), Decimal("60100.1"))
    desk.place("SELL", "LONG", "MARKET")
    gained = (Decimal("60100.0") - Decimal("60000.1")) * Decimal("0.004")
    assert desk.venue.cash == gained
    assert desk.venue.wallet == Decimal(10_000) + gained - desk.venue.fees
