"""Legs, money and vitals as text at the heights that they get, and the help that explains every word of the screen."""

import re
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

import strategy
from hedgegrid_tui.actions import ACTIONS
from hedgegrid_tui.render import conditions, ladder_columns, legend, legs, money, vitals
from hedgegrid_tui.render.frame import Frame
from hedgegrid_tui.render.keys import Keys
from hedgegrid_tui.render.reasons import REASONS
from hedgegrid_tui.render.rows import Ink
from hedgegrid_tui.render.view import PanelId, View
from hedgegrid_tui.render.wording import with_keys
from hedgegrid_tui.screens.pages import help_page, journal_page
from strategy.desk import ENTRIES_OPEN
from strategy.domain import NS_PER_S, DoorState, Leg, Reason, Regime, Role
from strategy.drawdown import Level, Scope
from strategy.order_index import OrderStatus
from strategy.past import DRAWDOWN_ALARM, NOT_FLAT, REPEATED_ALARM
from strategy.snapshot import EnginePhase, EngineStatus, FlattenStage, LegView, OperationalMetrics, RungState, Snapshot
from strategy.watchdog import SILENT_STREAM, STALE_FEED, STUCK_LOOP
from tests.hedgegrid_tui import fakes
from tests.hedgegrid_tui.test_pictures import frame, inks, text

replace = msgspec.structs.replace


def squeezed(rows: Any) -> list[str]:
    """Rows without regard to gaps."""
    return [" ".join(line.split()) for line in text(rows).splitlines()]


def leg(which: Leg = Leg.LONG, **changes: Any) -> Snapshot:
    sound = fakes.running()
    return replace(sound, **{which.value: replace(sound.leg(which), **changes)})


# -- legs --------------------------------------------------------------------------------------------------------------


def test_a_leg_tells_what_is_held_covered_earned_capped_and_what_the_worst_would_be() -> None:
    assert squeezed(legs.rows(frame(), 40, 14))[7:] == [
        "▼ SHORT 0.004 BTC @ 61,906.6",
        "stops ✓ 0.004 of 0.004, 100 % · TP 100 %",
        "unrealised on 247.21 USDT ▲ +0.42",
        "cap used █░░░░░░░ 992 of 20,000 4 %",
        "if all fill 0.016 BTC @ 62,019.8",
        "liquidation 648,212.4 (+948.9 %)",
        "orders 6 entries · 4 exits · 2 lots",
    ]


def test_long_figures_of_a_cap_shorten_its_bar_before_they_are_cut() -> None:
    caps = replace(fakes.running().risk.caps, long_worst=Decimal(11594), short_worst=Decimal(111594))
    shown = text(legs.rows(frame(fakes.running(risk=fakes.controls(caps=caps))), 36, 14))
    assert re.search(r"cap used +█[▒░]{4,5} 11,594 of 20,000 57 %", shown)
    assert "111,594 of 20,000 557 %" in shown


def test_a_liquidation_that_is_far_away_has_no_decimals_in_its_distance() -> None:
    caps = replace(fakes.running().risk.caps, short_liquidation=Decimal("1298760.19"))
    assert "1,298,760.2 (+2,001 %)" in text(legs.rows(frame(fakes.running(risk=fakes.controls(caps=caps))), 36, 14))


def test_what_is_held_once_all_fills_has_the_average_of_lots_and_entries() -> None:
    held: dict[str, Any] = {"qty": Decimal(1), "average": Decimal(100), "open_entry_qty": Decimal(3)}
    snapshot = leg(**held, open_entry_notional=Decimal(270))
    assert squeezed(legs.rows(frame(snapshot), 40, 14))[4] == "if all fill 4.000 BTC @ 92.5"
    empty: dict[str, Any] = {
        "qty": Decimal(0),
        "average": None,
        "open_entry_qty": Decimal(0),
        "open_entry_notional": Decimal(0),
    }
    assert squeezed(legs.rows(frame(leg(**empty)), 40, 14))[4] == "if all fill -"


