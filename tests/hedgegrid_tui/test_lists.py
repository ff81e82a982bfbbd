"""Orders, fills, events and errors as text: what is in view, what a search leaves, what is scrolled to and opened."""

from decimal import Decimal
from types import ModuleType
from typing import Any

import msgspec
import pytest

from hedgegrid_tui.render import errors, events, fills, orders
from hedgegrid_tui.render.ages import coarse
from hedgegrid_tui.render.frame import Frame
from hedgegrid_tui.render.records import EventRecord, FillRecord
from hedgegrid_tui.render.rows import Ink
from hedgegrid_tui.render.view import PanelId, View
from strategy.domain import NS_PER_S, DoorState, Leg, Role, Side
from strategy.order_index import OrderStatus
from strategy.snapshot import ErrorRecord, MarketView, OrderView, Snapshot
from tests.hedgegrid_tui import fakes
from tests.hedgegrid_tui.test_pictures import frame, inks, text

replace = msgspec.structs.replace
TICK = Decimal("0.1")


def order(number: int, price: str | None, **changes: Any) -> OrderView:
    built = OrderView(
        id=f"HG-{number}",
        leg=Leg.LONG,
        role=Role.ENTRY,
        slot=number,
        side=Side.BUY,
        price=None if price is None else Decimal(price),
        qty=Decimal("0.002"),
        filled=Decimal(0),
        status=OrderStatus.ACCEPTED,
        sent_ns=fakes.NOW - 65 * NS_PER_S,
    )
    return replace(built, **changes)


def fill(seq: int, **changes: Any) -> FillRecord:
    built = FillRecord(
        seq=seq,
        ts=fakes.NOW - (1000 - seq) * NS_PER_S,
        leg=Leg.LONG,
        role=Role.ENTRY,
        slot=seq,
        side=Side.BUY,
        qty=Decimal("0.002"),
        price=Decimal("61676.4"),
        fee=Decimal("-0.0247"),
    )
    return replace(built, **changes)


def event(seq: int, words: str = "", **changes: Any) -> EventRecord:
    return replace(EventRecord(seq, fakes.NOW - (1000 - seq) * NS_PER_S, "act", words or f"event {seq}"), **changes)


def error(number: int, *, critical: bool = False, **changes: Any) -> ErrorRecord:
    record = ErrorRecord(number, fakes.NOW, "on_bar", "ValueError", f"trouble {number}", critical)
    return replace(record, **changes)


def seen(panel: PanelId, scroll: int = 0, search: str = "", snapshot: Snapshot | None = None, **changes: Any) -> Frame:
    """A frame with that panel in hand."""
    return frame(snapshot, view=View(panel=panel, scroll={panel: scroll}, search=search), **changes)


def lines(picture: ModuleType, shown: Frame, width: int = 76, height: int = 6) -> list[str]:
    return text(picture.rows(shown, width, height)).splitlines()


# -- orders ------------------------------------------------------------------------------------------------------------

MANY = tuple(order(level, str(61_802 - 10 * level)) for level in range(1, 41)) + tuple(
    order(level, str(61_802 + 10 * level), leg=Leg.SHORT, side=Side.SELL) for level in range(1, 41)
)


def test_orders_stand_by_price_around_the_market() -> None:
    found = (
        order(4, "61552.8", status=OrderStatus.SUBMITTED),
        order(12, "62170.8", leg=Leg.SHORT, role=Role.SL, side=Side.BUY),
        order(1, "61738.2", filled=Decimal("0.001"), sent_ns=fakes.NOW - 5 * 3600 * NS_PER_S),
        order(0, None, role=Role.CLOSE, side=Side.SELL, status=OrderStatus.UNKNOWN, sent_ns=0),
    )
    shown = lines(orders, seen(PanelId.ORDERS, snapshot=fakes.running(orders=found)), 80, 9)
    assert [" ".join(line.split()) for line in shown] == [
        "leg what for side price qty filled status age",
        "▼ SHORT stop #12 buy 62,170.8 0.002 - ● live 1 m",
        "▲ LONG close all sell at market 0.002 - ✗ UNKNOWN -",
        "── mid 61,802.15 " + "─" * 63,
        "▲ LONG entry L1 buy 61,738.2 0.002 0.001 ● live 5 h",
        "▲ LONG entry L4 buy 61,552.8 0.002 - ◐ in-flight 1 m",
    ]


