"""The ladder: what each line says, which lines are on the screen, and that nothing moves under the reader's eye."""

import re
from decimal import Decimal
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from hedgegrid_tui.render import ladder, ladder_rungs
from hedgegrid_tui.render import ladder_window as window
from hedgegrid_tui.render.frame import Frame
from hedgegrid_tui.render.ladder_columns import age_text, away
from hedgegrid_tui.render.ladder_lines import Lines, lines
from hedgegrid_tui.render.numbers import fixed
from hedgegrid_tui.render.places import places
from hedgegrid_tui.render.reasons import REASONS
from hedgegrid_tui.render.records import FillRecord
from hedgegrid_tui.render.rows import CUT, Ink, Rows, text_of
from hedgegrid_tui.render.view import PanelId, View
from hedgegrid_tui.screens.dashboard import EDGES
from strategy.domain import NS_PER_S, ZERO, DoorState, Leg, Reason, Role
from strategy.snapshot import EnginePhase, EngineStatus, LadderSnapshot, LotView, RungState, RungView, Snapshot
from tests.hedgegrid_tui import fakes
from tests.hedgegrid_tui.test_pictures_hold import FRAMES

STEP = fakes.STEP
TAG = re.compile(r"[▲▼] (?:[LS]\d*|avg|liq)")


def frame(snapshot: Snapshot | None = None, offset: int = 0, **changes: Any) -> Frame:
    return Frame(
        snapshot=fakes.running() if snapshot is None else snapshot,
        view=View(scroll={PanelId.LADDER: offset}),
        **{"status": EngineStatus(EnginePhase.RUNNING), **changes},
    )


def text(rows: Rows) -> list[str]:
    return [text_of(row).rstrip() for row in rows]


def shown(snapshot: Snapshot | None = None, width: int = 110, height: int = 40, **changes: Any) -> list[str]:
    return text(ladder.rows(frame(snapshot, **changes), width, height))


def line_of(tag: str, snapshot: Snapshot | None = None, width: int = 110, **changes: Any) -> str:
    return next(line for line in shown(snapshot, width, **changes) if line[2:].startswith(f"{tag} "))


def words(line: str) -> str:
    return " ".join(line.split())


def inks(rows: Rows, containing: str) -> set[Ink]:
    return {segment.ink for row in rows for segment in row if containing in segment.text}


def tags(of: list[str]) -> list[str]:
    return [found.group() for line in of if (found := TAG.match(line))]


def with_lot(rung: RungView, **changes: Any) -> Snapshot:
    return fakes.running(ladders=LadderSnapshot(fakes.CENTRE, STEP, long=(msgspec.structs.replace(rung, **changes),)))


def at_market(mid: str, levels: int = 100, **changes: Any) -> Snapshot:
    price = Decimal(mid)
    market = msgspec.structs.replace(fakes.running().market, bid=price, ask=price, mark=price)
    return fakes.running(ladders=fakes.ladders(levels), market=market, **changes)


def fill(price: str, age_s: int = 12, leg: Leg = Leg.LONG, role: Role = Role.ENTRY, slot: int = 2) -> FillRecord:
    side = leg.exit_side if role.reduces else leg.entry_side
    return FillRecord(7, fakes.NOW - age_s * NS_PER_S, leg, role, slot, side, fakes.QTY, Decimal(price), ZERO)


def with_liquidation(**prices: Decimal | None) -> Snapshot:
    caps = msgspec.structs.replace(fakes.controls().caps, **prices)
    return fakes.running(risk=fakes.controls(caps=caps))


# What each line says.


def test_the_ladder_runs_from_the_farthest_short_rung_through_the_market_to_the_farthest_long_one() -> None:
    found = shown()
    market = next(index for index, line in enumerate(found) if "mid 61,802.15" in line)
    shorts = ["▼ S8", "▼ S7", "▼ S6", "▼ S5", "▼ S4", "▼ S3", "▼ S", "▼ S2", "▼ avg", "▼ S1"]
    assert tags(found[:market]) == shorts
    assert tags(found[market:]) == ["▲ L1", "▲ avg", *(f"▲ L{level}" for level in range(2, 9))]