@pytest.mark.parametrize("height", range(2, 15))
def test_low_panels_keep_quantity_and_stops_of_both_legs(height: int) -> None:
    shown = squeezed(legs.rows(frame(), 40, height))
    assert len(shown) == height
    assert sum("0.004 BTC @" in line for line in shown) == 2
    assert sum(line.startswith("stops ✓") for line in shown) == min(2, height - 2)


def test_legs_stand_beside_each_other_where_there_is_room() -> None:
    rows = legs.rows(frame(), 100, 9)
    assert "▲ LONG" in text(rows).splitlines()[0]
    assert "▼ SHORT" in text(rows).splitlines()[0]
    assert len(rows) == 7


def test_stops_that_do_not_cover_a_leg_are_an_alarm_at_every_width() -> None:
    for width in (30, 40, 60):
        rows = legs.rows(frame(fakes.critical()), width, 12)
        assert "UNPROTECTED 0.002" in text(rows)
        assert inks(rows, "UNPROTECTED") == {Ink.ALARM}
        assert "…" not in text(rows).splitlines()[1]


def test_a_take_profit_that_does_not_cover_a_leg_is_coloured() -> None:
    rows = legs.rows(frame(leg(tp_qty=Decimal("0.002"))), 40, 12)
    assert inks(rows, "TP 50 %") == {Ink.WARN}


def test_a_thinned_ladder_is_told_and_stays_in_a_low_panel() -> None:
    rows = legs.rows(frame(fakes.thinned()), 48, 6)
    assert inks(rows, "ladder 12.5 %") == {Ink.WARN}


def test_before_the_first_snapshot_no_leg_and_no_money_is_claimed() -> None:
    assert text(legs.rows(Frame(), 40, 14)) == text(money.rows(Frame(), 40, 9)) == "no snapshot yet"


# -- money -------------------------------------------------------------------------------------------------------------


def test_the_money_adds_up_to_the_change_in_equity() -> None:
    metrics = fakes.running().metrics
    parts = metrics.realised + metrics.unrealised + metrics.fees + metrics.funding
    assert metrics.equity - metrics.equity_start == parts
    assert squeezed(money.rows(frame(), 40, 11)) == [
        "since start ▲ +12.40",
        "per hour ▲ +11.60",
        "realised ▲ +14.21",
        "unrealised ▲ +0.80",
        "fees -2.49",
        "funding -0.12",
        "equity 10,012.40 USDT",
        "below its peak -0.62",
        "win rate 93 % (58 of 62 trips)",
        "round trips/fills 62 · 131",
        "TPs/stops/closes 58 · 4 · 0",
    ]


def test_a_low_panel_keeps_the_total_and_its_largest_parts() -> None:
    shown = squeezed(money.rows(frame(), 40, 4))
    assert [line.split()[0] for line in shown] == ["since", "realised", "unrealised", "fees"]


@pytest.mark.parametrize(
    ("minutes", "told"), [(None, "-"), (4, "-"), (5, "▲ +139.20"), (30, "▲ +23.20"), (120, "▲ +5.80")]
)
def test_a_rate_an_hour_is_told_of_sessions_that_are_old_enough(minutes: int | None, told: str) -> None:
    began = 0 if minutes is None else fakes.NOW - minutes * 60 * NS_PER_S
    assert squeezed(money.rows(frame(fakes.running(began_ns=began)), 40, 11))[1] == f"per hour {told}"


def test_what_earlier_sessions_brought_is_in_no_rate() -> None:
    sound = fakes.running()
    metrics = msgspec.structs.replace(sound.metrics, earned_before=Decimal("11.00"))
    assert squeezed(money.rows(frame(fakes.running(metrics=metrics)), 40, 11))[1] == "per hour ▲ +0.60"


def test_a_rate_an_hour_stands_still_within_a_minute() -> None:
    before = fakes.running(began_ns=fakes.NOW - 1800 * NS_PER_S)
    after = replace(before, ts=before.ts + 59 * NS_PER_S)
    assert money.rows(frame(before), 40, 11) == money.rows(frame(after), 40, 11)


def test_a_win_rate_needs_a_round_trip() -> None:
    assert "win rate -" in squeezed(money.rows(frame(fakes.running(metrics=OperationalMetrics())), 40, 11))


# -- vitals ------------------------------------------------------------------------------------------------------------