@pytest.mark.parametrize("height", range(2, 30))
def test_orders_rest_with_the_market_in_the_middle_and_count_what_lies_above_and_below(height: int) -> None:
    shown = lines(orders, seen(PanelId.ORDERS, snapshot=fakes.running(orders=MANY)), 80, height)
    market = next(index for index, line in enumerate(shown) if "mid" in line)
    assert len(shown) == height
    assert abs(market - height / 2) <= 1
    above, below = (int(part.split()[-1]) for part in shown[0].split("·")[-2:])
    assert above + below + height - 1 == len(MANY) + 1


def test_orders_scroll_to_both_ends() -> None:
    snapshot = fakes.running(orders=MANY)
    least, most = orders.bounds(seen(PanelId.ORDERS, snapshot=snapshot), 80, 12)
    assert least < 0 < most
    assert "62,202.0" in lines(orders, seen(PanelId.ORDERS, most, snapshot=snapshot), 80, 12)[1]
    assert "61,402.0" in lines(orders, seen(PanelId.ORDERS, least, snapshot=snapshot), 80, 12)[-1]
    assert most - least + 12 == len(lines(orders, seen(PanelId.ORDERS, snapshot=snapshot), 80, 200)) == len(MANY) + 2


def test_an_order_is_found_by_any_of_its_fields() -> None:
    found = (order(1, "61738.2"), order(7, "61552.8", role=Role.TP, status=OrderStatus.CANCELLING))
    snapshot = fakes.running(orders=found)
    for search in ("L1", "61,738", "entry", "hg-1", "ACCEPTED"):
        shown = lines(orders, seen(PanelId.ORDERS, search=search, snapshot=snapshot))
        assert f"/{search.lower()} 1 of 2" in shown[0]
        assert sum("LONG" in line for line in shown) == 1, search
    nothing = lines(orders, seen(PanelId.ORDERS, search="zzz", snapshot=snapshot))
    assert nothing[1] == "no open order matches /zzz; Esc clears"


def test_a_search_filters_the_panel_in_hand_alone() -> None:
    found = frame(fakes.running(orders=MANY), view=View(panel=PanelId.EVENTS, search="zzz"), fills=(fill(1),))
    assert "LONG" in text(orders.rows(found, 76, 6))
    assert "LONG" in text(fills.rows(found, 76, 6))


def test_without_an_order_or_a_market_the_list_says_so() -> None:
    assert lines(orders, seen(PanelId.ORDERS, snapshot=fakes.running(orders=())))[1] == "no order is open"
    blind = fakes.running(orders=(order(1, "61738.2"),), market=MarketView(), ladders=type(fakes.ladders())())
    assert lines(orders, seen(PanelId.ORDERS, snapshot=blind))[-1].startswith("── no market price ─")


@pytest.mark.parametrize(
    ("seconds", "told"), [(0, "<1 s"), (1, "1 s"), (59, "59 s"), (60, "1 m"), (7199, "1 h"), (172_800, "2 d")]
)
def test_the_age_of_an_order_is_told_in_one_unit(seconds: int, told: str) -> None:
    assert coarse(seconds) == told


def test_a_quiet_market_changes_no_row_of_orders_that_are_a_minute_old() -> None:
    before = fakes.running(orders=(order(1, "61738.2"),))
    after = replace(before, seq=before.seq + 1, ts=before.ts + 5 * NS_PER_S)
    assert orders.rows(frame(before), 80, 9) == orders.rows(frame(after), 80, 9)


# -- fills -------------------------------------------------------------------------------------------------------------


