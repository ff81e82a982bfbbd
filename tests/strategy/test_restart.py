"""A restart at any moment: no duplicate order, every lot covered, sums that continue, and alarms where books differ."""

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from strategy.books import VenueReport
from strategy.control import CommandName, Result
from strategy.desk import Desk
from strategy.domain import DesiredOrder, DoorState, Leg, OrderKey, Reason, Role
from strategy.grid import HedgeGrid
from strategy.ledger import Ledger
from strategy.order_ids import OrderId, format_id
from strategy.order_index import OrderRecord, OrderStatus
from strategy.past import Past, read_past
from strategy.restart import go_on
from strategy.upkeep import Upkeep
from tests.strategy.scenes import only, state_of
from tests.strategy.venue import Event, FakeVenue, MemoryJournal, Mischief, VenueOrder
from tests.strategy.world import BALANCE, ROUGH, SESSION, Checker, World

PLAIN = ("grid.levels=2", "grid.base_qty=0.004")
AGAIN = "k3x9b"
Line = dict[str, Any]


class NextVenue(FakeVenue):
    """The same venue as a new process finds it: all that has happened is shown, and nothing is told by itself."""

    shows_ended: bool = True
    """Whether orders that have ended are shown, or the open ones only."""
    renames_trades: bool = False
    """Fills are shown by other trade ids than they were told by."""
    mute: int = 0
    """So many questions are lost."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.heard_of: set[str] = set()
        self.adopted: list[str] = []
        self.is_read = False
        """Once the restart has read the reports, news come as events."""

    def report(self, order_id: str) -> VenueReport | None:
        order = self.orders.get(order_id)
        if order is None or order_id not in self.heard_of:
            return None
        return super().report(order_id)

    def reports(self, since: int = 0) -> list[VenueReport]:
        found = super().reports()
        if not self.is_read and not self.shows_ended:
            found = [report for report in found if not self.orders[report.id].done]
            self.heard_of = {report.id for report in found}
        if self.renames_trades and not self.is_read:
            found = [
                msgspec.structs.replace(
                    report, fills=tuple(msgspec.structs.replace(f, trade_id=f"{f.trade_id}x") for f in report.fills)
                )
                for report in found
            ]
        self.is_read = True
        return found

    def adopt(self, order: OrderRecord) -> None:
        self.adopted.append(order.id)
        self.heard_of.add(order.id)

    def submit(self, order_id: str, order: DesiredOrder) -> None:
        self.heard_of.add(order_id)
        super().submit(order_id, order)

    def submit_pair(self, stop_id: str, stop: DesiredOrder, target_id: str, target: DesiredOrder) -> None:
        self.heard_of |= {stop_id, target_id}
        super().submit_pair(stop_id, stop, target_id, target)

    def ask(self, order_id: str) -> None:
        """An ended order tells again how it filled and ended."""
        if self.mute:
            self.mute -= 1
            return
        order = self.orders.get(order_id)
        if order is not None and order.done:
            self.commands["ask"] += 1
            for event in tuple(self.told):
                if event.order_id == order_id:
                    self.tell(event)
        else:
            super().ask(order_id)

    def cancel(self, order_id: str) -> None:
        if order_id in self.orders:
            super().cancel(order_id)
        else:
            self._refuse("cancel", order_id)

    def resize(self, order_id: str, qty: Decimal) -> None:
        if order_id in self.orders:
            super().resize(order_id, qty)
        else:
            self._refuse("resize", order_id)

    def _refuse(self, call: str, order_id: str) -> None:
        """Adopted, and unknown to the venue."""
        assert order_id in self.heard_of
        self.commands[call] += 1
        self.outbound.append(Event("request-refused", order_id, "-2011 Unknown order sent."))

    def knows(self, order_id: str) -> bool:
        return order_id in self.heard_of


@dataclass(frozen=True)
class Kill:
    """One moment: the journal's lines so far, and the venue as it was."""

    lines: int
    venue: NextVenue
    mid: Decimal


def frozen(venue: FakeVenue) -> NextVenue:
    """The venue as it is now; whoever listened is gone."""
    copy = NextVenue(
        rng=random.Random(5),
        linked_exits=venue.linked_exits,
        enforces_reduce_only=venue.enforces_reduce_only,
        step=venue.step,
        clock=venue.clock,
        quote=venue.quote,
    )
    copy.orders = {order_id: replace(order) for order_id, order in venue.orders.items()}
    copy.inbound = venue.inbound.copy()
    copy.told = [*venue.told, *venue.outbound]
    copy.true_position = dict(venue.true_position)
    copy.told_position = dict(venue.true_position)
    copy.cash, copy.fees = venue.cash, venue.fees
    copy._linked, copy._trades = dict(venue._linked), venue._trades
    arrived = {event.order_id for event in copy.told}
    copy.heard_of = {each.id for each in copy.orders.values() if each.arrived or each.done or each.id in arrived}
    return copy


