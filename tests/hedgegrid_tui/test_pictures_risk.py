"""What is latched, what is alarmed, how near each limit is and what a reset would do, read as text."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from hedgegrid_tui.actions import ACTIONS
from hedgegrid_tui.render import dialogs, door, lists, notice, resets, risk, risk_page, strip
from hedgegrid_tui.render.frame import Frame
from hedgegrid_tui.render.keys import Keys
from hedgegrid_tui.render.places import places
from hedgegrid_tui.render.rows import CUT, NOTHING, Ink, Rows, text_of
from hedgegrid_tui.render.view import PanelId, View
from hedgegrid_tui.screens.dashboard import EDGES
from strategy.control import Receipt, Result
from strategy.domain import NS_PER_S, DoorState, Leg
from strategy.latches import Halt
from strategy.snapshot import AlarmView, EnginePhase, EngineStatus, FlattenStage, Snapshot
from tests.hedgegrid_tui import fakes
from tests.hedgegrid_tui.test_pictures import frame, inks, text

replace = msgspec.structs.replace
STATES: dict[DoorState, Callable[[], Snapshot]] = {
    DoorState.RUNNING: fakes.running,
    DoorState.PAUSED: fakes.paused,
    DoorState.BREAKER_OPEN: fakes.breaker_open,
    DoorState.HALTED: fakes.halted,
    DoorState.FLATTENING: fakes.flattening,
}


def alarmed(*alarms: AlarmView, **changes: Any) -> Snapshot:
    return fakes.running(risk=fakes.controls(alarms=alarms), **changes)


def loss(scope: str, level: str) -> AlarmView:
    return AlarmView(f"drawdown-{scope}-{level}", None, fakes.NOW - 9 * NS_PER_S, f"{scope} loss, {level}")


def first(rows: Rows) -> str:
    """The two rows that are read at a glance, without regard to gaps."""
    return " ".join(" ".join(text(rows).splitlines()[:2]).split())


# -- the door -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", list(DoorState))
def test_every_state_has_a_glyph_a_word_and_an_ink_of_its_own(state: DoorState) -> None:
    told = [door.STATES[each] for each in DoorState]
    assert len({segment.text.split()[0] for segment in told}) == len(told)
    assert door.STATES[state].text.strip()[2:] == state.replace("_", " ").upper()
    for width, height in ((78, 6), (118, 4)):
        rows = strip.rows(frame(STATES[state]()), width, height)
        assert door.STATES[state].text.strip() in first(rows)
        assert inks(rows, door.STATES[state].text) == {door.STATES[state].ink}


def test_the_strip_counts_an_open_breaker_down_or_says_that_only_a_reset_closes_it() -> None:
    assert "⊘ BREAKER OPEN 4 m 12 s" in first(strip.rows(frame(fakes.breaker_open()), 78, 6))
    assert "⊘ BREAKER OPEN <1 s" in first(strip.rows(frame(fakes.breaker_open(until_s=-3)), 78, 6))
    assert "⊘ BREAKER OPEN until reset" in first(strip.rows(frame(fakes.breaker_open(until_s=0)), 78, 6))


def test_the_strip_says_what_has_halted() -> None:
    assert "■ HALTED by losses D resets" in first(strip.rows(frame(fakes.halted()), 118, 4))
    assert "■ HALTED by a critical error B resets" in first(strip.rows(frame(fakes.halted_by_error()), 118, 4))


def test_what_the_gravest_state_hides_is_told_beside_and_beneath_it() -> None:
    hidden = fakes.breaker_open(DoorState.PAUSED)
    assert "BREAKER OPEN 4 m 12 s B resets + ‖ PAUSED" in first(strip.rows(frame(hidden), 118, 4))
    assert "also latched: ‖ PAUSED" in text(notice.rows(frame(hidden), 76))
    deep = fakes.halted(DoorState.BREAKER_OPEN, DoorState.PAUSED)
    assert "also latched: ⊘ BREAKER OPEN + ‖ PAUSED" in text(notice.rows(frame(deep), 76))
    assert "also latched: ‖ PAUSED" in text(notice.rows(frame(fakes.flattening(paused=True)), 76))
    assert "also" not in text(notice.rows(frame(fakes.breaker_open()), 76))


def test_the_reason_of_a_state_is_told_with_the_key_that_ends_it() -> None:
    told = {state: text(notice.rows(frame(snapshot()), 76)) for state, snapshot in STATES.items()}
    assert "‖ PAUSED: paused by the operator; P resumes" in told[DoorState.PAUSED]
    assert "⊘ BREAKER OPEN: 5 errors within 60 s; closes in 4 m 12 s, B resets" in told[DoorState.BREAKER_OPEN]
    assert "■ HALTED: drawdown: loss 25.34 % below the peak, limit 25 %; D resets" in told[DoorState.HALTED]


@pytest.mark.parametrize(
    "snapshot", [fakes.paused, fakes.breaker_open, fakes.halted, fakes.halted_by_error, fakes.restored]
)
def test_the_key_that_a_state_names_is_one_that_works(snapshot: Callable[[], Snapshot]) -> None:
    key, _ = door.way_out(snapshot().state, snapshot())
    action = next(action for action in ACTIONS.values() if action.shown == key)
    assert action.allowed(frame(snapshot())) is None


@pytest.mark.parametrize("state", [DoorState.BREAKER_OPEN, DoorState.HALTED, DoorState.PAUSED])
def test_a_state_from_before_the_start_is_called_restored(state: DoorState) -> None:
    snapshot = STATES[state]()
    restored = replace(snapshot, state_reason=f"restored: {snapshot.state_reason}")
    assert f"{door.STATES[state].text.strip()} (restored)" in first(strip.rows(frame(restored), 118, 4))
    told = text(notice.rows(frame(restored), 90))
    assert f"{door.STATES[state].text.strip()} since an earlier session ({snapshot.state_reason});" in told
    assert door.figure(restored) == door.figure(snapshot)


def test_a_flatten_that_was_latched_before_the_start_is_told_though_no_stage_is_known_yet() -> None:
    left = fakes.latched(DoorState.FLATTENING, "restored: flatten long and short", DoorState.PAUSED)
    told = text(notice.rows(frame(left), 90))
    assert told.startswith("▼ FLATTENING since an earlier session (flatten long and short)")
    assert "also latched: ‖ PAUSED" in told


def test_a_read_only_cockpit_is_offered_no_key_for_a_state() -> None:
    for snapshot in (fakes.breaker_open(), fakes.halted()):
        watching = frame(snapshot, read_only=True)
        assert "resets" not in text(strip.rows(watching, 118, 4)) + text(notice.rows(watching, 76))


# -- alarms --------------------------------------------------------------------------------------------------------


def test_an_alarm_tells_its_name_its_leg_for_how_long_and_why() -> None:
    told = text(notice.rows(frame(fakes.critical()), 76))
    assert told.strip() == "! UNPROTECTED LONG 2 s  0.002 without a working stop for 1.0 s"
    assert inks(notice.rows(frame(fakes.critical()), 76), "UNPROTECTED") == {Ink.ALARM}


def test_an_alarm_goes_on_lasting_while_the_engine_is_stuck() -> None:
    assert "UNPROTECTED LONG 12 s" in text(notice.rows(frame(fakes.critical(), age=10.0), 76))


def test_a_feed_that_is_alarmed_is_an_alarm_in_the_strip_at_every_width() -> None:
    for width in (78, 118):
        rows = strip.rows(frame(fakes.stale()), width, 4)
        assert "! FEED STALE 7 s" in first(rows)
        assert inks(rows, "FEED STALE") == {Ink.ALARM}
    crowded = frame(fakes.stale(), read_only=True, pinned=fakes.critical().errors[1:])
    assert "! FEED STALE 7 s" in first(strip.rows(crowded, 78, 4))


def test_further_alarms_are_counted_in_the_strip() -> None:
    one, two = AlarmView("mismatch", Leg.LONG, fakes.NOW, ""), AlarmView("silent-stream", None, fakes.NOW, "")
    assert "! 1 ALARM" in first(strip.rows(frame(alarmed(one)), 78, 4))
    assert "! 2 ALARMS" in first(strip.rows(frame(alarmed(one, two)), 78, 4))
    assert "ALARM" not in first(strip.rows(frame(fakes.stale()), 78, 4))


def test_of_the_levels_of_one_loss_the_gravest_is_told_and_the_page_tells_all() -> None:
    levels = [loss("total", "warn"), loss("day", "warn"), loss("total", "pause"), loss("total", "halt")]
    told = text(notice.rows(frame(alarmed(*levels)), 76))
    assert "DRAWDOWN TOTAL HALT" in told
    assert "DRAWDOWN DAY WARN" in told
    assert "PAUSE" not in told
    page = text(risk_page.page(frame(alarmed(*levels)), 78))
    assert all(alarm.detail in page for alarm in levels)


def test_more_alarms_than_there_is_room_for_are_counted() -> None:
    many = [AlarmView(f"alarm-{number}", None, fakes.NOW, "") for number in range(5)]
    told = text(notice.rows(frame(alarmed(*many)), 76)).splitlines()
    assert len(told) == notice.MOST_ALARMS
    assert told[-1] == "… 3 more alarms; r shows all"


def test_the_notice_keeps_to_its_rows_and_counts_the_rest() -> None:
    many = [AlarmView(f"alarm-{number}", None, fakes.NOW, "") for number in range(5)]
    worst = replace(
        fakes.halted(DoorState.PAUSED), risk=replace(fakes.halted(DoorState.PAUSED).risk, alarms=tuple(many))
    )
    told = text(notice.rows(frame(worst, stopping="stopping: flattening both legs, 2.0 s"), 60)).splitlines()
    assert len(told) == notice.MOST
    assert told[-1].endswith("more; r shows all")


@pytest.mark.parametrize(
    ("phase", "age", "word"),
    [
        (EnginePhase.RUNNING, 1.9, ""),
        (EnginePhase.RUNNING, 2.1, "ENGINE STUCK 2 s"),
        (EnginePhase.STOPPING, 2.9, ""),
        (EnginePhase.STOPPING, 3.1, "ENGINE SILENT 3 s"),
    ],
)
def test_an_engine_is_stuck_beyond_the_watchdog_s_bound_and_silent_while_it_winds_down(
    phase: EnginePhase, age: float, word: str
) -> None:
    told = first(strip.rows(frame(age=age, status=EngineStatus(phase)), 118, 4))
    assert (word in told) if word else ("ENGINE" not in told)


# -- limits --------------------------------------------------------------------------------------------------------


def brief(snapshot: Snapshot, width: int = 74, height: int = 9) -> Rows:
    return risk.brief(frame(snapshot), width, height)


def test_a_low_panel_tells_each_control_in_a_row() -> None:
    shown = text(brief(fakes.running())).splitlines()
    assert shown == [
        "breaker   ✓ closed  1 of 5 errors  in 1 m  trips 0",
        "losses    total 0.01 % (10/15/25)",
        "          day 0.00 % (5/8/12)",
        "caps      both legs 1,977 of 30,000",
        "leverage  0.20 of 5  liquidation +948.9 %",
        "denied    31 would-cross  4 backing-off",
        "requests  12 of 300 in 10 s",
        "throttle  100 %",
    ]


@pytest.mark.parametrize("snapshot", [fakes.running(), fakes.breaker_open()])
def test_beside_the_ladder_of_120_columns_no_control_is_cut(snapshot: Snapshot) -> None:
    room = places(120, 40, View())[PanelId.RISK].width - EDGES[0]
    assert CUT not in text(brief(snapshot, room))
    in_hand = frame(snapshot, view=View(panel=PanelId.RISK))
    whole = risk_page.rows(in_hand, room, 200)
    assert risk_page.bounds(in_hand, room, len(whole)) == (0, 0)
    assert risk_page.rows(in_hand, room, len(whole)) == whole
    assert CUT not in text(whole)


def test_beside_the_ladder_the_breaker_tells_its_count_and_when_it_closes() -> None:
    assert "✓ closed  1 of 5 errors" in text(brief(fakes.running(), 36))
    assert "⊘ OPEN  closes in 4 m 12 s" in text(brief(fakes.breaker_open(), 36))


@pytest.mark.parametrize("height", range(1, 9))
def test_a_lower_panel_leaves_out_the_least_needed_controls_and_never_a_warning(height: int) -> None:
    assert len(brief(fakes.running(), height=height)) == height
    warned = fakes.running(throttle=Decimal("0.5"), risk=fakes.controls(repeated=("long 3",)))
    shown = text(brief(warned, height=height))
    assert ("throttle  50 %" in shown) == (height >= 2)
    assert ("filled too often" in shown) == (height >= 2)


def test_more_warnings_than_a_low_panel_has_rows_are_counted() -> None:
    warned = fakes.running(throttle=Decimal("0.5"), risk=fakes.controls(repeated=("long 3",)))
    assert text(brief(warned, height=1)) == "… 2 more"


def test_the_panel_has_all_figures_where_they_fit_and_leaves_state_and_alarms_to_others() -> None:
    assert risk_page.rows(frame(), 74, 4) == brief(fakes.running(), height=4)
    whole = risk_page.rows(frame(), 90, 40)
    tall = text(whole)
    assert "at entry prices" in tall
    assert "RUNNING" not in tall
    assert risk_page.bounds(frame(), 90, len(whole)) == (0, 0)
    assert risk_page.bounds(frame(), 90, len(whole) - 1) == (-2, 0)
    assert text(risk_page.rows(Frame(), 90, 20)) == "no snapshot yet"
    assert risk_page.bounds(Frame(), 90, 1) == (0, 0)


def test_the_panel_in_hand_scrolls_through_all_of_its_figures() -> None:
    in_hand = View(panel=PanelId.RISK)
    whole = text(risk_page.rows(frame(), 74, 40)).splitlines()
    least, most = risk_page.bounds(frame(view=in_hand), 74, 8)
    assert (least, most) == (7 - len(whole), 0)
    top = text(risk_page.rows(frame(view=in_hand), 74, 8)).splitlines()
    assert top == [*whole[:7], f"… {len(whole) - 7} more  arrows scroll"]
    scrolled = replace(in_hand, scroll={PanelId.RISK: least})
    end = text(risk_page.rows(frame(view=scrolled), 74, 8)).splitlines()
    assert end == [*whole[-7:], f"↑ {len(whole) - 7}  arrows scroll"]


def test_what_has_halted_is_told_with_the_keys_that_end_it() -> None:
    both = (Halt.DRAWDOWN, Halt.CRITICAL)
    snapshot = fakes.latched(DoorState.HALTED, "drawdown: loss 25 %", halts=both)
    assert "halted    ■ by losses, D resets; by a critical error, B resets" in text(brief(snapshot))
    assert door.figure(snapshot) == "by losses and a critical error"
    errors_alone = fakes.latched(DoorState.HALTED, "drawdown: loss 25 %", halts=(Halt.CRITICAL,))
    assert "halted    ■ by a critical error, B resets" in text(risk_page.rows(frame(errors_alone), 90, 40))
    page = text(risk_page.page(frame(errors_alone), 90))
    assert page.splitlines()[0] == "state      ■ HALTED   by a critical error  B resets"
    assert "halted  " not in page
    assert "halted    ■ by losses, D resets; by a critical error, B resets" in text(risk_page.page(frame(snapshot), 90))
    assert door.way_out(DoorState.HALTED, errors_alone) == ("B", "resets")


def test_a_key_of_the_trader_s_own_is_named_in_place_of_the_default_one() -> None:
    own = Keys({"reset-breaker": ("x",), "resume": ("f5",)})
    shut = frame(fakes.breaker_open(), keys=own)
    assert "closes in 4 m 12 s, x resets" in text(notice.rows(shut, 76)) + text(risk.brief(shut, 90, 9))
    assert "F5 resumes" in text(notice.rows(frame(fakes.paused(), keys=own), 76))


def test_a_breaker_that_is_near_its_threshold_or_open_is_coloured() -> None:
    near = replace(fakes.controls().breaker, count=4)
    assert inks(brief(fakes.running(risk=fakes.controls(breaker=near))), "4 of 5") == {Ink.WARN}
    assert inks(brief(fakes.running()), "1 of 5") == {Ink.PLAIN}
    rows = brief(fakes.breaker_open(), 100)
    assert inks(rows, "closes in 4 m 12 s") == {Ink.BREAKER}
    assert "tripped at 5 errors in 1 m  trips 2" in text(rows)


def test_the_page_lists_the_errors_that_opened_the_breaker() -> None:
    page = text(risk_page.page(frame(fakes.breaker_open()), 100))
    assert page.count("Order's notional must be no smaller than") == 5
    assert "opened by · order rejected -4164" in page


def test_a_loss_is_coloured_by_the_gravest_level_that_it_has_passed() -> None:
    levels = (Decimal(5), Decimal(8), Decimal(12))
    for percent, ink in (("4.99", Ink.PLAIN), ("5", Ink.WARN), ("8", Ink.WARN), ("12", Ink.ALARM)):
        assert risk.loss_row("day", Decimal(percent), levels)[1].ink is ink
    assert text((risk.loss_row("day", Decimal("-1.5"), levels),)) == "day 0.00 % (warn 5 · pause 8 · halt 12)"
    off = (Decimal(0), Decimal(8), Decimal(0))
    assert text((risk.loss_row("day", Decimal(9), off),)) == "day 9.00 % (pause 8)"
    assert risk.loss_row("day", Decimal(9), off)[1].ink is Ink.WARN
    assert text((risk.loss_row("day", Decimal(9), (Decimal(0),) * 3),)) == "day 9.00 % (no level)"


def test_the_page_holds_losses_against_peak_and_day() -> None:
    page = text(risk_page.page(frame(fakes.halted()), 120))
    assert "peak 10,013.02, equity 7,475.72 USDT: -2,537.30" in page
    assert "day began at 10,000.00 USDT: -2,524.28" in page
    assert "! reached total-warn, day-warn, total-pause, day-pause, total-halt, day-halt; trips 2" in page


def test_caps_near_their_limit_are_coloured_and_the_ramp_is_told_against_what_it_grows_to() -> None:
    rows = risk_page.page(frame(fakes.ramped()), 120)
    assert inks(rows, "4,890.11 of 5,000.00") == {Ink.WARN}
    assert inks(rows, "992.32 of 5,000.00") == {Ink.PLAIN}
    assert "leg cap 5,000 = 25 % of 20,000, gross cap 7,500 = 25 % of 30,000" in text(rows)
    assert "! ramp 25 %" in text(brief(fakes.ramped()))
    days = replace(fakes.ramped().risk.caps, ramp_day=3, ramp_days=14)
    dated = fakes.running(risk=fakes.controls(caps=days))
    assert "! ramp 25 %, day 3 of 14" in text(brief(dated))
    assert "! ramp 25 %, day 3 of 14" in text(risk_page.page(frame(dated), 90))
    assert "ramp" not in text(risk_page.page(frame(), 120))


def test_a_limit_that_is_off_is_called_so() -> None:
    none = replace(fakes.controls().caps, leg_cap=Decimal(0), gross_cap=Decimal(0), max_leverage=Decimal(0))
    page = text(risk_page.page(frame(fakes.running(risk=fakes.controls(caps=none))), 90))
    assert page.count("no cap") == 3
    assert "0.20, no limit" in page


def test_liquidation_is_a_price_and_a_distance_where_there_is_one() -> None:
    page = text(risk_page.page(frame(), 90))
    assert "▲ LONG  at no price" in page
    assert "▼ SHORT 648,212.4 (+948.9 %)" in page


def test_requests_are_coloured_and_stay_once_they_hold_entries_back() -> None:
    full = replace(fakes.controls().budget, used=200)
    rows = brief(fakes.running(risk=fakes.controls(budget=full)), height=4)
    assert inks(rows, "200 of 300 in 10 s") == {Ink.WARN}
    assert inks(risk_page.page(frame(), 74), "12 of 300 in 10 s") == {Ink.PLAIN}


def test_denials_are_counted_most_first_with_what_they_mean() -> None:
    counted = fakes.controls(denials=(("backing-off", 4), ("leg-cap", 1_204), ("of-tomorrow", 9)))
    page = text(risk_page.page(frame(fakes.running(risk=counted)), 120)).splitlines()
    at = next(index for index, line in enumerate(page) if line.startswith("denied"))
    assert page[at].split("·")[1].strip().startswith("1,204 leg-cap: held, in flight and resting of the leg")
    assert page[at + 1].strip() == "· 9 of-tomorrow: not known to this cockpit"
    assert "4 backing-off" in page[at + 2]


def test_levels_that_filled_too_often_are_named_with_the_key_that_releases_them() -> None:
    assert "! filled too often: long 3, short 1; B releases" in text(risk_page.page(frame(fakes.ramped()), 90))


# -- resets --------------------------------------------------------------------------------------------------------


def test_a_reset_of_the_breaker_tells_what_it_ends_and_that_entries_leave_at_once() -> None:
    shown = text(resets.breaker_body(frame(fakes.breaker_open())))
    assert "► the breaker: 5 errors within 1 m 00 s; closes in 4 m 12 s" in shown
    assert "· the halt after a critical error: there is none" in shown
    assert "After it: ► RUNNING; entries leave again AT ONCE." in shown
    assert shown.index("smaller than 20") < shown.index("smaller than 5")


@pytest.mark.parametrize(
    ("snapshot", "after"),
    [
        (lambda: fakes.breaker_open(DoorState.PAUSED), "After it: ‖ PAUSED; P then lets entries out again."),
        (fakes.halted_by_error, "After it: ‖ PAUSED; P then lets entries out again."),
        (lambda: fakes.halted(DoorState.BREAKER_OPEN), "After it:  ■ HALTED ."),
        (
            lambda: fakes.running(risk=fakes.controls(repeated=("long 3",))),
            "After it: ► RUNNING; entries leave again AT ONCE.",
        ),
    ],
)
def test_a_reset_of_the_breaker_tells_the_state_that_it_leaves(snapshot: Callable[[], Snapshot], after: str) -> None:
    assert after in text(resets.breaker_body(frame(snapshot())))


def test_a_reset_of_the_breaker_names_the_critical_error_that_has_halted() -> None:
    shown = " ".join(text(resets.breaker_body(frame(fakes.halted_by_error()))).split())
    assert "► the halt after a critical error: critical: long 0.004 unprotected for 5.0 s, closed at market" in shown
    assert "· the breaker: it is closed" in shown


def test_a_reset_of_the_drawdown_tells_peak_loss_and_what_follows() -> None:
    shown = text(resets.drawdown_body(frame(fakes.halted())))
    assert "Halted: drawdown: loss 25.34 % below the peak, limit 25 %" in shown
    assert "10,013.02 USDT  lost 2,537.30 (25.34 %)" in shown
    assert "10,000.00 USDT  lost 2,524.28 (25.24 %)" in shown
    assert "Ends the halt; the state goes to PAUSED; P then lets entries out again." in shown
    assert "Peak and day begin anew at the present equity" in shown


def test_a_reset_of_the_drawdown_promises_no_end_of_a_halt_that_it_does_not_end() -> None:
    warned = replace(fakes.controls().drawdown, reached=("day-warn",))
    shown = text(resets.drawdown_body(frame(fakes.running(risk=fakes.controls(drawdown=warned)))))
    assert "Reached: day-warn" in shown
    assert "Arms the levels again; the state stays as it is." in shown
    assert "No loss has halted" in text(resets.drawdown_body(frame(fakes.halted_by_error())))
    halted = fakes.halted()
    both = replace(halted, risk=replace(halted.risk, halts=(Halt.DRAWDOWN, Halt.CRITICAL)))
    assert "Errors have halted as well" in text(resets.drawdown_body(frame(both)))


def test_a_low_screen_costs_a_dialog_its_body_and_never_its_answers() -> None:
    body = resets.breaker_body(frame(fakes.breaker_open()))
    choices = (dialogs.Choice("n", "no", safe=True), dialogs.Choice("y", "yes"))
    rows = dialogs.rows(body, choices, NOTHING, 74, 12)
    shown = text(rows).splitlines()
    assert len(rows) == 12
    assert any(line.strip().startswith("y") for line in shown)
    assert any("more" in line for line in shown)


# -- receipts ------------------------------------------------------------------------------------------------------


def test_a_flatten_that_is_over_shows_per_leg_what_it_closed_at_which_slippage() -> None:
    told = text(notice.rows(frame(fakes.halted()), 76))
    assert "▲ LONG  closed 0.400 of 0.400 @ 61,707.3133, slippage +1.24 (+0.50 bps)" in told
    assert "▼ SHORT closed 0.400 of 0.400 @ 61,911.02, slippage +2.01 (+0.81 bps)" in told


def test_a_receipt_of_a_flatten_tells_what_is_left_where_something_is() -> None:
    leg = {"held": "0.4", "closed": "0.1", "average": "", "left": "0.3", "open_orders": "2"}
    detail = {"long": leg, "reason": "not verified in time"}
    row = lists.receipt_row(Receipt("a", "flatten long", Result.TIMEOUT, detail, fakes.NOW))
    assert text_of(row).endswith("✗ TIMED OUT: not verified in time, long closed 0.1 of 0.4, LEFT 0.3 and 2 orders")


@pytest.mark.parametrize(
    ("average", "shown"),
    [("61707.31333333333333333333333", "61,707.3133"), ("0.00001234", "0.00001234"), ("?", "?"), ("NaN", "NaN")],
)
def test_the_average_of_a_receipt_has_as_many_digits_as_a_row_has_room_for(average: str, shown: str) -> None:
    leg = {"held": "1", "closed": "1", "average": average, "left": "0", "open_orders": "0", "slippage": "odd"}
    receipt = Receipt("a", "flatten long", Result.DONE, {"long": leg}, fakes.NOW)
    assert lists.receipt_message(receipt).text == f"flatten long: ✓ done: long closed 1 of 1 @ {shown}, slippage odd"


def test_a_leg_that_held_nothing_says_so() -> None:
    leg = {"held": "0.000", "closed": "0", "average": "", "left": "0", "open_orders": "0"}
    receipt = Receipt("a", "flatten long", Result.DONE, {"long": leg}, fakes.NOW)
    assert lists.receipt_message(receipt).text == "flatten long: ✓ done: long held nothing"


def test_a_flatten_that_failed_still_says_what_is_left() -> None:
    failed = fakes.flattening(FlattenStage.NOT_FLAT, running=False)
    assert "left: 0 entries, 6 exits" in text(notice.rows(frame(failed), 76))
