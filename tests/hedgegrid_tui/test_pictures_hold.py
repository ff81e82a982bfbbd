"""No snapshot whatever may crash a picture or push it out of its place."""

from decimal import Decimal
from typing import Any

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from hedgegrid_tui.actions import ACTIONS
from hedgegrid_tui.observer import hints
from hedgegrid_tui.render import dialogs, errors, events, fills, notice, orders, resets, risk_page, vitals
from hedgegrid_tui.render.frame import Frame
from hedgegrid_tui.render.records import EventRecord, FillRecord
from hedgegrid_tui.render.rows import Ink, Segment, text_of
from hedgegrid_tui.render.view import RANGES_S, PanelId, View
from hedgegrid_tui.screens.dashboard import PICTURES
from hedgegrid_tui.screens.pages import help_page, journal_page
from strategy.control import Receipt
from strategy.domain import DoorState, Leg, Reason, Regime
from strategy.funding import FundingView
from strategy.latches import Halt
from strategy.regime import RegimeReading
from strategy.snapshot import (
    AlarmView,
    BreakerView,
    BudgetView,
    CapsView,
    DrawdownView,
    EngineStatus,
    ErrorRecord,
    FlattenView,
    LadderSnapshot,
    LegView,
    LotView,
    MarketView,
    OperationalMetrics,
    OrderView,
    RiskView,
    RungView,
    Snapshot,
)

MONEY = st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=-(10**12), max_value=10**12)
PRICE = st.decimals(min_value=Decimal("0.00001"), max_value=10**9, places=5)
TIME = st.integers(0, 2**62)


def build(kind: Any, **fields: Any) -> Any:
    return st.builds(kind, **fields)