def lose_what_is_on_its_way(venue: NextVenue) -> None:
    """Commands that had left and never arrive."""
    for kind, order_id, _ in venue.inbound:
        if kind == "submit":
            del venue.orders[order_id]
    venue.inbound.clear()


class Witness(MemoryJournal):
    """Keeps, just before and just after each line, what the venue was."""

    def __init__(self) -> None:
        super().__init__()
        self.world: World | None = None
        self.kills: list[Kill] = []

    def write(self, kind: str, ts: int, **fields: Any) -> None:
        self._note()
        super().write(kind, ts, **fields)
        self._note()

    def _note(self) -> None:
        if self.world is not None:
            self.kills.append(Kill(len(self.lines), frozen(self.world.venue), self.world.mid))


def rewire(world: World, journal: MemoryJournal, venue: FakeVenue, session: str) -> None:
    """A new grid and desk on that journal and venue."""
    world.journal, world.venue = journal, venue
    world.grid = HedgeGrid(world.config, journal, venue, session, Ledger(BALANCE), world.grid.rules)
    venue.grid = world.grid
    world.desk = Desk(world.grid, venue)
    world.upkeep = Upkeep(world.grid, journal, venue.now(), watches=True)
    world.checker = Checker(venue, journal, world.config)
    venue.before_event, venue.on_delivered = world._before_event, world._after_event
    venue.handler_failed = world._contain


def witnessed(seed: int, steps: int, **options: Any) -> tuple[World, Witness]:
    """A busy run whose every moment is kept."""
    world, journal = World(seed, **options), Witness()
    rewire(world, journal, world.venue, SESSION)
    journal.world = world
    world.quote(60_000)
    for _ in range(steps):
        world.step()
    journal.world = None
    return world, journal


def written(folder: Path, lines: list[Line]) -> Path:
    path = folder / "journal.jsonl"
    encode = msgspec.json.Encoder().encode
    path.write_bytes(b"".join(encode({**line, "seq": seq}) + b"\n" for seq, line in enumerate(lines, 1)))
    return path


def restarted(
    before: World,
    folder: Path,
    lines: list[Line],
    venue: NextVenue,
    *,
    session: str = AGAIN,
    change: Callable[[Past], Past] = lambda past: past,
) -> World:
    """The world of the next process, which has read those lines and found that venue; no pass has run yet."""
    world = World(before.seed, overrides=before.overrides, resizes_stops=before.resizes_stops, acts=False)
    world.config, world.mid, world.half_spread = before.config, before.mid, before.half_spread
    world.grid = before.grid
    journal = MemoryJournal()
    past = change(read_past(written(folder, lines)))
    journal.lines = list(lines)
    rewire(world, journal, venue, session)
    world.paid_in = before.paid_in
    go_on(world.grid, past, venue, world.cash)
    world.grid.door.write()
    return world


def next_world(before: World, folder: Path, **options: Any) -> World:
    """Kill the process now, and start it again."""
    return restarted(before, folder, before.journal.lines, frozen(before.venue), **options)


def rest(world: World) -> None:
    """Everything that is due is done, and all the books agree."""
    world.converge()
    world.settle()
    world.checker.report()
    world.checker.at_rest(world.grid)


def entries_per_rung(venue: FakeVenue) -> list[OrderKey]:
    return [order.order.key for order in venue.live(None, Role.ENTRY)]


def started(*overrides: str, **options: Any) -> World:
    """A world whose entries rest at the venue."""
    world = World(overrides=overrides or PLAIN, acts=False, **options)
    world.quote(60_000)
    world.settle()
    return world


def holding(*overrides: str, **options: Any) -> World:
    """The same with a long lot and a short lot, both protected."""
    world = started(*overrides, **options)
    for leg in Leg:
        world.venue.fill(entry(world, leg, 1))
    world.settle()
    return world


def entry(world: World, leg: Leg, level: int) -> VenueOrder:
    (found,) = [order for order in world.venue.live(leg, Role.ENTRY) if order.order.key.slot == level]
    return found


