"""Item 6: one gate before every submit: each limit keeps back what would break it, and nothing that reduces."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

import msgspec
import pytest

from strategy import admission, gate
from strategy.admission import Admission
from strategy.budget import MessageBudget
from strategy.domain import DesiredOrder, InstrumentSpec, Leg, OrderKey, Reason, Role, Side
from strategy.exposure import Caps
from strategy.gate import GateFacts
from strategy.lots import LotBook
from strategy.order_ids import OrderId, format_id
from strategy.order_index import OrderIndex
from strategy.orders import Orders
from strategy.repeats import Repeats
from tests.seventeen.truth import denied, entries, meets_an_own_order, surplus_at, value_of, worst_case
from tests.strategy.venue import VenueOrder
from tests.strategy.world import SESSION, World

STILL: Final = "grid.recentre_trigger_bps=5000"
FREE: Final = (
    "limits.max_leg_notional=0", "limits.max_gross_notional=0", "limits.max_order_notional=0", "limits.max_order_pct=0",
    "limits.max_leverage=0", "limits.max_margin_pct=0", "limits.min_liquidation_pct=0", "limits.price_collar_pct=0",
)  # fmt: skip
"""No limit but the one that a scene is about."""
EQUITY: Final = 10_000

type Look = Callable[[World, VenueOrder], None]
"""Holds one entry, just as it leaves, against the venue's truth."""


def stand(world: World) -> None:
    """The market stands at 60,000."""
    world.quote(60_000)
    world.settle()


def fall(world: World) -> None:
    """It falls through the long ladder while the limit binds, so that lots add to what rests."""
    for mid in (60_000, 59_930, 59_960, 59_870, 59_900, 59_810, 59_830):
        world.quote(mid)
        world.settle()


def far_from_the_mark(world: World) -> None:
    world.venue.quote_at("59999.9", "60000.1")
    assert world.venue.quote is not None
    world.venue.quote = msgspec.structs.replace(world.venue.quote, mark=Decimal(67_000))
    world.converge()
    world.venue.drain()


def on_a_feed_that_stands_still(world: World) -> None:
    world.venue.still_ns = 6_000_000_000
    stand(world)


def in_a_crossed_market(world: World) -> None:
    world.venue.quote_at("60000.2", "60000.1")
    world.converge()
    world.venue.drain()


def after_a_great_withdrawal(world: World) -> None:
    world.grid.on_transfer(-Decimal(EQUITY))
    stand(world)


def above_an_own_target(world: World) -> None:
    """A take-profit of a long lot hangs at 60,000; the ladder moves up beyond it."""
    stand(world)
    first = next(order for order in world.venue.live(Leg.LONG, Role.ENTRY) if order.order.key.slot == 1)
    world.venue.fill(first)
    world.settle()
    (target,) = world.venue.live(Leg.LONG, Role.TP)
    world.venue.hangs = target.id
    for mid in (60_090, 60_180, 60_700):
        world.quote(mid)
        world.settle()


def again_and_again(world: World) -> None:
    """The nearest long rung is entered and closed, time after time."""
    stand(world)
    for _ in range(6):
        for role in (Role.ENTRY, Role.TP):
            found = [
                order for order in world.venue.live(Leg.LONG, role) if role is Role.TP or order.order.key.slot == 1
            ]
            for order in found:
                world.venue.fill(order)
            world.venue.drain()


# -- what must be true as an entry leaves ------------------------------------------------------------------------------


def worth_at_most(limit: int) -> Look:
    def look(_world: World, sent: VenueOrder) -> None:
        assert value_of(sent) <= limit, f"{sent.id} is worth {value_of(sent)}"

    return look


def leg_at_most(limit: int) -> Look:
    def look(world: World, sent: VenueOrder) -> None:
        worst = worst_case(world.venue, sent.leg)
        assert worst <= limit, f"{sent.leg} would be worth {worst}"

    return look