LOTS = build(
    LotView, qty=MONEY, entry=PRICE, take_profit=PRICE, stop=PRICE, tp_qty=MONEY, sl_qty=MONEY, unrealised=MONEY
)
RUNGS = build(RungView, price=PRICE, qty=MONEY, live_qty=MONEY, lot=st.none() | LOTS, detail=st.text(max_size=30))
LEG_FIELDS = dict.fromkeys(("qty", "unrealised", "notional", "tp_qty", "sl_qty", "open_entry_notional"), MONEY)
SHARE = st.decimals(0, 1, places=3)
REGIMES = build(
    RegimeReading,
    regime=st.sampled_from(Regime),
    seen=st.integers(0, 2000),
    needed=st.integers(0, 1000),
    spread_bps=st.none() | MONEY,
    adx=st.none() | MONEY,
    atr=st.none() | PRICE,
    ts=TIME,
)
FUNDINGS = build(
    FundingView,
    rate=st.none() | MONEY,
    next_ns=st.none() | TIME,
    interval_minutes=st.none() | st.integers(1, 10**6),
    limit_bps=MONEY,
    cost_long_bps=st.none() | MONEY,
    cost_short_bps=st.none() | MONEY,
    paying=st.none() | st.sampled_from(Leg),
    share_long=SHARE,
    share_short=SHARE,
)
ERRORS = build(ErrorRecord)
KIND = st.sampled_from(["act", "alarm", "error", "session.start", "a kind that nobody has heard of"])
FILLS = build(FillRecord, ts=TIME, qty=MONEY, price=PRICE, fee=MONEY)
EVENTS = st.builds(EventRecord, ts=TIME, kind=KIND, text=st.text(max_size=90))
ORDERS = build(OrderView, price=st.none() | PRICE, qty=MONEY, filled=MONEY, sent_ns=TIME)
VIEWS = build(
    View,
    panel=st.sampled_from(PanelId),
    zoomed=st.booleans(),
    scroll=st.dictionaries(st.sampled_from(PanelId), st.integers(-30, 30)),
    search=st.just("") | st.text(max_size=4),
    chart_range=st.integers(0, len(RANGES_S) - 1),
)
LEVELS = st.tuples(SHARE, SHARE, SHARE)
RISKS = build(
    RiskView,
    latched=st.lists(st.sampled_from([*DoorState, "unheard-of"])).map(lambda names: tuple(map(str, names))),
    breaker=build(BreakerView, until_ns=TIME, errors=st.lists(st.text(max_size=90), max_size=6).map(tuple)),
    drawdown=build(
        DrawdownView,
        peak=MONEY,
        total_pct=MONEY,
        total_levels=LEVELS,
        day_start=MONEY,
        day_pct=MONEY,
        day_levels=LEVELS,
        reached=st.lists(st.sampled_from(["total-warn", "day-halt", "odd"]), max_size=4).map(tuple),
    ),
    caps=build(
        CapsView,
        share=SHARE,
        leg_cap=MONEY,
        gross_cap=MONEY,
        long_worst=MONEY,
        short_worst=MONEY,
        leverage=MONEY,
        max_leverage=MONEY,
        long_liquidation=st.none() | PRICE,
        short_liquidation=st.none() | PRICE,
    ),
    budget=build(BudgetView),
    denials=st.lists(st.tuples(st.sampled_from([*map(str, Reason), "odd"]), st.integers(0, 10**9)), max_size=5).map(
        tuple
    ),
    repeated=st.lists(st.text(max_size=9), max_size=4).map(tuple),
    halts=st.lists(st.sampled_from(Halt), unique=True).map(tuple),
    alarms=st.lists(
        build(
            AlarmView,
            name=st.sampled_from(["unprotected", "stale-feed", "drawdown-total-halt", "drawdown-day-warn", "odd one"]),
            leg=st.none() | st.sampled_from(Leg),
            since_ns=TIME,
            detail=st.text(max_size=90),
        ),
        max_size=6,
    ).map(tuple),
)
SNAPSHOTS = build(
    Snapshot,
    seq=st.integers(0, 5),
    ts=TIME,
    began_ns=TIME,
    heard_ns=TIME,
    orders=st.lists(ORDERS, max_size=9).map(tuple),
    mode=st.sampled_from(["", "sim", "live", "unheard-of"]),
    price_decimals=st.integers(0, 8),
    qty_decimals=st.integers(0, 8),
    instrument=st.text(max_size=12),
    taker_fee=MONEY,
    market=build(MarketView, bid=st.none() | PRICE, ask=st.none() | PRICE, mark=st.none() | PRICE, ts=TIME),
    ladders=build(
        LadderSnapshot,
        centre=st.none() | PRICE,
        step=st.none() | PRICE,
        long=st.lists(RUNGS, max_size=6).map(tuple),
        short=st.lists(RUNGS, max_size=6).map(tuple),
        strays=st.lists(LOTS, max_size=3).map(tuple),
    ),
    regime=REGIMES,
    warming=st.text(max_size=90),
    funding=FUNDINGS,
    throttle=SHARE,
    state=st.sampled_from(DoorState),
    long=build(LegView, leg=st.just(Leg.LONG), average=st.none() | PRICE, ladder_share=SHARE, **LEG_FIELDS),
    short=build(LegView, leg=st.just(Leg.SHORT), average=st.none() | PRICE, **LEG_FIELDS),
    risk=RISKS,
    metrics=build(OperationalMetrics, equity=MONEY, peak=MONEY, realised=MONEY, fees=MONEY, errors=st.integers(0, 9)),
    flatten=st.none()
    | build(
        FlattenView,
        legs=st.sampled_from([(Leg.LONG,), (Leg.SHORT,), (Leg.LONG, Leg.SHORT)]),
        long_left=MONEY,
        short_left=MONEY,
    ),
    receipts=st.lists(
        build(Receipt, detail=st.dictionaries(st.text(max_size=8), st.text(max_size=8), max_size=2)), max_size=4
    ).map(tuple),
    errors=st.lists(ERRORS, max_size=5).map(tuple),
    state_reason=st.text(max_size=20) | st.text(max_size=20).map("restored: {}".format),
)
FRAMES = build(
    Frame,
    snapshot=SNAPSHOTS,
    status=build(EngineStatus, detail=st.text(max_size=90)),
    age=st.floats(0, 1e6),
    pinned=st.lists(ERRORS, max_size=3).map(tuple),
    log=st.lists(st.text(max_size=60), max_size=5).map(tuple),
    fault=st.text(max_size=20),
    message=build(Segment, text=st.text(max_size=90), ink=st.sampled_from(Ink)),
    stopping=st.sampled_from(["", "stopping"]),
    hints=st.just(()),
    view=VIEWS,
    fills=st.lists(FILLS, max_size=9).map(tuple),
    events=st.lists(EVENTS, max_size=9).map(tuple),
    draw_ms=st.floats(0, 1e6),
)
SCROLLED = {
    PanelId.RISK: risk_page,
    PanelId.ORDERS: orders,
    PanelId.FILLS: fills,
    PanelId.EVENTS: events,
    PanelId.ERRORS: errors,
    PanelId.VITALS: vitals,
}


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
@given(FRAMES, st.integers(1, 130), st.integers(1, 24))
def test_every_picture_of_every_snapshot_stays_within_its_width_and_height(
    frame: Frame, width: int, height: int
) -> None:
    for name, picture in PICTURES.items():
        rows = picture(frame, width, height)
        assert len(rows) <= height, name
        assert {cell_len(text_of(row)) for row in rows} <= {width}, name


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
@given(FRAMES, st.sampled_from(list(SCROLLED)), st.integers(20, 130), st.integers(1, 12))
def test_rest_lies_within_the_bounds_of_every_scroll_and_what_is_beyond_them_shows_what_is_at_them(
    frame: Frame, panel: PanelId, width: int, height: int
) -> None:
    picture = SCROLLED[panel]

    def shown(scroll: int) -> Any:
        view = msgspec.structs.replace(frame.view, panel=panel, scroll={panel: scroll})
        return picture.rows(msgspec.structs.replace(frame, view=view), width, height)

    in_hand = msgspec.structs.replace(frame, view=msgspec.structs.replace(frame.view, panel=panel))
    least, most = picture.bounds(in_hand, width, height)
    assert least <= 0 <= most
    assert shown(most + 7) == shown(most)
    assert shown(least - 7) == shown(least)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