# -- invariant 27 ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lost", [False, True], ids=["late", "lost"])
@pytest.mark.parametrize(
    ("seed", "steps", "options"),
    [
        (2, 70, {"mischief": Mischief(piecemeal=0.5, rejects_entry=0.05), "acts": False}),
        (2, 70, {"mischief": ROUGH, "acts": False, "resizes_stops": False}),
        (26, 70, {"mischief": ROUGH}),
    ],
    ids=["calm", "rough", "flatten"],
)
def test_i27_a_kill_at_any_line_doubles_nothing_and_leaves_nothing_naked(
    tmp_path: Path, seed: int, steps: int, options: dict[str, Any], lost: bool
) -> None:
    before, journal = witnessed(seed, steps, **options)
    assert before.grid.ledger.fills > 1
    assert len(journal.kills) == 2 * len(journal.lines) > 150
    for kill in journal.kills:
        venue = frozen(kill.venue)
        if lost:
            lose_what_is_on_its_way(venue)
        held = dict(venue.true_position)
        world = restarted(before, tmp_path, journal.lines[: kill.lines], venue)
        assert {leg: world.grid.lots.held(leg) for leg in Leg} == held, f"after line {kill.lines}"
        assert venue.commands["submit"] == 0
        assert not world.grid.books_differ
        rest(world)


@pytest.mark.parametrize("seed", range(20))
def test_i27_several_kills_amid_trouble_lose_no_fill_and_double_no_order(tmp_path: Path, seed: int) -> None:
    world = World(seed, mischief=replace(ROUGH, late_fill=0.1 if seed % 2 else 0.0))
    world.quote(60_000)
    for number in range(4):
        for _ in range(30):
            world.step()
        venue = frozen(world.venue)
        if number % 2:
            lose_what_is_on_its_way(venue)
        venue.mischief = replace(ROUGH)
        lines = world.journal.lines
        world = restarted(world, tmp_path, lines, venue, session=f"{AGAIN}{number}")
        world.acts = True
        world.mischief = venue.mischief
        world.converge()
    rest(world)
    assert [line["seq"] for line in world.journal.lines] == list(range(1, len(world.journal.lines) + 1))