def gross_at_most(limit: int) -> Look:
    def look(world: World, _sent: VenueOrder) -> None:
        worst = sum(worst_case(world.venue, leg) for leg in Leg)
        assert worst <= limit, f"both legs would be worth {worst}"

    return look


def solvent_at(distance_pct: int) -> Look:
    def look(world: World, sent: VenueOrder) -> None:
        price = Fraction(sent.order.price or 0) * (1 - sent.leg.sign * Fraction(distance_pct, 100))
        left = surplus_at(world, sent.leg, price)
        assert left >= 0, f"{sent.id}: liquidated {distance_pct} % away, {float(left):.0f} short"

    return look


def near_the_mark(limit_pct: int) -> Look:
    def look(world: World, sent: VenueOrder) -> None:
        assert world.venue.quote is not None
        assert sent.order.price is not None
        mark = world.venue.quote.mark or world.venue.quote.mid
        assert abs(sent.order.price / mark - 1) * 100 <= limit_pct, f"{sent.id} lies far from the mark"

    return look


def never(world: World, sent: VenueOrder) -> None:
    raise AssertionError(f"{sent.id} left")


def alone(world: World, sent: VenueOrder) -> None:
    for met in meets_an_own_order(world.venue, sent):
        raise AssertionError(f"{sent.id} would trade with {met.id}")


def seldom(most: int) -> Look:
    def look(world: World, sent: VenueOrder) -> None:
        filled = [order for order in entries(world) if order.order.key == sent.order.key and order.filled]
        assert len(filled) < most, f"{sent.order.key} has filled {len(filled)} times"

    return look


def few(most: int) -> Look:
    def look(world: World, _sent: VenueOrder) -> None:
        assert len(entries(world)) <= most, f"{len(entries(world))} entries in one window"

    return look


# -- the limits --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Scene:
    """A limit that binds, and what must never leave because of it."""

    reason: Reason
    look: Look
    provoke: Callable[[World], None]
    overrides: tuple[str, ...]
    opens: bool = True
    """Whether it lets other entries pass."""


GROWING: Final = ("grid.levels=3", "grid.base_qty=0.004", "grid.qty_scale=2")
"""Entries of about 240, 480 and 960 on either side."""
EVEN: Final = ("grid.levels=4", "grid.base_qty=0.004")
"""Four entries of about 240 on either side."""
LARGE: Final = ("grid.levels=3", "grid.base_qty=0.500", "account.leverage=125")
"""Entries of about 30,000: three times what the account holds."""
SCENES: Final = {
    "order-size": Scene(Reason.ORDER_SIZE, worth_at_most(500), fall, (*GROWING, "limits.max_order_notional=500")),
    "equity-share": Scene(Reason.ORDER_SIZE, worth_at_most(500), fall, (*GROWING, "limits.max_order_pct=5")),
    "leg-cap": Scene(Reason.LEG_CAP, leg_at_most(500), fall, (*EVEN, "limits.max_leg_notional=500")),
    "gross-cap": Scene(Reason.GROSS_CAP, gross_at_most(1200), fall, (*EVEN, "limits.max_gross_notional=1200")),
    "leverage": Scene(Reason.LEVERAGE, gross_at_most(1201), fall, (*EVEN, "limits.max_leverage=0.12")),
    "margin": Scene(
        Reason.MARGIN, gross_at_most(1201), fall, (*EVEN, "account.leverage=20", "limits.max_margin_pct=0.6")
    ),
    "liquidation": Scene(Reason.LIQUIDATION, solvent_at(15), stand, (*LARGE, "limits.min_liquidation_pct=15")),
    "no-equity": Scene(Reason.NO_EQUITY, never, after_a_great_withdrawal, EVEN, opens=False),
    "price-collar": Scene(
        Reason.COLLAR, near_the_mark(10), far_from_the_mark, (*EVEN, "limits.price_collar_pct=10"), opens=False
    ),
    "stale-data": Scene(Reason.STALE, never, on_a_feed_that_stands_still, EVEN, opens=False),
    "crossed-market": Scene(Reason.CROSSED, never, in_a_crossed_market, EVEN, opens=False),
    "self-trade": Scene(
        Reason.SELF_TRADE, alone, above_an_own_target,
        (*EVEN, "grid.recentre_trigger_bps=60", "grid.tp_steps=6", "grid.sl_steps=20"),
    ),
    "repeated-fills": Scene(
        Reason.REPEATED, seldom(3), again_and_again, (*EVEN, "limits.max_fills_per_level=3"),
    ),
    "message-budget": Scene(
        Reason.MESSAGE_BUDGET, few(4), lambda world: world.quote(60_000),
        (*EVEN, "limits.max_messages=12", "limits.message_reserve=8"),
    ),
}  # fmt: skip