def test_a_held_rung_shows_its_age_its_exits_with_their_distances_and_its_profit() -> None:
    assert words(line_of("L1")) == "▲ L1 61,738.2 -10 0.002 ■ held 1m 61,800.0 -0.3 61,429.2 -60 ▲ +0.09"


def test_a_gap_says_why() -> None:
    line = line_of("S3")
    assert line.endswith("backing off: post-only would take (-5022), next try in 1.5 s")
    assert "○ gap" in line


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_is_told_in_words(reason: Reason) -> None:
    rung = fakes.rung(Leg.LONG, 9, state=RungState.GAP, reason=reason, live_qty=ZERO)
    line = line_of("L9", with_lot(rung))
    assert line.endswith(f" {REASONS[reason].words}")
    assert REASONS[reason].words.startswith(reason.replace("-", " "))


@pytest.mark.parametrize("reason", [Reason.BACKING_OFF, Reason.REGIME])
def test_the_venue_s_words_stand_only_beside_a_reason_that_they_caused(reason: Reason) -> None:
    rung = fakes.rung(Leg.LONG, 9, state=RungState.GAP, reason=reason, live_qty=ZERO, detail="post-only would take")
    assert line_of("L9", with_lot(rung)).endswith("post-only would take") == (reason is Reason.BACKING_OFF)


def test_a_gap_s_reason_that_is_too_long_is_cut_with_a_mark() -> None:
    assert line_of("S3", width=50).endswith(CUT)


@pytest.mark.parametrize("width", [44, 60, 110])
def test_a_lot_without_a_working_stop_says_so_at_every_width(width: int) -> None:
    rows = ladder.rows(frame(fakes.critical()), width, 40)
    assert "✗ NO STOP" in line_of("L2", fakes.critical(), width)
    assert inks(rows, "NO STOP") == {Ink.ALARM}


def test_a_lot_that_is_covered_in_part_says_so_rather_than_why_its_rung_is_not_wanted() -> None:
    held = fakes.lot(11, Leg.LONG, 1, sl_qty=Decimal("0.001"))
    rung = fakes.rung(Leg.LONG, 1, state=RungState.HELD, reason=Reason.REGIME, live_qty=ZERO)
    line = line_of("L1", with_lot(rung, lot=held), 140)
    assert "✗ PART STOP" in line
    assert line.endswith("stop covers 0.001 of 0.002")


def test_a_stop_that_is_on_its_way_is_no_alarm_yet() -> None:
    snapshot = fakes.critical()
    snapshot = msgspec.structs.replace(snapshot, long=msgspec.structs.replace(snapshot.long, unprotected_ns=80_000_000))
    rows = ladder.rows(frame(snapshot), 110, 40)
    assert "! stop due" in line_of("L2", snapshot)
    assert inks(rows, "stop due") == inks(rows, "NO STOP") == {Ink.WARN}


@pytest.mark.parametrize(("covered", "told"), [("0", "! no TP"), ("0.001", "! part TP")])
def test_a_lot_whose_take_profit_does_not_cover_it_says_so(covered: str, told: str) -> None:
    held = fakes.lot(11, Leg.LONG, 1, tp_qty=Decimal(covered))
    rung = fakes.rung(Leg.LONG, 1, state=RungState.HELD, live_qty=ZERO, lot=held)
    assert told in line_of("L1", with_lot(rung), 44)


@pytest.mark.parametrize(("width", "told"), [(150, "0.001/0.002 "), (76, "0.001 of 0.002 open")])
def test_a_partly_open_entry_shows_what_is_open_of_what_is_wanted(width: int, told: str) -> None:
    rung = fakes.rung(Leg.LONG, 9, live_qty=Decimal("0.001"))
    assert told in line_of("L9", with_lot(rung), width)


@pytest.mark.parametrize("width", [66, 70, 74])
def test_a_note_never_costs_a_digit_of_the_profit(width: int) -> None:
    assert line_of("S", width=width).endswith("▲ +0.30")


