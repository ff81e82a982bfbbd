"""What the panels say, read as text."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from hedgegrid_tui.observer import hints
from hedgegrid_tui.render import (
    dialogs,
    door,
    errors,
    footer,
    ladder,
    legs,
    lists,
    money,
    notice,
    startup,
    strip,
    vitals,
)
from hedgegrid_tui.render.frame import Frame
from hedgegrid_tui.render.reasons import REASONS
from hedgegrid_tui.render.rows import Ink, Rows, text_of
from hedgegrid_tui.screens.reader import help_page
from strategy.control import Receipt, Result
from strategy.domain import NS_PER_S, ZERO, DoorState, Leg, Reason
from strategy.funding import FundingView
from strategy.snapshot import EnginePhase, EngineStatus, ErrorRecord, FlattenStage, LadderSnapshot, RungState, Snapshot
from tests.hedgegrid_tui import fakes

RUNNING = EngineStatus(EnginePhase.RUNNING)


def frame(snapshot: Snapshot | None = None, **changes: Any) -> Frame:
    return Frame(snapshot=fakes.running() if snapshot is None else snapshot, **{"status": RUNNING, **changes})


def text(rows: Rows) -> str:
    return "\n".join(text_of(row).rstrip() for row in rows)


def inks(rows: Rows, containing: str) -> set[Ink]:
    return {segment.ink for row in rows for segment in row if containing in segment.text}


def ladder_lines(snapshot: Snapshot, height: int = 30, width: int = 110) -> list[str]:
    return text(ladder.rows(frame(snapshot), width, height)).splitlines()


def test_the_ladder_runs_from_the_farthest_short_rung_down_to_the_farthest_long_one() -> None:
    lines = ladder_lines(fakes.running())
    tags = [line.split("  ")[0] for line in lines[1:]]
    shorts = ["▼ S8", "▼ S7", "▼ S6", "▼ S5", "▼ S4", "▼ S3", "▼ S", "▼ S2", "▼ S1"]
    assert tags[:9] == shorts
    assert tags[9].startswith("── mid 61,802.15 ")
    assert tags[10:] == [f"▲ L{level}" for level in range(1, 9)]


def test_a_held_rung_shows_its_lots_exits_and_profit() -> None:
    line = next(line for line in ladder_lines(fakes.running()) if "L1" in line)
    assert " ".join(line.split()) == "▲ L1 61,738.2 0.002 -10.3 ■ held 61,800.0 61,429.2 ▲ +0.09"


def test_a_gap_says_why() -> None:
    line = next(line for line in ladder_lines(fakes.running()) if "S3" in line)
    assert line.endswith("○ gap  backing off: post-only would take (-5022), next try in 1.5 s")


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_is_told_in_words(reason: Reason) -> None:
    rung = fakes.rung(Leg.LONG, 1, state=RungState.GAP, reason=reason, live_qty=ZERO)
    lines = ladder_lines(fakes.running(ladders=LadderSnapshot(long=(rung,))))
    words = REASONS[reason].words
    assert lines[-1].endswith(f"○ gap  {words}")
    assert words.startswith(reason.replace("-", " "))


@pytest.mark.parametrize("reason", list(Reason))
def test_the_help_explains_every_reason(reason: Reason) -> None:
    shown = text(help_page(frame(), 200))
    assert f" {reason}: {REASONS[reason].meaning}\n" in shown


@pytest.mark.parametrize("reason", [Reason.BACKING_OFF, Reason.REGIME])
def test_the_venue_s_words_stand_only_beside_a_reason_that_they_caused(reason: Reason) -> None:
    rung = fakes.rung(Leg.LONG, 1, state=RungState.GAP, reason=reason, live_qty=ZERO, detail="post-only would take")
    lines = ladder_lines(fakes.running(ladders=LadderSnapshot(long=(rung,))))
    assert lines[-1].endswith("post-only would take") == (reason is Reason.BACKING_OFF)


def test_a_lot_that_is_not_covered_says_so_rather_than_why_its_rung_is_not_wanted() -> None:
    held = fakes.lot(11, Leg.LONG, 1, sl_qty=Decimal("0.001"))
    rung = fakes.rung(Leg.LONG, 1, state=RungState.HELD, reason=Reason.REGIME, live_qty=ZERO, lot=held)
    assert ladder_lines(fakes.running(ladders=LadderSnapshot(long=(rung,))))[-1].endswith("stop covers 0.001")


def test_a_ladder_that_is_not_built_yet_says_what_it_waits_for() -> None:
    shown = ladder_lines(fakes.running(ladders=LadderSnapshot(), state=DoorState.PAUSED))
    assert shown[-1] == "no ladder yet: it is built as soon as entries may leave"
    assert ladder.size(fakes.running(ladders=LadderSnapshot())) == len(shown)


def test_a_partly_open_entry_says_how_much_is_open() -> None:
    rung = fakes.rung(Leg.LONG, 1, live_qty=Decimal("0.001"))
    assert ladder_lines(fakes.running(ladders=LadderSnapshot(long=(rung,))))[-1].endswith("0.001 of 0.002 open")


def test_a_lot_without_a_working_stop_says_so_in_place_of_its_stop() -> None:
    rows = ladder.rows(frame(fakes.critical()), 90, 30)
    assert "✗ NO STOP" in text(rows)
    assert inks(rows, "NO STOP") == {Ink.ALARM}


@pytest.mark.parametrize("height", range(4, 24))
def test_a_ladder_that_does_not_fit_keeps_the_market_in_the_middle_and_counts_the_rest(height: int) -> None:
    snapshot = fakes.running(ladders=fakes.ladders(30))
    lines = ladder_lines(snapshot, height)
    market = next(index for index, line in enumerate(lines) if "mid 61,802.15" in line)
    assert len(lines) == height
    assert abs(market - height / 2) <= 1
    counted = sum(int(line.split()[1]) for line in lines if " more " in line)
    assert counted + sum(line[0] in "▲▼" and " more " not in line for line in lines) == 61


@pytest.mark.parametrize("width", [68, 72, 76])
def test_a_note_never_costs_a_digit_of_the_profit(width: int) -> None:
    line = next(line for line in ladder_lines(fakes.running(), width=width) if "stray" in line)
    assert line.endswith("▲ +0.30")


def test_states_that_come_and_go_move_no_column() -> None:
    before = fakes.running()
    rung = fakes.rung(Leg.LONG, 8, state=RungState.CANCELLING)
    after = fakes.running(ladders=msgspec.structs.replace(before.ladders, long=(*before.ladders.long[:7], rung)))
    assert ladder_lines(before)[:-1] == ladder_lines(after)[:-1]


def test_the_strip_names_mode_state_profit_and_protection_at_eighty_columns() -> None:
    first = text(strip.rows(frame(), 78, 6)).splitlines()[0]
    assert first == " SIMULATED   ► RUNNING  PnL ▲ +12.40 USDT  ! 1 error  ✓ protected  feed 0.3 s"


def conditions(snapshot: Snapshot, width: int = 118, **changes: Any) -> list[str]:
    """The strip's two rows on what shapes the ladders."""
    return text(strip.rows(frame(snapshot, **changes), width, 4)).splitlines()[2:]