@pytest.mark.parametrize("seed", range(6))
def test_i27_where_the_venue_shows_open_orders_only_the_rest_is_asked_for(tmp_path: Path, seed: int) -> None:
    before, journal = witnessed(seed, 40, mischief=Mischief(piecemeal=0.5))
    for kill in journal.kills[:: max(1, len(journal.kills) // 25)]:
        venue = frozen(kill.venue)
        venue.shows_ended = False
        rest(restarted(before, tmp_path, journal.lines[: kill.lines], venue))


# -- what happened while nobody listened -------------------------------------------------------------------------------


def test_a_restart_of_what_rests_sends_nothing_and_writes_no_order_line(tmp_path: Path) -> None:
    before = holding()
    lines = len(before.journal.lines)
    world = next_world(before, tmp_path)
    rest(world)
    assert world.venue.commands == {"submit": 0, "cancel": 0, "resize": 0, "ask": 0}
    assert [line["kind"] for line in world.journal.lines[lines:]] == ["state"]
    assert world.grid.orders.serial == before.grid.orders.serial
    assert list(world.grid.lots) == list(before.grid.lots)
    assert world.grid.ladder == before.grid.ladder


def test_a_ladder_that_the_market_has_left_stays_where_it_was_until_its_trigger(tmp_path: Path) -> None:
    before = started()
    before.quote("60100", heed=False)
    world = next_world(before, tmp_path)
    rest(world)
    assert world.grid.ladder is not None
    assert world.grid.ladder.centre == Decimal(60_000)


def test_serials_go_on_so_that_no_lot_number_comes_twice(tmp_path: Path) -> None:
    before = holding()
    world = next_world(before, tmp_path)
    world.converge()
    target = only(world.venue.live(Leg.LONG, Role.TP))
    world.venue.fill(target)
    world.settle()
    newest = max(world.journal.of("order", event="submit"), key=lambda line: line["seq"])
    assert newest["lot"] == before.grid.orders.serial + 1
    assert newest["id"].startswith(f"HG-{AGAIN}-EL1-")


def test_what_filled_while_nobody_listened_is_booked_journalled_and_protected(tmp_path: Path) -> None:
    before = started()
    first = entry(before, Leg.LONG, 1)
    before.venue.fill(first, "0.001")
    before.venue.drain()
    before.venue.fill(first, "0.001")
    before.venue.fill(entry(before, Leg.SHORT, 1))
    lines = len(before.journal.lines)
    world = next_world(before, tmp_path)
    assert [(line["leg"], line["qty"]) for line in world.journal.lines[lines:] if line["kind"] == "fill"] == [
        (Leg.LONG, "0.001"), (Leg.SHORT, "0.004")
    ]  # fmt: skip
    assert world.grid.lots.held(Leg.LONG) == Decimal("0.002")
    assert world.grid.is_exposed
    rest(world)
    assert not world.grid.is_exposed
    assert world.venue.open_qty(Leg.LONG, Role.SL) == Decimal("0.002")


def test_exits_that_filled_while_nobody_listened_realise_and_their_siblings_go(tmp_path: Path) -> None:
    before = holding()
    before.act(CommandName.PAUSE)
    before.venue.fill(only(before.venue.live(Leg.LONG, Role.TP)))
    world = next_world(before, tmp_path)
    assert world.grid.ledger.realised == Decimal("0.24")
    assert world.grid.lots.held(Leg.LONG) == 0
    rest(world)
    assert world.venue.live(Leg.LONG, Role.SL) == []


def test_i06_a_lot_whose_exits_had_not_left_is_shown_unprotected_from_the_start(tmp_path: Path) -> None:
    before = started()
    before.venue.fill(entry(before, Leg.LONG, 1))
    before.venue.deliver()
    number = next(n for n, line in enumerate(before.journal.lines) if line["kind"] == "fill")
    venue = frozen(before.venue)
    lose_what_is_on_its_way(venue)
    world = restarted(before, tmp_path, before.journal.lines[: number + 1], venue)
    assert world.grid.protection.since(Leg.LONG) == venue.clock
    assert world.grid.protection.since(Leg.SHORT) is None
    rest(world)


@pytest.mark.parametrize("kind", ["canceled", "expired"])
def test_a_stop_that_ended_while_nobody_listened_is_journalled_and_replaced(tmp_path: Path, kind: str) -> None:
    before = holding()
    stop = only(before.venue.live(Leg.LONG, Role.SL))
    before.venue._end(stop, Event(kind, stop.id))
    world = next_world(before, tmp_path)
    assert len(world.journal.of("order", event=kind, id=stop.id)) == 1
    rest(world)
    assert only(world.venue.live(Leg.LONG, Role.SL)).id.startswith(f"HG-{AGAIN}-SL")


def test_an_order_that_was_resized_while_nobody_listened_has_its_new_quantity(tmp_path: Path) -> None:
    before = holding()
    target = only(before.venue.live(Leg.LONG, Role.TP))
    target.qty = Decimal("0.003")
    before.venue.told.append(Event("updated", target.id, qty=Decimal("0.003")))
    world = next_world(before, tmp_path)
    known = world.grid.index.get(target.id)
    assert known is not None
    assert known.qty == Decimal("0.003")
    rest(world)


def test_sums_continue_where_they_were(tmp_path: Path) -> None:
    before = holding()
    before.venue.fill(only(before.venue.live(Leg.SHORT, Role.TP)))
    before.settle()
    world = next_world(before, tmp_path)
    for name in ("realised", "fees", "funding"):
        assert getattr(world.grid.ledger, name) == getattr(before.grid.ledger, name)
    assert world.grid.ledger.realised > 0
    assert world.grid.ledger.wallet == world.cash + world.grid.lots.net_cost
    rest(world)


def test_s08_what_was_paid_in_while_nobody_listened_is_a_transfer(tmp_path: Path) -> None:
    before = holding()
    before.sample()
    before.paid_in += 700
    world = next_world(before, tmp_path)
    assert only(world.journal.of("transfer"))["amount"].startswith("700")
    assert world.grid.ledger.wallet == world.cash + world.grid.lots.net_cost
    assert world.grid.risk.drawdown.peak == before.grid.risk.drawdown.peak + 700


def test_s08_while_positions_differ_nothing_is_taken_for_a_transfer(tmp_path: Path) -> None:
    before = holding()
    before.sample()
    venue = frozen(before.venue)
    venue.true_position[Leg.LONG] += Decimal("0.004")
    venue.told_position[Leg.LONG] += Decimal("0.004")
    venue.cash -= 240
    world = restarted(before, tmp_path, before.journal.lines, venue)
    assert world.journal.of("transfer") == []
    assert world.grid.ledger.wallet == before.grid.ledger.wallet


def test_fills_that_the_venue_shows_by_other_trade_ids_count_once(tmp_path: Path) -> None:
    before = started()
    first = entry(before, Leg.LONG, 1)
    before.venue.fill(first, "0.001")
    before.venue.drain()
    before.venue.fill(first, "0.002")
    venue = frozen(before.venue)
    venue.renames_trades = True
    world = restarted(before, tmp_path, before.journal.lines, venue)
    assert world.grid.lots.held(Leg.LONG) == world.venue.true_position[Leg.LONG] == Decimal("0.003")
    assert not world.grid.books_differ


# -- orders that nobody is sure of -------------------------------------------------------------------------------------


def in_flight() -> World:
    """Four entries are journalled as sent, and none has arrived."""
    world = World(overrides=PLAIN, acts=False)
    world.quote(60_000)
    assert len(world.venue.inbound) == 4
    return world


def test_i18_an_order_that_never_reached_the_venue_keeps_its_place_until_the_venue_was_asked(tmp_path: Path) -> None:
    before = in_flight()
    venue = frozen(before.venue)
    lose_what_is_on_its_way(venue)
    world = restarted(before, tmp_path, before.journal.lines, venue)
    assert {order.status for order in world.grid.index} == {OrderStatus.UNKNOWN}
    assert {order.id for order in world.grid.index} == set(venue.adopted)
    assert len(world.journal.of("order", event="unknown")) == 4
    venue.mute = 4
    world.converge()
    assert venue.commands["submit"] == 0
    assert set(world.grid.gaps.values()) == {Reason.UNKNOWN_OUTCOME}
    rest(world)
    assert venue.commands["submit"] == 4
    assert [line["reason"] for line in world.journal.of("order", event="rejected")] == [
        "-2013 Order does not exist."
    ] * 4
    assert world.grid.refusals == {}


def test_i27_an_order_that_arrives_after_the_restart_is_the_one_that_stays(tmp_path: Path) -> None:
    before = in_flight()
    world = next_world(before, tmp_path)
    world.converge()
    world.advance(30_000)
    assert world.venue.commands["submit"] == 0
    rest(world)
    assert world.venue.commands["submit"] == 0
    assert {order.id for order in world.venue.live(None, Role.ENTRY)} == set(before.venue.orders)


def test_i27_an_order_that_fills_on_its_late_arrival_is_a_lot_of_its_own_session(tmp_path: Path) -> None:
    before = in_flight()
    world = next_world(before, tmp_path)
    world.converge()
    world.venue.process()
    world.venue.fill(entry(world, Leg.LONG, 1), "0.003")
    world.venue.deliver()
    (lot,) = world.grid.lots
    assert (lot.qty, lot.anchor) == (Decimal("0.003"), Decimal("59940.00"))
    rest(world)


def test_an_unanswered_order_is_asked_about_a_bounded_number_of_times_and_then_said_to_be_lost(
    tmp_path: Path,
) -> None:
    before = in_flight()
    venue = frozen(before.venue)
    venue.inbound.clear()
    venue.mute = 10_000
    world = restarted(before, tmp_path, before.journal.lines, venue)
    world.converge()
    for _ in range(500):
        world.advance(1_000)
    assert 10_000 - venue.mute == 4 * world.config.execution.ask_attempts
    assert [error.type for error in world.grid.errors.latest] == ["order-lost"] * 4
    assert venue.commands["submit"] == 0


def test_an_accepted_stop_that_the_venue_does_not_show_is_asked_about_and_replaced(tmp_path: Path) -> None:
    before = holding()
    venue = frozen(before.venue)
    stop = only(venue.live(Leg.LONG, Role.SL))
    del venue.orders[stop.id]
    world = restarted(before, tmp_path, before.journal.lines, venue)
    assert stop.id in venue.adopted
    rest(world)
    assert only(venue.live(Leg.LONG, Role.SL)).id.startswith(f"HG-{AGAIN}-SL")


def test_an_accepted_stop_that_the_venue_does_not_show_is_asked_about_again_where_the_answer_is_lost(
    tmp_path: Path,
) -> None:
    before = holding()
    venue = frozen(before.venue)
    stop = only(venue.live(Leg.LONG, Role.SL))
    del venue.orders[stop.id]
    venue.mute = 1
    world = restarted(before, tmp_path, before.journal.lines, venue)
    rest(world)


def test_i10_a_cancel_that_was_under_way_is_asked_for_again_where_it_was_lost(tmp_path: Path) -> None:
    before = started()
    before.act(CommandName.CANCEL_ENTRIES)
    venue = frozen(before.venue)
    lose_what_is_on_its_way(venue)
    world = restarted(before, tmp_path, before.journal.lines, venue)
    assert world.grid.state is DoorState.PAUSED
    rest(world)
    receipts = world.act(CommandName.CANCEL_ENTRIES)
    world.settle()
    assert [receipt.result for receipt in receipts] == ["done"]
    assert not venue.live(None, Role.ENTRY)


# -- orders that no line tells of --------------------------------------------------------------------------------------


def put_stray(venue: NextVenue, key: OrderKey, price: str, lot: int | None = None, serial: int = 99) -> VenueOrder:
    """An open order with an id of ours, sent by a process whose lines are lost."""
    order_id = format_id(OrderId("lost1", key, lot, serial))
    side = key.leg.exit_side if key.role.reduces else key.leg.entry_side
    order = DesiredOrder(key, side, Decimal(price), Decimal("0.004"), lot)
    stray = venue.orders[order_id] = VenueOrder(order_id, order, order.qty, arrived=True)
    venue.told.append(Event("accepted", order_id))
    venue.heard_of.add(order_id)
    return stray


def test_a_stray_entry_is_said_shown_and_withdrawn(tmp_path: Path) -> None:
    before = started()
    venue = frozen(before.venue)
    stray = put_stray(venue, OrderKey(Leg.LONG, Role.ENTRY, 1), "59000")
    world = restarted(before, tmp_path, before.journal.lines, venue)
    assert world.grid.index.get(stray.id) is not None
    (error,) = world.grid.errors.latest
    assert (error.type, error.critical) == ("stray-order", True)
    assert stray.id in error.message
    assert [line["event"] for line in world.journal.of("order", id=stray.id)] == ["accepted", "cancel"]
    world.checker.at_every_moment = lambda: None  # type: ignore[method-assign]
    world.converge()
    world.settle()
    assert stray.done
    assert len(venue.live(None, Role.ENTRY)) == 4
    known = read_past(written(tmp_path, world.journal.lines)).orders
    assert known.keys() == {order.id for order in venue.live()}


def test_a_stray_entry_that_fills_before_it_is_withdrawn_becomes_a_lot_with_exits(tmp_path: Path) -> None:
    before = started()
    venue = frozen(before.venue)
    stray = put_stray(venue, OrderKey(Leg.LONG, Role.ENTRY, 1), "59000")
    world = restarted(before, tmp_path, before.journal.lines, venue)
    venue.fill(stray)
    venue.deliver()
    (lot,) = world.grid.lots
    assert (lot.number, lot.qty, lot.anchor) == (99, Decimal("0.004"), Decimal(59_000))
    assert venue.open_qty(Leg.LONG, Role.SL) == Decimal("0.004")
    assert world.grid.orders.serial > 99


def test_a_stray_exit_of_a_lot_that_is_not_held_goes_where_the_positions_agree(tmp_path: Path) -> None:
    before = started()
    venue = frozen(before.venue)
    stray = put_stray(venue, OrderKey(Leg.LONG, Role.SL, 77), "59000", lot=77)
    world = restarted(before, tmp_path, before.journal.lines, venue)
    rest(world)
    assert stray.done


def test_an_order_of_someone_else_is_left_alone(tmp_path: Path) -> None:
    before = started()
    venue = frozen(before.venue)
    stray = put_stray(venue, OrderKey(Leg.LONG, Role.ENTRY, 9), "59000")
    foreign = venue.orders["manual-7"] = replace(stray, id="manual-7")
    del venue.orders[stray.id]
    venue.heard_of.add("manual-7")
    venue.told.append(Event("accepted", "manual-7"))
    world = restarted(before, tmp_path, before.journal.lines, venue)
    world.converge()
    world.venue.drain()
    assert world.grid.index.get("manual-7") is None
    assert not foreign.done
    assert world.grid.errors.count == 0


def test_an_ended_order_of_ours_that_no_line_tells_of_is_no_stray(tmp_path: Path) -> None:
    before = started()
    venue = frozen(before.venue)
    stray = put_stray(venue, OrderKey(Leg.LONG, Role.ENTRY, 1), "59000")
    stray.done = True
    venue.told.append(Event("canceled", stray.id))
    world = restarted(before, tmp_path, before.journal.lines, venue)
    assert world.grid.errors.count == 0
    rest(world)


# -- positions that differ ---------------------------------------------------------------------------------------------


def differing(tmp_path: Path, leg: Leg, qty: str) -> World:
    before = holding()
    venue = frozen(before.venue)
    for position in (venue.true_position, venue.told_position):
        position[leg] += Decimal(qty)
    return restarted(before, tmp_path, before.journal.lines, venue)


@pytest.mark.parametrize("leg", Leg)
@pytest.mark.parametrize("qty", ["0.004", "-0.004", "-0.002"])
def test_i17_positions_that_differ_are_an_alarm_at_once_and_nothing_is_opened(
    tmp_path: Path, leg: Leg, qty: str
) -> None:
    world = differing(tmp_path, leg, qty)
    (alarm,) = world.journal.of("alarm")
    assert (alarm["name"], alarm["leg"], alarm["raised"]) == ("mismatch", leg, True)
    assert world.grid.errors.critical == 1
    for order in world.venue.live(None, Role.ENTRY):
        world.venue._end(order, Event("canceled", order.id))
    world.converge()
    world.settle()
    assert set(world.grid.gaps.values()) == {Reason.UNRECONCILED, Reason.OCCUPIED}
    opened = [line for line in world.journal.of("order", event="submit", role=Role.ENTRY) if AGAIN in line["id"]]
    assert opened == []


def test_i17_exits_of_a_surplus_that_the_books_do_not_know_are_not_cancelled(tmp_path: Path) -> None:
    before = holding()
    lines = [line for line in before.journal.lines if line["kind"] != "fill" or line["leg"] is not Leg.LONG]
    venue = frozen(before.venue)
    for order in list(venue.orders.values()):
        if order.leg is Leg.LONG and order.role is Role.ENTRY and order.order.key.slot == 1:
            del venue.orders[order.id]
    lines = [line for line in lines if line.get("role") != "entry" or line.get("level") != 1 or line["leg"] != "long"]
    exits = {order.id for order in venue.live(Leg.LONG, Role.SL, Role.TP)}
    assert len(exits) == 2
    world = restarted(before, tmp_path, lines, venue)
    assert world.journal.of("alarm")[0]["leg"] == Leg.LONG
    world.converge()
    world.settle()
    assert exits <= {order.id for order in venue.live(Leg.LONG)}
    assert world.venue.commands["cancel"] == 0


def test_i05_where_the_venue_holds_less_the_newest_lots_get_no_exits_for_what_is_not_there(tmp_path: Path) -> None:
    before = holding()
    before.quote("59880", heed=False)
    before.venue.fill(entry(before, Leg.LONG, 2))
    before.settle()
    older, newer = (lot.number for lot in before.grid.lots.of(Leg.LONG))
    venue = frozen(before.venue)
    for position in (venue.true_position, venue.told_position):
        position[Leg.LONG] -= Decimal("0.003")
    world = restarted(before, tmp_path, before.journal.lines, venue)
    world.converge()
    world.settle()
    for role in (Role.SL, Role.TP):
        cover = {order.order.lot: order.open_qty for order in venue.live(Leg.LONG, role)}
        assert cover == {older: Decimal("0.004"), newer: Decimal("0.001")}
    assert world.grid.lots.held(Leg.LONG) == Decimal("0.008")


def test_i17_a_lot_of_which_nothing_is_there_gets_no_exit_at_all(tmp_path: Path) -> None:
    world = differing(tmp_path, Leg.SHORT, "-0.004")
    world.converge()
    world.settle()
    assert world.venue.live(Leg.SHORT, Role.SL, Role.TP, Role.CLOSE) == []
    assert world.venue.open_qty(Leg.LONG, Role.SL) == Decimal("0.004")


def test_i17_once_the_positions_agree_again_the_alarm_ends_and_entries_leave(tmp_path: Path) -> None:
    world = differing(tmp_path, Leg.SHORT, "0.004")
    for position in (world.venue.true_position, world.venue.told_position):
        position[Leg.SHORT] -= Decimal("0.004")
    rest(world)
    assert [line["raised"] for line in world.journal.of("alarm")] == [True, False]
    assert Reason.UNRECONCILED not in world.grid.gaps.values()


def test_while_books_differ_the_venue_is_asked_about_the_leg_a_bounded_number_of_times(tmp_path: Path) -> None:
    world = differing(tmp_path, Leg.SHORT, "0.004")
    world.converge()
    asked = world.venue.commands["ask"]
    assert asked >= len(world.venue.live(Leg.SHORT))
    for _ in range(600):
        world.advance(1_000)
        world.venue.drain()
    rounds = world.config.execution.ask_attempts
    assert world.venue.commands["ask"] <= rounds * len(world.venue.live(Leg.SHORT))
    assert not world.venue.wakes
    world.act(CommandName.PAUSE)
    assert world.venue.commands["ask"] > asked


# -- latched states ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", [CommandName.PAUSE, CommandName.CANCEL_ENTRIES])
def test_i14_a_latched_state_comes_back_with_its_reason_and_opens_nothing(tmp_path: Path, command: CommandName) -> None:
    before = holding()
    before.act(command)
    world = next_world(before, tmp_path)
    assert world.grid.state is DoorState.PAUSED
    assert world.grid.door.reason == f"restored: {before.grid.door.reason}"
    rest(world)
    assert opened_again(world) == []
    world.act(CommandName.RESUME)
    rest(world)
    occupied = list(world.grid.gaps.values()).count(Reason.OCCUPIED)
    assert len(world.venue.live(None, Role.ENTRY)) + occupied == 4


def opened_again(world: World) -> list[Line]:
    """Entries of the session that has taken over."""
    return [line for line in world.journal.of("order", event="submit", role=Role.ENTRY) if AGAIN in line["id"]]


@pytest.mark.parametrize("leg", [None, *Leg])
def test_i14_a_flatten_that_was_cut_short_stays_latched_goes_on_and_ends_verified(
    tmp_path: Path, leg: Leg | None
) -> None:
    before = holding()
    before.act(CommandName.FLATTEN, leg)
    world = next_world(before, tmp_path)
    assert state_of(world) is DoorState.FLATTENING
    assert world.grid.door.latches.legs == (tuple(Leg) if leg is None else (leg,))
    rest(world)
    assert opened_again(world) == []
    assert state_of(world) is DoorState.PAUSED
    assert world.grid.door.reason.endswith("flat, verified")
    assert world.journal.of("receipt")[-1]["result"] == Result.DONE
    for each in Leg:
        flat = leg in (None, each)
        assert world.venue.true_position[each] == (0 if flat else Decimal("0.004"))
    world.act(CommandName.RESUME)
    rest(world)
    occupied = list(world.grid.gaps.values()).count(Reason.OCCUPIED)
    assert len(world.venue.live(None, Role.ENTRY)) + occupied == 4


def test_i14_the_operators_throttle_comes_back(tmp_path: Path) -> None:
    before = started()
    lines = list(before.journal.lines)
    act = {"act_id": "1", "command": "set-throttle", "args": {"share": "0.5"}, "by": "operator"}
    lines.append({"seq": len(lines) + 1, "ts": 1, "kind": "act", **act})
    world = restarted(before, tmp_path, lines, frozen(before.venue))
    assert world.grid.ladders.throttle == Decimal("0.5")
    rest(world)
    assert entries_per_rung(world.venue) == [OrderKey(leg, Role.ENTRY, 1) for leg in Leg]


def test_unlatched_a_session_runs_again_and_still_knows_what_is_held(tmp_path: Path) -> None:
    before = holding()
    before.act(CommandName.PAUSE)
    world = next_world(before, tmp_path, change=Past.unlatched)
    assert world.grid.state is DoorState.RUNNING
    assert world.grid.lots.held(Leg.LONG) == Decimal("0.004")
    rest(world)


@pytest.mark.parametrize("fresh", [False, True])
def test_at_a_fresh_venue_nothing_is_held_and_the_latched_state_stays_unless_it_is_forgotten(
    tmp_path: Path, fresh: bool
) -> None:
    before = holding()
    before.act(CommandName.PAUSE)
    venue = NextVenue(quote=before.venue.quote, clock=before.venue.clock)

    def change(past: Past) -> Past:
        past = past.at_fresh_venue()
        return past.unlatched() if fresh else past

    world = restarted(before, tmp_path, before.journal.lines, venue, change=change)
    assert world.grid.state is (DoorState.RUNNING if fresh else DoorState.PAUSED)
    assert len(world.grid.lots) == len(world.grid.index) == 0
    assert world.grid.ledger.realised == world.grid.ledger.fees == 0
    world.converge()
    assert len(venue.live()) == (4 if fresh else 0)


def test_a_first_session_starts_with_the_wallet_and_nothing_else() -> None:
    world = World(overrides=PLAIN, acts=False)
    go_on(world.grid, Past(), world.venue, Decimal(1234))
    assert world.grid.ledger.wallet == world.grid.ledger.equity_start == Decimal(1234)
    assert world.journal.lines == []
    assert world.grid.state is DoorState.RUNNING


def test_nothing_is_sent_while_the_restart_goes_on(tmp_path: Path) -> None:
    before = started()
    before.venue.fill(entry(before, Leg.LONG, 1))
    before.venue.fill(entry(before, Leg.LONG, 2))
    world = next_world(before, tmp_path)
    assert world.venue.commands["submit"] == 0
    assert not world.venue.wakes
    assert len(world.grid.lots) == 2
    rest(world)
    assert world.venue.commands["submit"] >= 4