def test_what_hangs_is_timed_by_the_second_and_what_rests_is_not() -> None:
    assert [age_text(seconds * NS_PER_S, exact=True) for seconds in (0, 7, 38, 61, 7300)] == [
        "<1s", "7s", "38s", "1m", "2h",
    ]  # fmt: skip
    assert [age_text(seconds * NS_PER_S, exact=False) for seconds in (7, 38, 200_000, -3)] == ["7s", "30s", "2d", "<1s"]
    waits = fakes.rung(Leg.LONG, 9, state=RungState.IN_FLIGHT, sent_ns=fakes.NOW - 13 * NS_PER_S)
    assert words(line_of("L9", with_lot(waits), 74)).endswith("◐ in-flight 13s")
    unknown = fakes.rung(Leg.LONG, 9, sent_ns=0)
    assert words(line_of("L9", with_lot(unknown), 74)).endswith("● live -")


def test_distances_are_told_in_tenths_near_the_market_and_in_whole_bps_beyond() -> None:
    mid = Decimal(10_000)
    assert [away(Decimal(price), mid) for price in ("10009.94", "10009.96", "9000", "10000")] == [
        "+9.9", "+10", "-1,000", "0.0",
    ]  # fmt: skip
    assert away(mid, None) == "-"


# What is marked on it.


def test_the_average_entries_stand_at_their_prices_with_what_their_legs_hold_and_gain() -> None:
    assert words(line_of("avg", width=80)) == "▼ avg 61,906.6 +17 0.004 ◇ avg short ▲ +0.42"
    flat = fakes.running(long=msgspec.structs.replace(fakes.running().long, qty=ZERO, average=None))
    assert "▲ avg" not in tags(shown(flat))


def test_a_liquidation_price_beyond_the_ladder_stands_at_its_end_with_its_distance() -> None:
    snapshot = with_liquidation(long_liquidation=Decimal(58_200), short_liquidation=None)
    found = shown(snapshot)
    assert tags(found)[-1] == "▲ liq"
    assert "58,200.0" in found[-1]
    assert "(-5.8 %)" in found[-1]
    assert "INSIDE" not in found[-1]


def test_a_liquidation_price_within_the_ladder_is_an_alarm() -> None:
    snapshot = with_liquidation(long_liquidation=Decimal(61500), short_liquidation=None)
    assert "INSIDE THE LADDER" in line_of("liq", snapshot)
    assert inks(ladder.rows(frame(snapshot), 110, 40), "INSIDE THE LADDER") == {Ink.ALARM}


def test_a_liquidation_price_that_no_market_reaches_soon_has_no_line() -> None:
    assert not any(tag.endswith("liq") for tag in tags(shown()))


def test_the_mark_price_has_a_line_of_its_own_only_where_something_stands_between_it_and_the_mid() -> None:
    near, far = (
        fakes.running(market=msgspec.structs.replace(fakes.running().market, mark=Decimal(mark)))
        for mark in ("61820", "61970")
    )
    assert not any("╌ mark" in line for line in shown(near))
    assert any("╌ mark 61,970.0 ╌ +27 bps" in line for line in shown(far))


def test_a_mark_that_lags_by_less_than_a_step_does_not_shove_the_lines_whenever_it_passes_a_rung() -> None:
    passed = msgspec.structs.replace(fakes.running().market, mark=fakes.CENTRE + STEP)
    assert len(shown(fakes.running(market=passed))) == len(shown())


def test_the_first_lot_moves_no_column() -> None:
    flat = fakes.running()
    ladders = msgspec.structs.replace(
        flat.ladders,
        long=tuple(msgspec.structs.replace(rung, lot=None) for rung in flat.ladders.long),
        short=tuple(msgspec.structs.replace(rung, lot=None) for rung in flat.ladders.short),
        strays=(),
    )
    for decimals in (1, 2):
        for width in (*range(60, 80), 110):
            with_lots = shown(fakes.running(price_decimals=decimals), width)[0]
            assert shown(fakes.running(price_decimals=decimals, ladders=ladders), width)[0] == with_lots


def test_a_screen_of_120_columns_has_room_for_the_ages() -> None:
    room = places(120, 40, View())[PanelId.LADDER].width - EDGES[0]
    assert " age " in shown(fakes.running(price_decimals=2), room)[0]


def test_a_recent_fill_marks_the_line_at_its_price_and_says_how_long_ago() -> None:
    fills = (fill("61676.4"), fill("62047.2", 3, Leg.SHORT, Role.TP, 9))
    assert line_of("L2", fills=fills).endswith("filled 12 s ago")
    assert line_of("S4", fills=fills).endswith("short TP filled 3 s ago")
    assert line_of("L2", width=40, fills=fills).startswith("▲ L2 ◆61,676.4")
    assert sum("◆" in line for line in shown(fills=fills)) == 2


