"""What others do on the same account: what they close of a leg is booked once, what they open is not ours."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from strategy.books import Fill, ReportStatus, VenueReport
from strategy.control import CommandName, Result
from strategy.domain import NS_PER_S, Leg, Role, Side
from strategy.flattener import SETTLE_NS
from strategy.restart import _settle_with_others
from strategy.snapshot import FlattenStage
from tests.strategy.scenes import holding, result_of
from tests.strategy.test_flattener import shown
from tests.strategy.world import World

HELD = Decimal("0.004")
BY_HAND = Fill("web-1/9", "9", Side.SELL, Decimal(60_000), Decimal("0.003"), Decimal("0.09"), maker=False, leg=Leg.LONG)


def beside_others() -> World:
    """Both legs hold a lot; the checker, which knows of nobody else, looks away."""
    world = holding()
    world.checker.at_every_moment = lambda: None  # type: ignore[method-assign]
    assert world.grid.lots.held(Leg.LONG) == HELD
    return world


def by_hand(world: World, fill: Fill = BY_HAND, left: str = "0.001") -> None:
    """Somebody trades on the leg; `left` is what the venue holds of it then."""
    assert fill.leg is not None
    world.venue.told_position[fill.leg] = world.venue.true_position[fill.leg] = Decimal(left)
    world.grid.on_fill(fill)


def errors_of(world: World, kind: str) -> list[dict[str, Any]]:
    return world.journal.of("error", type=kind)


def test_what_a_stranger_closes_is_booked_once_and_its_exits_shrink() -> None:
    world = beside_others()
    entry = next(iter(world.grid.lots.of(Leg.LONG))).average
    before = world.grid.ledger.realised, world.grid.ledger.fees
    by_hand(world)
    by_hand(world)
    assert world.grid.lots.held(Leg.LONG) == Decimal("0.001")
    assert world.grid.ledger.realised - before[0] == (60_000 - entry) * Decimal("0.003")
    assert world.grid.ledger.fees - before[1] == Decimal("-0.09")
    (line,) = world.journal.of("fill", id="web-1/9")
    assert (line["role"], line["lot"], line["qty"], line["fee"]) == (Role.CLOSE, None, "0.003", "-0.09")
    assert len(errors_of(world, "closed-by-others")) == 1
    world.settle()
    assert world.venue.open_qty(Leg.LONG, Role.SL) == world.venue.open_qty(Leg.LONG, Role.TP) == Decimal("0.001")
    assert not world.grid.books_differ


def test_of_a_stranger_s_trade_only_what_own_books_hold_beyond_the_venue_is_booked() -> None:
    world = beside_others()
    by_hand(world, left="0.003")  # the stranger had opened 0.002 of it before
    assert world.grid.lots.held(Leg.LONG) == Decimal("0.003")
    (line,) = world.journal.of("fill", id="web-1/9")
    assert (line["qty"], Decimal(line["fee"])) == ("0.001", Decimal("-0.03"))


@pytest.mark.parametrize(
    ("change", "left"),
    [({"side": Side.BUY}, "0.007"), ({}, "0.004"), ({"leg": None}, "0.001")],
    ids=["opens", "closes its own", "of no leg"],
)
def test_what_is_not_ours_is_told_once_and_changes_nothing(change: dict[str, Any], left: str) -> None:
    world = beside_others()
    fill = msgspec.structs.replace(BY_HAND, **change)
    world.venue.told_position[Leg.LONG] = Decimal(left)
    before = world.fingerprint()
    for _ in range(2):
        world.grid.on_fill(fill)
    assert world.fingerprint() == before
    assert len(errors_of(world, "foreign-order")) == 1


def empty_at_the_venue(world: World) -> None:
    """The long leg is gone, with its exits, and no trade tells how."""
    world.venue.told_position[Leg.LONG] = world.venue.true_position[Leg.LONG] = Decimal(0)


def test_a_flatten_writes_off_what_the_venue_has_shown_to_be_gone() -> None:
    world = beside_others()
    empty_at_the_venue(world)
    receipts = world.act(CommandName.FLATTEN, Leg.LONG)
    world.venue.drain()
    assert shown(world).stage is FlattenStage.VERIFYING
    began = world.venue.now()
    world.grid.venue_watch.on_legs({}, began + SETTLE_NS - NS_PER_S)  # asked before trades could be told
    world.advance(3_500)
    assert receipts == []
    world.grid.venue_watch.on_legs({Leg.LONG: HELD}, world.venue.now())
    world.advance(100)
    assert receipts == []
    world.grid.venue_watch.on_legs({}, world.venue.now())
    world.grid.converge()
    world.settle()
    assert result_of(receipts) is Result.DONE
    assert world.grid.lots.held(Leg.LONG) == 0
    assert not world.venue.live(Leg.LONG)
    (line,) = [line for line in world.journal.of("fill") if line["trade_id"].startswith("untold-long-")]
    assert (line["role"], line["qty"], line["fee"]) == (Role.CLOSE, "0.004", "0")
    assert len(errors_of(world, "written-off")) == 1
    assert world.grid.lots.held(Leg.SHORT) == HELD


def test_a_flatten_that_closes_what_others_have_opened_too_ends_flat_and_takes_no_profit_from_it() -> None:
    world = beside_others()
    world.settle()
    world.venue.told_position[Leg.LONG] = world.venue.true_position[Leg.LONG] = HELD + BY_HAND.qty
    opened = msgspec.structs.replace(BY_HAND, side=Side.BUY)
    world.grid.on_fill(opened)
    receipts = world.act(CommandName.FLATTEN, Leg.LONG)
    world.venue.drain()
    assert world.venue.true_position[Leg.LONG] == 0
    assert world.grid.lots.held(Leg.LONG) == -BY_HAND.qty
    before = world.grid.ledger.realised
    world.advance(3_500)
    assert receipts == []
    world.grid.venue_watch.on_legs({}, world.venue.now())
    world.grid.converge()
    world.settle()
    assert result_of(receipts) is Result.DONE
    assert world.grid.lots.held(Leg.LONG) == 0
    assert abs(world.grid.ledger.realised - before) < Decimal("1E-9")
    assert receipts[0].detail["long"]["closed"] == "0.007"
    assert len(errors_of(world, "written-off")) == 1


def test_a_flatten_is_not_done_while_the_venue_shows_what_nobody_here_was_told_of() -> None:
    world = beside_others()
    receipts = world.act(CommandName.FLATTEN, Leg.LONG)
    world.venue.drain()
    assert result_of(receipts) is Result.DONE
    world.advance(5_000)
    world.grid.venue_watch.on_legs({Leg.LONG: BY_HAND.qty}, world.venue.now())
    receipts = world.act(CommandName.FLATTEN, Leg.LONG)
    world.venue.drain()
    assert receipts == []
    assert shown(world).long_left == BY_HAND.qty
    world.advance(10_000)
    assert result_of(receipts) is Result.TIMEOUT
    assert receipts[0].detail["long"]["left"] == "0.003"
    receipts = world.act(CommandName.FLATTEN, Leg.LONG)
    assert receipts == []
    world.grid.venue_watch.on_legs({}, world.venue.now())
    world.grid.converge()
    assert result_of(receipts) is Result.DONE


def test_a_flatten_of_both_legs_writes_off_the_one_that_is_gone_alone() -> None:
    world = beside_others()
    empty_at_the_venue(world)
    receipts = world.act(CommandName.FLATTEN)
    world.venue.drain()
    assert world.venue.true_position[Leg.SHORT] == 0
    world.advance(3_500)
    world.grid.venue_watch.on_legs({}, world.venue.now())
    world.grid.converge()
    world.settle()
    assert result_of(receipts) is Result.DONE
    assert len(errors_of(world, "written-off")) == 1


def test_without_the_venue_s_word_nothing_is_written_off() -> None:
    world = beside_others()
    empty_at_the_venue(world)
    receipts = world.act(CommandName.FLATTEN, Leg.LONG)
    world.advance(10_000)
    assert result_of(receipts) is Result.TIMEOUT
    assert world.grid.lots.held(Leg.LONG) == HELD
    assert not errors_of(world, "written-off")


def test_a_write_off_without_a_market_is_priced_at_what_the_lots_cost() -> None:
    world = beside_others()
    empty_at_the_venue(world)
    before = world.grid.ledger.realised
    world.venue.quote = None
    world.grid.write_off(Leg.LONG)
    assert world.grid.ledger.realised == before


def report(fill: Fill) -> VenueReport:
    return VenueReport(fill.order_id, fill.side, None, fill.qty, fill.qty, ReportStatus.FILLED, (fill,))


def test_a_restart_books_what_others_have_closed_meanwhile_and_no_older_trade() -> None:
    world = beside_others()
    world.venue.told_position[Leg.LONG] = Decimal("0.001")
    older = msgspec.structs.replace(BY_HAND, order_id="web-0", trade_id="8", qty=Decimal("0.010"))
    opened = msgspec.structs.replace(BY_HAND, order_id="web-2", trade_id="10", side=Side.BUY)
    _settle_with_others(world.grid, [report(older), report(BY_HAND), report(opened)], world.venue)
    assert world.grid.lots.held(Leg.LONG) == Decimal("0.001")
    assert [line["id"] for line in world.journal.of("fill") if line["id"].startswith("web")] == ["web-1/9"]
    for fill in (older, opened):
        world.grid.on_fill(fill)
    assert world.grid.lots.held(Leg.LONG) == Decimal("0.001")
    assert not errors_of(world, "foreign-order")


def test_a_failing_journal_or_listener_loses_no_booking(monkeypatch: pytest.MonkeyPatch) -> None:
    world = beside_others()

    def fail(*_: object) -> None:
        raise OSError("full")

    monkeypatch.setattr(world.grid, "closing_fill", fail)
    with pytest.raises(OSError, match="full"):
        by_hand(world)
    assert world.grid.lots.held(Leg.LONG) == Decimal("0.001")
    assert len(world.journal.of("fill", id="web-1/9")) == 1
    monkeypatch.setattr(world.grid.lots, "take", fail)
    world.venue.told_position[Leg.LONG] = Decimal(0)
    with pytest.raises(OSError, match="full"):
        world.grid.on_fill(msgspec.structs.replace(BY_HAND, trade_id="11", qty=Decimal("0.001")))
    assert world.journal.of("fill")[-1]["trade_id"] == "9"