def test_fills_tell_what_for_and_at_what_price_newest_at_the_bottom() -> None:
    taken = (fill(1), fill(2, leg=Leg.SHORT, role=Role.SL, slot=12, fee=Decimal("0.002")))
    shown = lines(fills, seen(PanelId.FILLS, fills=taken))
    assert [" ".join(line.split()) for line in shown] == [
        "time leg what for side qty price fee",
        "11:46:28 ▲ LONG entry L1 buy 0.002 61,676.4 -0.0247",
        "11:46:29 ▼ SHORT stop #12 buy 0.002 61,676.4 +0.0020",
    ]
    assert lines(fills, seen(PanelId.FILLS))[1] == "nothing has filled yet"


def test_a_narrow_list_leaves_columns_out_rather_than_cutting_numbers() -> None:
    shown = lines(fills, seen(PanelId.FILLS, fills=(fill(1),)), 56)
    assert shown[0].split() == ["time", "leg", "what", "for", "qty", "price"]
    assert shown[1].endswith("61,676.4")


# -- what all lists share ----------------------------------------------------------------------------------------------

LISTS = [
    (fills, PanelId.FILLS, "fills", tuple(fill(number) for number in range(1, 31))),
    (events, PanelId.EVENTS, "events", tuple(event(number) for number in range(1, 31))),
]


@pytest.mark.parametrize(("picture", "panel", "field", "records"), LISTS)
def test_a_list_rests_at_its_newest_line_and_tells_how_many_lie_above(
    picture: ModuleType, panel: PanelId, field: str, records: Any
) -> None:
    shown = lines(picture, seen(panel, **{field: records}))
    assert shown[0].endswith("↑ 25")
    assert shown[-1] == lines(picture, seen(panel, **{field: records[-1:]}))[1]
    assert len(shown) == 6
    assert len(lines(picture, seen(panel, **{field: records}), height=200)) == 31


@pytest.mark.parametrize(("picture", "panel", "field", "records"), LISTS)
def test_new_lines_do_not_move_what_is_read_once_the_place_is_kept(
    picture: ModuleType, panel: PanelId, field: str, records: Any
) -> None:
    before = seen(panel, 9, **{field: records[:25]})
    after = seen(panel, 9, **{field: records[3:]})  # three old lines are forgotten meanwhile
    assert picture.added(before, after) == 5
    kept = seen(panel, 9 + picture.added(before, after), **{field: records[3:]})
    assert lines(picture, kept)[1:] == lines(picture, before)[1:]
    assert picture.added(frame(), before) == 25


@pytest.mark.parametrize(("picture", "panel", "field", "records"), LISTS)
def test_new_lines_that_a_search_hides_do_not_count(
    picture: ModuleType, panel: PanelId, field: str, records: Any
) -> None:
    before = seen(panel, 2, "l7" if field == "fills" else "event 7", **{field: records[:5]})
    after = replace(before, **{field: records})
    assert picture.added(before, after) == 1


@pytest.mark.parametrize(("picture", "panel", "field", "records"), LISTS)
def test_a_list_of_one_row_shows_its_newest_line_and_counts_the_others(
    picture: ModuleType, panel: PanelId, field: str, records: Any
) -> None:
    (only,) = lines(picture, seen(panel, **{field: records}), height=1)
    assert only.endswith("↑ 29")
    assert picture.rows(seen(panel, **{field: records}), 76, 0) == ()


# -- events ------------------------------------------------------------------------------------------------------------


def test_grave_events_are_marked_by_sign_and_ink() -> None:
    taken = (event(1), event(2, "raised", kind="alarm", grave=True), event(3, "paused", kind="state", grave=True))
    rows = events.rows(frame(events=taken), 76, 6)
    shown = text(rows).splitlines()
    assert [line[10:13].strip() for line in shown[1:]] == ["", "!", "!"]
    assert inks(rows, "raised") == {Ink.ALARM}
    assert inks(rows, "paused") == {Ink.WARN}