def test_vitals_tell_ages_lags_conditions_and_counts() -> None:
    status = EngineStatus(EnginePhase.RUNNING, lag_ms=130)
    heard = fakes.running(heard_ns=fakes.NOW - 12 * NS_PER_S)
    assert squeezed(vitals.rows(frame(heard, age=1.5, status=status, draw_ms=7.0), 50, 12)) == [
        "market data age <1 s",
        "venue's last word 12 s",
        "snapshot age 1 s",
        "engine loop lag 125 ms",
        "screen frame <25 ms",
        "engine running",
        "regime → SIDEWAYS · +1.3 bps · ADX 17.6",
        "funding +0.0100 % in 1 h 57 m · LONG pays",
        "quotes/trades/bars 18,204 · 5,120 · 61",
        "sent/rejected/denied 412 · 3 · 0",
        "longest unprotected <1 s",
        "engine time (UTC) 12:03",
    ]


def test_what_is_not_known_is_a_dash_and_never_a_zero() -> None:
    shown = squeezed(vitals.rows(Frame(), 50, 14))
    assert [line for line in shown if line.split()[-1] != "-"] == ["engine loop lag <25 ms", "engine idle"]
    assert "venue's last word -" in squeezed(vitals.rows(frame(fakes.running(heard_ns=0)), 50, 14))


def test_a_low_panel_keeps_the_ages() -> None:
    shown = squeezed(vitals.rows(frame(), 40, 3))
    assert [line.split()[0] for line in shown] == ["market", "venue's", "snapshot"]


def test_what_is_old_silent_or_late_says_so_by_sign_and_ink() -> None:
    market = replace(fakes.running().market, ts=fakes.NOW - 7 * NS_PER_S)
    late = EngineStatus(EnginePhase.RUNNING, lag_ms=900)
    rows = vitals.rows(frame(fakes.running(market=market), age=9.0, status=late), 40, 14)
    assert inks(rows, "! 16 s") == {Ink.STALE}
    assert inks(rows, "! 9 s") == {Ink.ALARM}
    assert inks(rows, "! 900 ms") == {Ink.WARN}


def test_a_quiet_second_changes_no_more_than_the_ages() -> None:
    now = fakes.NOW + 2 * NS_PER_S
    before = frame(fakes.running(ts=now, heard_ns=now - 100 * NS_PER_S), draw_ms=5.0)
    later = replace(before.snapshot, ts=before.snapshot.ts + NS_PER_S, seq=before.snapshot.seq + 4)
    after = replace(before, snapshot=later, draw_ms=9.0, status=EngineStatus(EnginePhase.RUNNING, lag_ms=11))
    changed = [
        old.split("  ")[0]
        for old, new in zip(
            text(vitals.rows(before, 50, 14)).splitlines(), text(vitals.rows(after, 50, 14)).splitlines(), strict=True
        )
        if old != new
    ]
    assert changed == ["market data age", "venue's last word"]


def test_vitals_scroll_in_hand_where_they_do_not_fit() -> None:
    in_hand = frame(view=View(panel=PanelId.VITALS))
    assert vitals.bounds(in_hand, 50, 5) == (-8, 0)
    assert vitals.bounds(in_hand, 50, 12) == (0, 0)
    assert squeezed(vitals.rows(in_hand, 50, 5))[-1] == "… 8 more arrows scroll"
    end = frame(view=View(panel=PanelId.VITALS, scroll={PanelId.VITALS: -8}))
    assert squeezed(vitals.rows(end, 50, 5))[-2:] == ["engine time (UTC) 12:03", "↑ 8 arrows scroll"]


@pytest.mark.parametrize(
    ("seconds", "told"), [(0, "<1 s"), (59, "59 s"), (599, "9 m 59 s"), (600, "10 m"), (3660, "1 h 01 m")]
)
def test_a_countdown_has_seconds_in_its_last_minutes_only(seconds: int, told: str) -> None:
    assert conditions.countdown(seconds * NS_PER_S) == told


@pytest.mark.parametrize("width", [36, 38])
def test_beside_the_ladder_the_regime_of_the_vitals_leaves_out_the_strength_rather_than_its_name(width: int) -> None:
    told = next(line for line in squeezed(vitals.rows(frame(), width, 12)) if line.startswith("reg"))
    assert told == "regime → SIDEWAYS · +1.3 bps"