def test_several_fills_at_one_line_are_counted_and_the_latest_is_told() -> None:
    fills = (fill("61676.4", 30), fill("61676.4", 5))
    assert line_of("L2", width=140, fills=fills).endswith("filled 5 s ago, +1")


@pytest.mark.parametrize("past", [fill("61676.4", 61), fill("61270")])
def test_a_fill_that_is_old_or_near_no_line_marks_nothing(past: FillRecord) -> None:
    assert not any("◆" in line for line in shown(fills=(past,)))


def test_an_entry_marks_its_own_rung_where_two_lines_are_near() -> None:
    stray = fakes.lot(40, Leg.SHORT, 2, entry=Decimal("61676.5"))
    both = msgspec.structs.replace(fakes.ladders(), strays=(stray,))
    assert "◆" in line_of("L2", fakes.running(ladders=both), fills=(fill("61676.5"),))


def test_an_old_price_is_called_old_and_no_distance_is_drawn_as_current() -> None:
    rows = ladder.rows(frame(fakes.stale()), 110, 40)
    assert any("mid 61,802.15 ─ ! 7 s OLD" in line for line in text(rows))
    assert Ink.MARKET not in {segment.ink for row in rows for segment in row}
    assert Ink.STALE in inks(rows, "-10")


def test_a_ladder_that_is_not_built_yet_says_what_it_waits_for() -> None:
    unbuilt = fakes.running(ladders=LadderSnapshot(), state=DoorState.PAUSED)
    found = shown(unbuilt)
    assert found[-1] == "no ladder yet: it is built as soon as entries may leave"
    assert len(found) == 1 + len(lines(unbuilt).all) + 1  # titles, what is known, what it waits for


def test_the_panel_keeps_its_size_when_the_first_lot_is_held() -> None:
    held = fakes.running()
    flat = msgspec.structs.replace(
        held,
        long=msgspec.structs.replace(held.long, qty=ZERO, average=None),
        short=msgspec.structs.replace(held.short, qty=ZERO, average=None),
    )
    assert len(shown(flat, height=15)) == len(shown(held, height=15)) == 15
    assert len(shown(flat, height=200)) + len(Leg) == len(shown(held, height=200))  # the averages have lines then


# The columns.


def test_the_wider_the_panel_the_more_columns_it_has_the_most_needed_first() -> None:
    titles = {width: shown(width=width)[0].split() for width in (38, 58, 67, 72, 76, 110)}
    core = ["rung", "price", "bps", "qty", "state"]
    assert titles[38] == core
    assert titles[58] == [*core, "TP", "stop"]
    assert titles[67] == [*core, "TP", "stop", "PnL"]
    assert titles[72] == [*core, "TP", "stop", "bps", "PnL"]
    assert titles[76] == [*core, "age", "TP", "stop", "bps", "PnL"]
    assert titles[110] == [*core, "age", "TP", "bps", "stop", "bps", "PnL", "why"]


@pytest.mark.parametrize(("decimals", "factor"), [(8, "0.0000000002"), (1, "20")])
@pytest.mark.parametrize("width", [60, 76, 118])
def test_tiny_and_huge_prices_keep_their_columns(decimals: int, factor: str, width: int) -> None:
    snapshot = scaled(fakes.running(), Decimal(factor), decimals)
    found = shown(snapshot, width)
    ends = {line.index(price) + len(price) for line in found if TAG.match(line) for price in line.split()[2:3]}
    assert len(ends) == 1
    market = next(line for line in found if "mid " in line)
    point = {line.split()[2].index(".") + line.index(line.split()[2]) for line in found if TAG.match(line)}
    assert point == {market.index(".")}