def test_the_pointer_stands_before_the_line_that_enter_opens() -> None:
    taken = tuple(event(number) for number in range(1, 31))
    for scroll in (0, 3, 24, 27, 29):
        in_hand = seen(PanelId.EVENTS, scroll, events=taken)
        pointed = [line for line in lines(events, in_hand) if line.startswith("►")]
        assert events.in_view(in_hand, 6) == 30 - scroll
        assert len(pointed) == 1
        assert pointed[0].endswith(f"event {30 - scroll}")
    assert events.bounds(seen(PanelId.EVENTS, events=taken), 76, 6) == (0, 29)
    assert "►" not in text(events.rows(frame(events=taken), 76, 6))
    assert events.in_view(frame(), 6) is None


def test_an_event_is_searched_by_time_kind_and_words() -> None:
    taken = (event(1, "operator pressed pause"), event(2, kind="alarm"), event(3))
    for search, number in (("PAUSE", 1), ("alarm", 2), ("11:46:30", 3)):
        in_hand = seen(PanelId.EVENTS, search=search, events=taken)
        assert events.in_view(in_hand, 6) == number
        assert f"/{search.lower()} 1 of 3" in lines(events, in_hand)[0]


def page(shown: Any, at: Frame, width: int = 78) -> str:
    return text(shown(at, width))


def test_a_page_on_an_event_tells_what_happened_within_ten_seconds_of_it() -> None:
    taken = (event(980, "too early"), event(990, "before"), event(1000, "itself"), event(1010, "after"), event(1011))
    at = frame(events=taken, fills=(fill(995, role=Role.TP, slot=11),))
    told = page(events.context_page(at, 1000), at)
    assert "act, journal line 1000" in told
    order_of = [told.index(words) for words in ("-10.0 s  act", "-5.0 s  fill", "►   +0.0 s  act", "+10.0 s  act")]
    assert order_of == sorted(order_of)
    assert "long TP #11: buy 0.002 at 61,676.4" in told
    assert "too early" not in told
    assert "event 1011" not in told


def test_a_page_stays_when_the_list_has_forgotten_its_event_and_takes_what_comes_later() -> None:
    at = frame(events=(event(1, "first"), event(2, "itself")))
    opened = events.context_page(at, 2)
    later = frame(events=(event(5, "later"),))
    told = page(opened, later)
    assert all(words in told for words in ("first", "itself", "later"))
    assert "not in the list any more" in page(events.context_page(later, 2), later)


# -- errors ------------------------------------------------------------------------------------------------------------


def test_errors_are_numbered_and_stand_in_full_where_there_is_room() -> None:
    shown = text(errors.rows(frame(fakes.critical()), 60, 4)).splitlines()
    assert shown == [
        "#1 11:43:07 on_order_rejected: VenueError: post-only would",
        "  take (-5022)",
        "#2 12:03:03 ✗ CRITICAL on_order_filled: KeyError: 'lot 14",
        "  is unknown to the order index'",
    ]
    assert text(errors.rows(frame(fakes.running(errors=())), 60, 4)) == "✓ no errors"


def test_a_critical_error_stays_in_the_pane_until_it_is_acknowledged_however_many_push() -> None:
    later = tuple(error(number) for number in range(2, 30))
    pinned = (error(1, critical=True),)
    shown = text(errors.rows(frame(fakes.running(errors=later), pinned=pinned), 78, 4)).splitlines()
    assert shown[0].startswith("29 errors  ✗ 1 critical: a acknowledges")
    assert shown[0].endswith("↑ 26")
    assert "#1 12:03:07 ✗ CRITICAL on_bar: ValueError: trouble 1" in shown[1]
    assert [line.split()[-1] for line in shown[2:]] == ["28", "29"]
    answered = text(errors.rows(frame(fakes.running(errors=(*pinned, *later))), 78, 4)).splitlines()
    assert [line.split()[-1] for line in answered[1:]] == ["27", "28", "29"]