def test_an_old_regime_and_an_unknown_rate_are_told_in_brief_too() -> None:
    old = fakes.running(ts=fakes.NOW + 200 * NS_PER_S)
    assert inks((conditions.regime_in_brief(old, strength=True),), "! 3 m 27 s old") == {Ink.STALE}
    unknown = fakes.warming()
    assert text((conditions.regime_in_brief(unknown, strength=True),)) == "◌ warming 16/55"
    assert text((conditions.funding_in_brief(unknown, pays=True),)) == "not known"


# -- help --------------------------------------------------------------------------------------------------------------


def help_text(width: int = 240, keys: Keys | None = None) -> str:
    return text(help_page(Frame() if keys is None else Frame(keys=keys), width))


@pytest.mark.parametrize("reason", list(Reason))
def test_the_help_explains_every_reason(reason: Reason) -> None:
    meaning = with_keys(REASONS[reason].meaning, Keys())
    assert re.search(rf"\n  {reason} *\n? +{re.escape(meaning)}\n", help_text())


@pytest.mark.parametrize(
    ("explained", "known"),
    [
        (legend.PANELS, PanelId),
        (legend.LADDER, {*ladder_columns.TITLES, ladder_columns.WHY}),
        (legend.RUNGS, RungState),
        (legend.STATES, DoorState),
        (legend.STAGES, FlattenStage),
        (legend.ORDERS, OrderStatus),
        (legend.ROLES, Role),
        (legend.REGIMES, Regime),
    ],
)
def test_the_help_knows_every_panel_column_and_state(explained: dict[str, str], known: Iterable[str]) -> None:
    assert set(explained) == set(known)
    shown = help_text()
    assert all(with_keys(meaning, Keys()) in shown for meaning in explained.values())


def test_the_help_explains_every_alarm_that_the_strategy_raises() -> None:
    source = "".join(path.read_text() for path in Path(str(strategy.__file__)).parent.glob("*.py"))
    raised = set(re.findall(r'Alarm\("([a-z-]+)"', source))
    assert raised
    raised |= {STALE_FEED, SILENT_STREAM, STUCK_LOOP, ENTRIES_OPEN, NOT_FLAT, REPEATED_ALARM.removesuffix("-")}
    raised |= {f"{DRAWDOWN_ALARM}{scope}-{level}" for scope in Scope for level in Level}
    assert raised <= set(legend.ALARMS)
    assert all(f"  {name}" in help_text() for name in raised)


def test_every_action_that_a_text_names_exists() -> None:
    told = [part for section in legend.sections() for line in section.lines for part in line]
    named = {name for part in told for name in re.findall(r"\{([^}]*)\}", part)}
    assert named
    assert named <= set(ACTIONS)
    assert "{" not in help_text()


def test_the_help_names_the_trader_s_own_keys() -> None:
    own = Keys({"resume": ("f5",), "pause": ()})
    shown = help_text(keys=own)
    assert "no entry leaves, exits work on; F5 resumes" in shown
    assert "the palette's pause pauses from here, too" in shown
    assert re.search(r"\n  F5 +resume ", shown)
    assert re.search(r"\n  - +pause ", shown)


def test_the_help_groups_what_acts_before_what_only_looks() -> None:
    shown = help_text()
    assert shown.index("Keys that act") < shown.index("  F     flatten") < shown.index("Keys that only change")
    assert shown.index("Keys that only change") < shown.index("  z     zoom") < shown.index("Panels")


def test_the_log_page_tells_of_what_is_not_there() -> None:
    bare = fakes.running(receipts=(), errors=())
    assert [line for line in squeezed(journal_page(frame(bare), 60)) if line] == [
        "errors",
        "✓ no errors",
        "receipts",
        "no command yet",
        "engine log",
        "the engine has written nothing",
    ]


def test_a_leg_that_holds_nothing_needs_no_stop() -> None:
    snapshot = fakes.running(long=LegView(Leg.LONG))
    assert squeezed(legs.rows(frame(snapshot), 40, 14))[1] == "stops not held"