def scaled(snapshot: Snapshot, factor: Decimal, decimals: int) -> Snapshot:
    """The same session at other prices."""

    def lot(view: LotView) -> LotView:
        prices = {name: getattr(view, name) * factor for name in ("entry", "take_profit", "stop")}
        return msgspec.structs.replace(view, **prices)

    def rung(view: RungView) -> RungView:
        held = None if view.lot is None else lot(view.lot)
        return msgspec.structs.replace(view, price=view.price * factor, lot=held)

    market, both = snapshot.market, snapshot.ladders
    assert market.bid is not None
    assert market.ask is not None
    assert both.centre is not None
    assert both.step is not None
    return msgspec.structs.replace(
        snapshot,
        price_decimals=decimals,
        market=msgspec.structs.replace(market, bid=market.bid * factor, ask=market.ask * factor, mark=None),
        ladders=LadderSnapshot(
            both.centre * factor, both.step * factor, tuple(map(rung, both.long)), tuple(map(rung, both.short)),
            tuple(map(lot, both.strays)),
        ),
        long=msgspec.structs.replace(snapshot.long, average=(snapshot.long.average or ZERO) * factor),
        short=msgspec.structs.replace(snapshot.short, average=(snapshot.short.average or ZERO) * factor),
    )  # fmt: skip


def test_states_that_come_and_go_move_no_column() -> None:
    before = fakes.running()
    rung = fakes.rung(Leg.LONG, 8, state=RungState.CANCELLING)
    after = fakes.running(ladders=msgspec.structs.replace(before.ladders, long=(*before.ladders.long[:7], rung)))
    assert shown(before)[:-1] == shown(after)[:-1]


def test_a_market_on_its_way_through_the_ladder_moves_no_column() -> None:
    titles = {shown(at_market(mid, 60), 74, 20)[0] for mid in ("58300", "61802", "65400")}
    assert len(titles) == 1


# Which lines are on the screen.


@pytest.mark.parametrize("height", range(4, 24))
def test_a_ladder_that_does_not_fit_keeps_the_market_in_the_middle_and_counts_the_rest(height: int) -> None:
    found = shown(fakes.running(ladders=fakes.ladders(30)), height=height)
    market = next(index for index, line in enumerate(found) if "mid 61,802.15" in line)
    assert len(found) == height
    assert abs(market - height / 2) <= 1
    counted = sum(int(line.split()[1]) for line in found if " more " in line)
    assert counted + sum(not tag.endswith("avg") for tag in tags(found)) == 61


@pytest.mark.parametrize(("height", "told"), [(1, 1), (2, 2), (3, 3)])
def test_the_smallest_panels_show_the_market_first(height: int, told: int) -> None:
    found = shown(height=height)
    assert len(found) == told
    assert any("mid 61,802.15" in line for line in found)


def test_the_ends_tell_how_far_the_ladder_goes_and_what_is_wrong_out_there() -> None:
    bare = fakes.lot(14, Leg.LONG, 30, sl_qty=ZERO)
    both = fakes.ladders(30)
    last = fakes.rung(Leg.LONG, 30, state=RungState.HELD, live_qty=ZERO, lot=bare)
    found = shown(fakes.running(ladders=msgspec.structs.replace(both, long=(*both.long[:29], last))), height=16)
    assert found[1] == "↑ 26 more above: 26 live, to 63,654.0"
    assert found[-1] == "↓ 25 more below  ✗ 1 NOT COVERED   24 live, 1 held, to 59,946.0"