def world_of(name: str) -> World:
    """The world of a scene: every entry that leaves is looked at."""
    scene = SCENES[name]
    world = World(overrides=(STILL, *FREE, *scene.overrides), acts=False)
    checked = world.venue.on_submit

    def on_submit(sent: VenueOrder) -> None:
        if sent.role is Role.ENTRY:
            world.checker.require(9, held(world, sent), f"{name}: {wrong[-1] if wrong else ''}")
        checked(sent)

    wrong: list[str] = []

    def held(world: World, sent: VenueOrder) -> bool:
        try:
            scene.look(world, sent)
        except AssertionError as error:
            wrong.append(str(error))
            return False
        return True

    world.venue.on_submit = on_submit
    return world


def check_s06(name: str) -> None:
    """While the limit binds nothing leaves that would break it; all else does, and the denial is told and shown."""
    scene, world = SCENES[name], world_of(name)
    scene.provoke(world)
    world.checker.report()
    assert bool(entries(world)) is scene.opens
    assert scene.reason in world.grid.gaps.values(), f"no rung says {scene.reason}"
    assert denied(world.journal) >= {scene.reason}, "the denial is in no line"
    assert world.grid.denials[scene.reason] == len(world.journal.of("gate", reason=scene.reason))
    check_exits(world)


def check_exits(world: World) -> None:
    """Whatever keeps entries back, what an entry sent long ago fills gets its stop and its take-profit."""
    venue = world.venue
    assert venue.quote is not None
    key = OrderKey(Leg.LONG, Role.ENTRY, 1)
    order = DesiredOrder(key, Side.BUY, venue.quote.bid, Decimal("0.004"), None)
    sent = VenueOrder(format_id(OrderId(SESSION, key, None, 9_000)), order, order.qty, arrived=True)
    venue.orders[sent.id] = sent
    venue.fill(sent)
    venue.deliver()
    venue.process()
    for role in (Role.SL, Role.TP):
        exits = [each for each in venue.live(Leg.LONG, role) if each.order.lot == 9_000]
        assert [each.qty for each in exits] == [order.qty], f"the gate keeps a {role} back"


@pytest.mark.parametrize("name", SCENES)
def test_s06_a_limit_keeps_back_exactly_what_would_break_it_and_no_exit(name: str) -> None:
    check_s06(name)


# -- without the code --------------------------------------------------------------------------------------------------

BROKEN: Final = r"worth|liquidated|left|far from|would trade|has filled|in one window|keeps a"


def red(name: str) -> None:
    """The check of that scene fails, and by what the scene is about."""
    with pytest.raises(AssertionError, match=BROKEN):
        check_s06(name)