def test_the_regime_stands_beside_the_figures_that_it_comes_from() -> None:
    assert conditions(fakes.running(), 78)[0] == "regime → SIDEWAYS  spread +1.3 bps  ADX 17.6  ATR 21.4 USDT"
    assert conditions(fakes.thinned())[0].startswith("regime ↓ DOWN  throttle 50 %  spread -15.2 bps")


def test_a_cold_regime_is_not_drawn_as_one_but_as_warming_with_what_is_known() -> None:
    shown = conditions(fakes.warming())[0]
    assert shown == "◌ warming 16/55  ATR 19.1 USDT  taken as SIDEWAYS  history: HTTP 503, again in 2 s"
    assert "regime" not in shown


def test_the_words_of_the_warm_up_are_cut_rather_than_left_out() -> None:
    snapshot = fakes.running(regime=fakes.COLD, warming="history: " + "no answer in time, " * 6)
    shown = conditions(snapshot, 78)[0]
    assert shown.startswith("◌ warming 16/55  history: no answer")
    assert shown.endswith("…")


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
    rows = strip.rows(frame(snapshot), 118, 4)
    assert "regime → SIDEWAYS  ! BARS 3 m 27 s OLD  spread" in text(rows)
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
    silent = strip.rows(frame(later, age=600.0), 118, 4)
    assert "in 1 h 56 m" in text(silent)
    assert inks(silent, "in 1 h 56 m") == {Ink.STALE}