def test_at_rest_the_window_stands_still_while_the_market_stays_in_its_middle_third() -> None:
    total, height, centre = 200, 30, 100
    starts = [window.at_rest(total, height, market, centre) for market in range(60, 140)]
    assert {b - a for a, b in pairwise(starts)} <= {0, 1}
    still = [market for market, start in zip(range(60, 140), starts, strict=True) if start == centre - height // 2]
    assert len(still) == height // 3


@given(st.integers(3, 60), st.integers(1, 300), st.data())
def test_at_rest_the_market_is_always_within_the_window(height: int, total: int, data: st.DataObject) -> None:
    market, centre = data.draw(st.integers(0, total - 1)), data.draw(st.integers(0, total))
    start = window.within(window.at_rest(total, height, market, centre), total, height)
    row = market - start
    assert 0 <= row < min(height, total)
    assert start == 0 or row > 0
    assert start + height >= total or row < height - 1


def test_a_tick_moves_nothing_but_the_market_while_the_reader_looks_elsewhere() -> None:
    before, after = (shown(at_market(mid), 74, 20, offset=40) for mid in ("61802", "61930"))
    places = [[words(line).split(" ")[:3] for line in found if TAG.match(line)] for found in (before, after)]
    assert places[0] == places[1]
    assert len(places[0]) == 17


def test_whoever_scrolls_away_still_sees_the_mid() -> None:
    assert " mid 61,802.00 " in shown(at_market("61802"), 74, 20, offset=40)[-1]
    assert " mid 61,802.00 " in shown(at_market("61802"), 74, 20, offset=-40)[1]


@pytest.mark.parametrize("mid", ["61802", "64000", "56000", "70000"])
@pytest.mark.parametrize("height", [6, 15, 40])
def test_scrolling_begins_from_what_is_on_the_screen_and_passes_every_rung(mid: str, height: int) -> None:
    snapshot = at_market(mid)
    offset, seen, before = 0, set(tags(shown(snapshot, height=height))), shown(snapshot, height=height)
    for by in (1, -1):
        for _ in range(260):
            offset = ladder.scrolled(frame(snapshot, offset), height, by)
            found = shown(snapshot, height=height, offset=offset)
            kept = set(tags(found)) & set(tags(before))
            assert len(kept) >= len(tags(found)) - 3
            seen |= set(tags(found))
            before = found
    assert {f"▼ S{level}" for level in range(1, 101)} | {f"▲ L{level}" for level in range(1, 101)} <= seen


def test_scrolling_back_to_the_market_follows_it_again() -> None:
    snapshot = at_market("61802")
    offset = 0
    for by in (1, 1, 1, -1, -1, -1):
        offset = ladder.scrolled(frame(snapshot, offset), 20, by)
    assert offset == 0


def test_scrolling_stops_at_either_end_and_turns_round_at_once() -> None:
    snapshot = at_market("61802")
    for by in (1, -1):
        far = ladder.scrolled(frame(snapshot), 20, 10**6 * by)
        assert ladder.scrolled(frame(snapshot, far), 20, by) == far
        back = ladder.scrolled(frame(snapshot, far), 20, -by)
        assert shown(snapshot, height=20, offset=back) != shown(snapshot, height=20, offset=far)
    assert "▼ S100" in tags(shown(snapshot, height=20, offset=10**6))
    assert "▲ L100" in tags(shown(snapshot, height=20, offset=-(10**6)))


def test_a_ladder_that_fits_has_nothing_to_scroll() -> None:
    assert ladder.scrolled(frame(), 40, 5) == 0


def test_only_lines_that_are_seen_are_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[object] = []
    row = ladder_rungs.rung_row

    def counted(*arguments: Any) -> Any:
        drawn.append(arguments)
        return row(*arguments)

    monkeypatch.setattr(ladder, "rung_row", counted)
    shown(at_market("61802"), 118, 30)
    assert 20 < len(drawn) <= 30


# Whatever the snapshot.


def prices_of(found: Lines) -> list[Decimal]:
    return [line.price for index, line in enumerate(found.all) if index != found.market]


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
@given(FRAMES, st.integers(0, 160), st.integers(0, 30), st.integers(-40, 40))
def test_every_ladder_keeps_its_width_and_height_its_order_and_its_market(
    drawn: Frame, width: int, height: int, offset: int
) -> None:
    moved = msgspec.structs.replace(drawn, view=View(scroll={PanelId.LADDER: offset}))
    rows = ladder.rows(moved, width, height)
    assert len(rows) <= height
    assert {cell_len(text_of(row)) for row in rows} <= {width}
    found = lines(drawn.snapshot)
    prices = prices_of(found)
    assert prices == sorted(prices, reverse=True)
    told = {fixed(price, drawn.snapshot.price_decimals) for price in prices}
    texts = [text_of(row) for row in rows if TAG.match(text_of(row)) and CUT not in text_of(row)]
    assert {re.split(r"\s+", line.replace("◆", " "))[2] for line in texts} <= told
    if width > 24 and height:
        rests = ladder.rows(msgspec.structs.replace(drawn, view=View()), width, height)
        assert any("─ mid " in text_of(row) or "no market yet" in text_of(row) for row in rests)
    if height > 0:
        assert ladder.scrolled(moved, height, 3) == 0 or len(found.all) > height - 1