@pytest.mark.parametrize("name", SCENES)
def test_s06_without_that_one_denial_the_same_check_fails(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def lenient(order: DesiredOrder, facts: GateFacts, spec: InstrumentSpec) -> Reason | None:
        reason = gate.judge(order, facts, spec)
        return None if reason is SCENES[name].reason else reason

    monkeypatch.setattr(admission, "judge", lenient)
    red(name)


LIMITS: Final = {
    "order-size": "order",
    "equity-share": "order_pct",
    "leg-cap": "leg",
    "gross-cap": "gross",
    "leverage": "leverage",
    "margin": "margin_pct",
    "liquidation": "liquidation_pct",
}


@pytest.mark.parametrize(("name", "limit"), LIMITS.items())
def test_s06_without_that_one_limit_the_same_check_fails(
    name: str, limit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    cure = Caps.of
    switched_off = staticmethod(lambda *of: msgspec.structs.replace(cure(*of), **{limit: Decimal(0)}))
    monkeypatch.setattr(Caps, "of", switched_off)
    red(name)


def facts_with(monkeypatch: pytest.MonkeyPatch, **changes: Any) -> None:
    """The gate is told something else."""
    cure = Admission._gate_facts
    told = lambda self, key: msgspec.structs.replace(cure(self, key), **changes)  # noqa: E731
    monkeypatch.setattr(Admission, "_gate_facts", told)


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("stale-data", {"is_stale": False}),
        ("no-equity", {"equity": Decimal(EQUITY)}),
        ("price-collar", {"mark": None}),
        ("price-collar", {"collar_pct": Decimal(0)}),
        ("repeated-fills", {"is_repeated": False}),
        ("message-budget", {"has_budget": True}),
        ("self-trade", {"own_touch": {}}),
    ],
)
def test_s06_without_that_one_fact_the_same_check_fails(
    name: str, changes: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    facts_with(monkeypatch, **changes)
    red(name)


@pytest.mark.parametrize(
    ("name", "owner", "method", "instead"),
    [
        ("leg-cap", OrderIndex, "entries", lambda *_: (Decimal(0), Decimal(0))),
        ("gross-cap", OrderIndex, "entries", lambda *_: (Decimal(0), Decimal(0))),
        ("leg-cap", LotBook, "cost", lambda *_: Decimal(0)),
        ("gross-cap", LotBook, "cost", lambda *_: Decimal(0)),
        ("liquidation", OrderIndex, "entries", lambda *_: (Decimal(0), Decimal(0))),
        ("self-trade", OrderIndex, "own_touch", lambda *_: {}),
        ("repeated-fills", Repeats, "filled", lambda *_: False),
        ("message-budget", MessageBudget, "spend", lambda *_: None),
    ],
)
def test_s06_with_less_counted_than_there_is_the_same_check_fails(
    name: str, owner: type, method: str, instead: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(owner, method, instead)
    red(name)


@pytest.mark.parametrize("name", SCENES)
def test_s06_with_a_plan_that_is_judged_once_and_not_again_as_it_leaves_caps_break(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each entry of a plan keeps the limits; all of them together do not."""
    monkeypatch.setattr(Orders, "submit", unjudged)
    if name in ("leg-cap", "gross-cap", "leverage", "margin", "liquidation", "message-budget"):
        red(name)
    else:
        check_s06(name)


NEEDS_EXITS: Final = (fall, above_an_own_target, again_and_again)
"""What provokes a limit by lots that must have their exits for it to bind."""


def unjudged(self: Orders, order: DesiredOrder, step: Decimal) -> None:
    record = self._record(order, step)
    with self._unless_unsent(record):
        self._announce(record)
        self._venue.submit(record.id, order)


@pytest.mark.parametrize("name", [name for name, scene in SCENES.items() if scene.provoke not in NEEDS_EXITS])
def test_s06_with_a_gate_that_judges_exits_as_well_the_same_check_fails(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the seed has it: the limit that keeps an entry back keeps the stop of what is held back too."""
    cure = Orders._submit_pair

    def judged(self: Orders, stop: DesiredOrder, target: DesiredOrder, step: Decimal) -> None:
        key = msgspec.structs.replace(target.key, role=Role.ENTRY, slot=1)
        many = msgspec.structs.replace(target, key=key, qty=Decimal("0.6"))
        if self._judge(many) is None:
            cure(self, stop, target, step)

    monkeypatch.setattr(Orders, "_submit_pair", judged)
    red(name)