def test_a_settlement_that_is_past_counts_nothing_down_and_costs_nobody_anything() -> None:
    shown = conditions(fakes.running(ts=fakes.NOW + 7_020 * NS_PER_S))[1]
    assert "settlement is past" in shown
    assert "pays" not in shown
    assert " in " not in shown


def test_a_leg_that_the_guard_thins_is_named_with_what_stays_of_its_ladder() -> None:
    shown = conditions(fakes.thinned(), 78)[1]
    assert shown == "funding +0.0240 %  in 12 m 00 s  ! LONG cut to 50 %  LONG pays 2.40 bps"


def test_unknown_and_zero_rates_are_told_as_such() -> None:
    assert conditions(fakes.running(funding=FundingView()))[1] == "funding not known"
    assert "LONG pays nothing  SHORT pays nothing" in conditions(fakes.running(funding=fakes.funding("0")))[1]


@pytest.mark.parametrize("width", [78, 118])
def test_a_pause_from_before_the_start_is_called_restored_and_names_the_key_that_ends_it(width: int) -> None:
    first = text(strip.rows(frame(fakes.restored()), width, 4)).splitlines()[0]
    assert "‖ PAUSED (restored)  P resumes" in first
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
    first = text(strip.rows(worst, 110, 4)).splitlines()[0]
    for word in ("SIMULATED", "RUNNING", "+12.40", "ENGINE STUCK 9.0 s", "1 CRITICAL", "UNPROTECTED"):
        assert word in first


def test_an_unprotected_leg_is_an_alarm_that_names_quantity_and_time() -> None:
    rows = strip.rows(frame(fakes.critical()), 78, 6)
    assert "✗ UNPROTECTED 0.002 for 3.4 s (stops 50 %)" in text(rows)
    assert inks(rows, "UNPROTECTED") == {Ink.ALARM}


def test_a_stop_that_is_on_its_way_is_no_alarm_yet() -> None:
    long = msgspec.structs.replace(fakes.running().long, sl_qty=ZERO, unprotected_ns=200_000_000)
    rows = strip.rows(frame(fakes.running(long=long)), 78, 6)
    assert "UNPROTECTED" not in text(rows)
    assert "! stop on its way" in text(rows)


def test_a_running_engine_that_says_nothing_is_called_stuck_and_its_numbers_stale() -> None:
    rows = strip.rows(frame(age=4.0), 110, 4)
    assert "ENGINE STUCK 4.0 s" in text(rows)
    assert inks(rows, "+12.40") == {Ink.STALE}


def test_a_failed_engine_s_protection_is_only_what_was_last_known() -> None:
    first = text(strip.rows(frame(status=EngineStatus(EnginePhase.FAILED)), 110, 4)).splitlines()[0]
    assert "last known: protected" in first
    assert "✓" not in first
    assert "feed" not in first
    assert inks(strip.rows(frame(status=EngineStatus(EnginePhase.FAILED)), 78, 6), "stops 100 %") == {Ink.STALE}


def test_a_tape_that_is_over_is_told_before_the_state_and_has_no_feed() -> None:
    shown = text(strip.rows(frame(age=0.2, status=EngineStatus(EnginePhase.ENDED)), 110, 4))
    assert "TAPE OVER (► RUNNING)" in shown
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


def test_the_legs_panel_tells_quantity_average_protection_and_orders() -> None:
    shown = text(legs.rows(frame(), 38, 12))
    for words in ("0.004 BTC @ 61,707.3", "✓ stops 100 % · TP 100 %", "247.21 USDT", "6 · 0.012 · 737.52", "2 · 4"):
        assert words in shown