def test_the_newest_error_is_shown_beside_more_critical_ones_than_there_is_room_for() -> None:
    pinned = tuple(error(number, critical=True) for number in range(1, 9))
    snapshot = fakes.running(errors=(*pinned, error(9)))
    shown = text(errors.rows(frame(snapshot, pinned=pinned), 78, 4)).splitlines()
    assert [line.split()[-1] for line in shown[1:]] == ["7", "8", "9"]


def test_errors_scroll_one_by_one_while_what_waits_stays_above() -> None:
    pinned = (error(1, critical=True),)
    snapshot = fakes.running(errors=(*pinned, *(error(number) for number in range(2, 30))))
    in_hand = seen(PanelId.ERRORS, 5, snapshot=snapshot, pinned=pinned)
    shown = lines(errors, in_hand, 78, 5)
    assert [line.split()[-1] for line in shown[1:]] == ["1", "22", "23", "24"]
    assert shown[-1].startswith("► #24")
    assert errors.in_view(in_hand, 5) == 24
    assert errors.bounds(in_hand, 78, 5) == (0, 28)
    assert len(lines(errors, in_hand, 78, 200)) == 30


def test_errors_are_searched_and_counted_as_they_come() -> None:
    before = seen(PanelId.ERRORS, 1, "trouble 2", fakes.running(errors=tuple(map(error, range(1, 21)))))
    assert [line.split()[-1] for line in lines(errors, before)[1:]] == ["2", "20"]
    after = replace(before, snapshot=fakes.running(errors=tuple(map(error, range(1, 31)))))
    assert errors.added(before, after) == 9
    nothing = seen(PanelId.ERRORS, 0, "zzz", fakes.critical())
    assert "no error matches /zzz; Esc clears" in text(errors.rows(nothing, 78, 4))


def test_the_screen_s_own_faults_are_told_among_the_errors() -> None:
    for height in (2, 4):
        told = text(errors.rows(frame(fakes.critical(), faults=2, fault="ValueError: odd"), 78, height))
        assert "! screen: 2 caught, last ValueError: odd" in told


def test_every_error_can_be_read_in_full() -> None:
    record = error(1, message="word " * 60)
    assert text(errors.in_full(frame(fakes.running(errors=(record,))), 40)).count("word") == 60


def test_a_page_on_an_error_tells_how_often_what_the_door_did_and_which_key_answers_it() -> None:
    record = error(3, critical=True)
    halt = event(1001, "system is halted: critical: trouble 3", kind="state", ts=fakes.NOW + NS_PER_S, grave=True)
    own = event(1000, "system saw a CRITICAL error in on_bar: ValueError: trouble 3", kind="error", ts=fakes.NOW)
    snapshot = replace(
        fakes.latched(DoorState.HALTED, "critical: trouble 3"),
        ts=fakes.NOW + 70 * NS_PER_S,
        errors=(error(1), error(2, type="KeyError"), record),
    )
    at = frame(snapshot, pinned=(record,), events=(own, halt))
    told = page(errors.context_page(at, 3), at, 120)
    assert "✗ CRITICAL  #3  in on_bar: ValueError" in told
    assert "12:03:07 UTC, 1 m 10 s before the latest snapshot" in told
    assert "2 times the same type in the same place, of 3 remembered; last: #1 at 12:03:07, #3 at 12:03:07" in told
    assert "12:03:08 system is halted: critical: trouble 3" in told
    assert "now  ■ HALTED   by a critical error" in told
    for answer in ("a acknowledges it", "B resets: the door is latched halted", "F closes both legs", "p keeps new"):
        assert f"· {answer}" in told
    assert "►   +0.0 s  error" in told


def test_a_page_on_a_harmless_error_offers_no_key_that_would_not_help() -> None:
    at = frame()
    told = page(errors.context_page(at, 1), at)
    assert "once, among the errors that are remembered" in told
    assert "it did not change within 10 s" in told
    assert "no key: it was contained, and trading goes on; l shows the engine's log" in told
    assert "not in the list any more" in page(errors.context_page(at, 99), at)
