"""What the panels say, read as text."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from hedgegrid_tui.observer import hints
from hedgegrid_tui.render import (
    blast,
    dialogs,
    door,
    footer,
    lists,
    notice,
    startup,
    strip,
)
from hedgegrid_tui.render.conditions import funding_row, regime_row
from hedgegrid_tui.render.frame import Frame
from hedgegrid_tui.render.rows import Ink, Rows, text_of
from strategy.control import Receipt, Result
from strategy.domain import NS_PER_S, ZERO, DoorState, Leg
from strategy.funding import FundingView
from strategy.snapshot import AlarmView, EnginePhase, EngineStatus, FlattenStage, LadderSnapshot, LegView, Snapshot
from tests.hedgegrid_tui import fakes

RUNNING = EngineStatus(EnginePhase.RUNNING)


def frame(snapshot: Snapshot | None = None, **changes: Any) -> Frame:
    return Frame(snapshot=fakes.running() if snapshot is None else snapshot, **{"status": RUNNING, **changes})


def text(rows: Rows) -> str:
    return "\n".join(text_of(row).rstrip() for row in rows)


def inks(rows: Rows, containing: str) -> set[Ink]:
    return {segment.ink for row in rows for segment in row if containing in segment.text}


def test_the_strip_names_mode_state_profit_and_protection_at_eighty_columns() -> None:
    band, vital = text(strip.rows(frame(), 80, 5)).splitlines()[:2]
    assert band.startswith(" SIMULATED    ► RUNNING ")
    assert band.endswith("BTCUSDT  61,802.2  12:03:07 UTC ◒")
    assert vital == " PnL ▲ +12.40 USDT  (+0.12 %)  ✓ protected  ● feed <1 s"


def conditions(snapshot: Snapshot, width: int = 118) -> list[str]:
    """What shapes the ladders: the row of the regime, the row of the funding."""
    return text((regime_row(snapshot, width), funding_row(snapshot, width))).splitlines()


def test_the_regime_stands_beside_the_figures_that_it_comes_from() -> None:
    assert conditions(fakes.running(), 78)[0] == "regime → SIDEWAYS  EMAs +1.3 bps  ADX 17.6  ATR 21.4 USDT"
    assert conditions(fakes.thinned())[0].startswith("regime ↓ DOWN  throttle 50 %  EMAs -15.2 bps")


def test_a_cold_regime_is_not_drawn_as_one_but_as_warming_with_what_is_known() -> None:
    shown = conditions(fakes.warming())[0]
    assert shown == "◌ warming 16/55  ATR 19.1 USDT  taken as SIDEWAYS  history: HTTP 503, again in 2 s"
    assert "regime" not in shown


def test_the_words_of_the_warm_up_are_cut_rather_than_left_out() -> None:
    snapshot = fakes.running(regime=fakes.COLD, warming="history: " + "no answer in time, " * 6)
    shown = conditions(snapshot, 78)[0]
    assert shown.startswith("◌ warming 16/55  history: no answer")
    assert shown.endswith("…")


@pytest.mark.parametrize("name", ["stream-dead", "venue-differs", "dead-man", "mismatch"])
def test_protection_that_nobody_can_be_sure_of_is_not_called_certain(name: str) -> None:
    alarm = AlarmView(name, None, fakes.NOW, "words")
    held = text(strip.rows(frame(fakes.running(risk=fakes.controls(alarms=(alarm,)))), 120, 6))
    assert "? protected as last heard" in held
    assert "✓ protected" not in held
    assert "✓ protected" in text(strip.rows(frame(), 120, 6))
    empty = fakes.running(long=LegView(Leg.LONG), short=LegView(Leg.SHORT), risk=fakes.controls(alarms=(alarm,)))
    assert "? flat as last heard" in text(strip.rows(frame(empty), 120, 6))


def test_a_throttle_shows_below_one_only() -> None:
    assert "throttle" not in conditions(fakes.running())[0]
    assert "throttle 33.3 %" in conditions(fakes.running(throttle=Decimal("0.333")))[0]
    assert "throttle 0 %" in conditions(fakes.running(throttle=ZERO), 40)[0]


def test_a_thinned_ladder_tells_at_every_size_what_is_left_of_it() -> None:
    for width, height in ((78, 6), (118, 4)):
        shown = text(strip.rows(frame(fakes.thinned()), width, height))
        assert "ladder 12.5 %" in shown
        assert "ladder 50 %" in shown
    assert "ladder" not in text(strip.rows(frame(), 118, 4))


def test_a_regime_without_new_bars_is_not_drawn_as_the_present_one() -> None:
    snapshot = fakes.running(ts=fakes.NOW + 200 * NS_PER_S)
    rows = (regime_row(snapshot, 118),)
    assert "regime → SIDEWAYS  ! BARS 3 m 27 s OLD  EMAs" in text(rows)
    assert inks(rows, "SIDEWAYS") == inks(rows, "+1.3 bps") == {Ink.STALE}
    assert "OLD" not in conditions(fakes.running(ts=fakes.NOW + 100 * NS_PER_S))[0]


def test_funding_tells_rate_countdown_and_what_each_leg_pays_or_receives() -> None:
    shown = conditions(fakes.running())[1]
    assert shown.startswith("funding +0.0100 %  in 1 h 57 m  LONG pays 1.00 bps  ≈ -0.02 USDT  SHORT receives 1.00 bps")
    below_zero = conditions(fakes.running(funding=fakes.funding("-0.00031")), 78)[1]
    assert below_zero == "funding -0.0310 %  in 1 h 57 m  LONG receives 3.10 bps  SHORT pays 3.10 bps"


def test_the_countdown_runs_by_the_snapshot_and_not_by_the_time_on_the_wall() -> None:
    later = fakes.running(ts=fakes.NOW + 60 * NS_PER_S)
    assert "in 1 h 56 m" in conditions(later)[1]
    silent = strip.rows(frame(later, age=600.0), 118, 6)
    assert "in 1 h 56 m" in text(silent)
    assert inks(silent, "in 1 h 56 m") == {Ink.STALE}


def test_a_settlement_that_is_past_counts_nothing_down_and_costs_nobody_anything() -> None:
    shown = conditions(fakes.running(ts=fakes.NOW + 7_020 * NS_PER_S))[1]
    assert "settlement is past" in shown
    assert "pays" not in shown
    assert " in " not in shown


def test_a_leg_that_the_guard_thins_is_named_with_what_stays_of_its_ladder() -> None:
    shown = conditions(fakes.thinned(), 78)[1]
    assert shown == "funding +0.0240 %  in 12 m  ! LONG cut to 50 %  LONG pays 2.40 bps"


def test_unknown_and_zero_rates_are_told_as_such() -> None:
    assert conditions(fakes.running(funding=FundingView()))[1] == "funding not known"
    assert "LONG pays nothing  SHORT pays nothing" in conditions(fakes.running(funding=fakes.funding("0")))[1]


@pytest.mark.parametrize("width", [78, 118])
def test_a_pause_from_before_the_start_is_called_restored_and_names_the_key_that_ends_it(width: int) -> None:
    first = text(strip.rows(frame(fakes.restored()), width, 4)).splitlines()[0]
    assert first.startswith(" SIMULATED    ‖ PAUSED (restored)   P resumes")
    told = text(notice.rows(frame(fakes.restored()), 76))
    assert told == "‖ PAUSED since an earlier session (paused by the operator); P resumes"
    assert "in an earlier session by: paused by the operator" in text(dialogs.resume_body(frame(fakes.restored())))


def test_a_restored_pause_offers_no_key_that_would_not_work() -> None:
    for changes in ({"read_only": True}, {"age": 9.0}, {"status": EngineStatus(EnginePhase.STOPPING)}):
        assert "P resumes" not in text(strip.rows(frame(fakes.restored(), **changes), 118, 4)).splitlines()[0]
    assert "P resumes" not in text(notice.rows(frame(fakes.restored(), read_only=True), 76))


def test_a_pause_of_this_session_is_not_called_restored() -> None:
    assert "restored" not in text(strip.rows(frame(fakes.paused()), 118, 4))
    assert "restored" not in text(strip.rows(frame(fakes.running(state_reason="restored: odd")), 118, 4))


def test_resuming_counts_only_rungs_that_would_be_placed() -> None:
    shown = text(dialogs.resume_body(frame(fakes.restored())))
    assert "up to 8 free rungs" in shown
    unbuilt = fakes.running(state=DoorState.PAUSED, ladders=LadderSnapshot())
    assert "a ladder is built around the market" in text(dialogs.resume_body(frame(unbuilt)))


@pytest.mark.parametrize(
    ("mode", "word"),
    [("sim", "SIMULATED"), ("replay", "REPLAY"), ("paper", "PAPER"), ("testnet", "TESTNET"), ("live", "LIVE")],
)
def test_every_mode_is_named_in_a_word_and_an_ink_of_its_own(mode: str, word: str) -> None:
    rows = strip.rows(frame(fakes.running(mode=mode)), 78, 6)
    assert text(rows).split()[0] == word
    assert inks(rows, word) == {Ink(f"mode-{mode}")}


def test_state_profit_and_alarms_stay_in_the_strip_when_all_goes_wrong_at_once() -> None:
    snapshot = fakes.critical()
    worst = frame(snapshot, age=9.0, pinned=snapshot.errors[1:], read_only=True)
    band, vital = text(strip.rows(worst, 80, 5)).splitlines()[:2]
    for word in ("SIMULATED", "RUNNING", "READ-ONLY"):
        assert word in band
    for word in ("+12.40", "ENGINE STUCK 9 s", "1 CRITICAL", "UNPROTECTED"):
        assert word in vital


def test_an_unprotected_leg_is_an_alarm_that_names_quantity_and_time() -> None:
    rows = strip.rows(frame(fakes.critical()), 78, 6)
    assert "✗ UNPROTECTED 0.002 for 3 s (stops 50 %)" in text(rows)
    assert "UNPROTECTED    LONG 0.002 BTC for 3 s " in text(rows).splitlines()[1]
    assert inks(rows, "UNPROTECTED") == {Ink.ALARM}


def test_a_stop_that_is_on_its_way_is_no_alarm_yet() -> None:
    long = msgspec.structs.replace(fakes.running().long, sl_qty=ZERO, unprotected_ns=200_000_000)
    rows = strip.rows(frame(fakes.running(long=long)), 78, 6)
    assert "UNPROTECTED" not in text(rows)
    assert "! stop on its way" in text(rows)


def test_a_running_engine_that_says_nothing_is_called_stuck_and_its_numbers_stale() -> None:
    rows = strip.rows(frame(age=4.0), 110, 4)
    assert "ENGINE STUCK 4 s" in text(rows)
    assert inks(rows, "+12.40") == {Ink.STALE}


def test_a_failed_engine_s_protection_is_only_what_was_last_known() -> None:
    vital = text(strip.rows(frame(status=EngineStatus(EnginePhase.FAILED)), 110, 4)).splitlines()[1]
    assert "was protected" in vital
    assert "✓" not in vital
    assert "feed" not in vital
    assert inks(strip.rows(frame(status=EngineStatus(EnginePhase.FAILED)), 78, 6), "stops 100 %") == {Ink.STALE}


def test_a_tape_that_is_over_is_told_before_the_state_and_has_no_feed() -> None:
    shown = text(strip.rows(frame(age=0.2, status=EngineStatus(EnginePhase.ENDED)), 110, 4))
    assert "■ TAPE OVER   ► RUNNING" in shown
    assert "feed" not in shown
    assert "SILENT" not in shown
    assert "ENGINE SILENT" in text(strip.rows(frame(age=400.0, status=EngineStatus(EnginePhase.ENDED)), 110, 4))


def test_an_old_feed_is_called_old() -> None:
    market = msgspec.structs.replace(fakes.running().market, ts=fakes.NOW - 40 * 10**9)
    assert "FEED 40 s OLD" in text(strip.rows(frame(fakes.running(market=market)), 110, 4))


@pytest.mark.parametrize("height", [4, 6])
def test_before_the_first_snapshot_nothing_is_claimed_about_legs_or_money(height: int) -> None:
    shown = text(strip.rows(Frame(status=EngineStatus(EnginePhase.LOADING)), 110, height))
    assert "LOADING" in shown
    assert shown.count("not known yet") == 2
    assert "0.00" not in shown


def test_a_receipt_says_when_what_how_and_why() -> None:
    receipt = Receipt("a", "resume", Result.REFUSED, {"left": 2, "reason": "a flatten runs"}, fakes.NOW)
    row = lists.receipt_row(receipt)
    assert text_of(row) == "12:03:07 resume ! refused: a flatten runs, left 2"


def test_a_receipt_tells_equity_as_money() -> None:
    detail = {"peak_before": "9998.61864010", "peak": "9994.958084920000", "halt_ended": True}
    receipt = Receipt("a", "reset-drawdown", Result.DONE, detail, fakes.NOW)
    assert lists.details(receipt) == ": peak before 9,998.62, peak 9,994.96, halt ended yes"
    assert lists.details(Receipt("a", "reset-drawdown", Result.DONE, {"peak": "none"}, fakes.NOW)) == ": peak none"


@pytest.mark.parametrize("phase", EnginePhase)
def test_only_an_engine_that_runs_is_called_ready(phase: EnginePhase) -> None:
    told = text(footer.status_rows(Frame(status=EngineStatus(phase)), 80, 1))
    assert told == f"{'ready' if phase is EnginePhase.RUNNING else phase}; ? for help"


def test_start_up_tells_what_is_done_and_what_is_under_way() -> None:
    shown = text(startup.rows(Frame(status=EngineStatus(EnginePhase.LOADING, "importing")), 70, 10))
    assert "✓ cockpit on screen" in shown
    assert "► load the engine  importing" in shown
    assert "· connect, reconcile what is open" in shown


def test_a_failed_start_is_told_in_its_own_words() -> None:
    status = EngineStatus(EnginePhase.FAILED, "the key may not trade futures")
    shown = text(startup.rows(Frame(status=status), 70, 10))
    assert "could not start" in shown
    assert "the key may not trade futures" in shown


def test_an_engine_that_fails_while_trading_warns_that_nothing_is_watched() -> None:
    shown = text(notice.rows(frame(status=EngineStatus(EnginePhase.FAILED, "loop died")), 100))
    assert "Nothing watches the venue now: check it there." in shown
    assert "loop died" in shown


@pytest.mark.parametrize("stage", [stage for stage, _ in door.STAGES])
def test_a_flatten_is_never_called_flat_before_it_is(stage: FlattenStage) -> None:
    shown = text(notice.rows(frame(fakes.flattening(stage)), 76))
    assert dict(door.STAGES)[stage] in text(strip.rows(frame(fakes.flattening(stage)), 78, 6))
    assert "FLAT " not in shown.replace("FLATTEN ", "")
    assert shown.count("►") == 1
    assert "▲ LONG  0.002 BTC" in shown
    assert "▼ SHORT 0.000 BTC" in shown


def test_a_finished_flatten_says_flat_or_not_flat() -> None:
    flat = text(notice.rows(frame(fakes.flattening(FlattenStage.FLAT, running=False)), 76))
    failed = text(notice.rows(frame(fakes.flattening(FlattenStage.NOT_FLAT, running=False)), 76))
    assert "FLATTEN BOTH  12:03:05  ✓ FLAT verified" in flat
    assert "✗ NOT FLAT" in failed
    assert "✓" not in failed


def test_nothing_is_noticed_while_nothing_is_the_matter() -> None:
    assert notice.rows(frame(), 76) == ()


@pytest.mark.parametrize(("mode", "told"), [("live", True), ("testnet", True), ("paper", False), ("sim", False)])
def test_an_engine_that_failed_on_an_account_names_the_way_without_it(mode: str, *, told: bool) -> None:
    failed = Frame(snapshot=Snapshot(mode=mode), status=EngineStatus(EnginePhase.FAILED, "no key"))
    shown = " ".join(text_of(row).strip() for row in startup.failure(failed, 60))
    assert (f"`hedgegrid flatten --mode {mode}` closes it" in shown) is told


def test_the_blast_radius_of_a_flatten_adds_up_both_legs() -> None:
    snapshot = fakes.running()
    shown = text(dialogs.flatten_body(frame(snapshot))).splitlines()
    long = next(line for line in shown if "LONG" in line)
    both = next(line for line in shown if "BOTH" in line)
    assert " ".join(long.split()) == "▲ LONG 6 entries, 4 exits 0.004 BTC 247.21 -0.12"
    assert " ".join(both.split()) == "BOTH 12 entries, 8 exits 494.42 -0.25"
    assert blast.closing_cost(snapshot, snapshot.long) == Decimal("0.0005") * Decimal("247.21") + Decimal("0.0002")


def test_a_key_that_cannot_be_used_is_dim_in_the_footer() -> None:
    rows = footer.key_rows(frame(hints=hints(frame())), 170, 1)
    everything = (
        "p pause  F flatten  P resume  C cancel  q quit  a ack  B breaker  D drawdown  t throttle  "
        "? help  r risk  l log  ^p palette  z zoom  / search  Enter open  T theme"
    )
    assert text(rows) == everything
    assert inks(rows, "resume") == inks(rows, "breaker") == inks(rows, "ack") == {Ink.FAINT}
    assert inks(rows, "pause") == {Ink.PLAIN}


def test_a_narrow_footer_leaves_out_what_cannot_be_used_first() -> None:
    assert text(footer.key_rows(frame(hints=hints(frame())), 79, 1)) == (
        "p pause  F flatten  C cancel  q quit  t throttle  ? help  r risk  l log"
    )
    shut = frame(fakes.breaker_open(DoorState.PAUSED))
    assert "B breaker" in text(footer.key_rows(msgspec.structs.replace(shut, hints=hints(shut)), 79, 1))