def test_the_money_panel_adds_up_to_the_change_in_equity() -> None:
    metrics = fakes.running().metrics
    assert (
        metrics.equity - metrics.equity_start == metrics.realised + metrics.unrealised + metrics.fees + metrics.funding
    )
    shown = text(money.rows(frame(), 38, 9))
    for words in ("▲ +12.40", "▲ +14.21", "-2.49", "-0.12", "10,012.40", "-0.62", "62 · 131", "58 · 4 · 0"):
        assert words in shown


def test_the_vitals_panel_tells_both_ages() -> None:
    shown = text(vitals.rows(frame(age=1.5), 38, 7)).splitlines()
    assert shown[0].split() == ["market", "data", "age", "0.3", "s"]
    assert shown[1].split() == ["snapshot", "age", "1.5", "s"]


def _error(number: int, *, critical: bool = False) -> ErrorRecord:
    return ErrorRecord(number, fakes.NOW, "on_bar", "ValueError", f"trouble {number}", critical)


def test_a_critical_error_stays_in_the_pane_when_newer_errors_push() -> None:
    pinned = (_error(1, critical=True),)
    later = tuple(_error(number) for number in range(2, 30))
    shown = text(errors.rows(frame(fakes.running(errors=later), pinned=pinned), 78, 4)).splitlines()
    assert "26 more" in shown[0]
    assert "CRITICAL on_bar: ValueError: trouble 1" in shown[1]
    assert [line.split()[-1] for line in shown[2:]] == ["28", "29"]


def test_every_error_can_be_read_in_full() -> None:
    record = msgspec.structs.replace(_error(1), message="word " * 60)
    rows = errors.in_full(frame(fakes.running(errors=(record,))), 40)
    assert text(rows).count("word") == 60


def test_a_receipt_says_when_what_how_and_why() -> None:
    receipt = Receipt("a", "resume", Result.REFUSED, {"left": 2, "reason": "a flatten runs"}, fakes.NOW)
    row = lists.receipt_row(receipt)
    assert text_of(row) == "12:03:07 resume ! refused: a flatten runs, left 2"


def test_start_up_tells_what_is_done_and_what_is_under_way() -> None:
    shown = text(startup.rows(Frame(status=EngineStatus(EnginePhase.LOADING, "importing")), 70, 10))
    assert "✓ cockpit on screen" in shown
    assert "► load the engine  importing" in shown
    assert "· connect to the market" in shown


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
    assert "✓ FLAT verified" in flat
    assert "✗ NOT FLAT" in failed
    assert "✓" not in failed


def test_nothing_is_noticed_while_nothing_is_the_matter() -> None:
    assert notice.rows(frame(), 76) == ()


def test_the_blast_radius_of_a_flatten_adds_up_both_legs() -> None:
    snapshot = fakes.running()
    shown = text(dialogs.flatten_body(frame(snapshot))).splitlines()
    long = next(line for line in shown if "LONG" in line)
    both = next(line for line in shown if "BOTH" in line)
    assert " ".join(long.split()) == "▲ LONG 6 entries, 4 exits 0.004 BTC 247.21 -0.12"
    assert " ".join(both.split()) == "BOTH 12 entries, 8 exits 494.42 -0.25"
    assert dialogs.closing_cost(snapshot, snapshot.long) == Decimal("0.0005") * Decimal("247.21") + Decimal("0.0002")


def test_a_key_that_cannot_be_used_is_dim_in_the_footer() -> None:
    rows = footer.key_rows(frame(hints=hints(frame())), 140, 1)
    everything = (
        "? help  q quit  F flatten  p pause  P resume  C cancel  a ack  r risk  "
        "B breaker  D drawdown  t throttle  l log  ^p palette"
    )
    assert text(rows) == everything
    assert inks(rows, "resume") == inks(rows, "breaker") == inks(rows, "ack") == {Ink.FAINT}
    assert inks(rows, "pause") == {Ink.PLAIN}


def test_a_narrow_footer_leaves_out_what_cannot_be_used_first() -> None:
    assert text(footer.key_rows(frame(hints=hints(frame())), 79, 1)) == (
        "? help  q quit  F flatten  p pause  C cancel  r risk  t throttle  l log"
    )
    shut = frame(fakes.breaker_open(DoorState.PAUSED))
    assert "B breaker" in text(footer.key_rows(msgspec.structs.replace(shut, hints=hints(shut)), 79, 1))