@given(FRAMES, st.integers(1, 130))
def test_a_page_on_any_error_or_event_stays_within_its_width(frame: Frame, width: int) -> None:
    pages = [errors.context_page(frame, record.number) for record in (*frame.pinned, *frame.snapshot.errors)]
    pages += [events.context_page(frame, event.seq) for event in frame.events]
    for page in pages:
        assert {cell_len(text_of(row)) for row in page(frame, width)} <= {width}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
@given(FRAMES, st.integers(1, 130))
def test_notices_pages_and_dialogs_of_every_snapshot_stay_within_their_width(frame: Frame, width: int) -> None:
    pages = [
        notice.rows(frame, width),
        help_page(frame, width),
        journal_page(frame, width),
        risk_page.page(frame, width),
    ]
    bodies = (
        dialogs.flatten_body,
        dialogs.cancel_body,
        dialogs.resume_body,
        dialogs.quit_body,
        dialogs.throttle_body,
        resets.breaker_body,
        resets.drawdown_body,
    )
    pages += [dialogs.rows(body(frame), (), Segment("hint"), width) for body in bodies]
    assert len(notice.rows(frame, width)) <= notice.MOST
    for rows in pages:
        assert {cell_len(text_of(row)) for row in rows} <= {width}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
@given(FRAMES, st.booleans())
def test_every_action_has_an_answer_for_every_snapshot(frame: Frame, read_only: bool) -> None:
    seen = msgspec.structs.replace(frame, read_only=read_only)
    told = {action.id: action.allowed(seen) for action in ACTIONS.values()}
    assert all(reason is None or reason.strip() for reason in told.values())
    usable = {seen.keys.of(action_id) for action_id, reason in told.items() if reason is None}
    assert {hint.key for hint in hints(seen) if hint.usable} <= usable
