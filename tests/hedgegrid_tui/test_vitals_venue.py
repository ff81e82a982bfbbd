"""The venue's part of the vitals as text: known or a dash, near its limit or not, old with its age, dead in words."""

from typing import Any

import msgspec
import pytest

from hedgegrid_tui.render import legend, vitals, vitals_venue
from hedgegrid_tui.render.frame import Frame
from hedgegrid_tui.render.rows import Ink
from strategy.domain import NS_PER_S, Reason
from strategy.snapshot import AlarmView, RiskView, VenueVitals
from tests.hedgegrid_tui import fakes
from tests.hedgegrid_tui.test_panels_text import help_text, squeezed
from tests.hedgegrid_tui.test_pictures import frame, inks

NOW = fakes.NOW
SOUND = VenueVitals(
    taken_ns=NOW,
    stream_age_ms=12_400,
    stream_checked_ms=4_000,
    weight_used=310,
    weight_limit=2400,
    orders_10s=12,
    orders_10s_limit=300,
    orders_1m=40,
    orders_1m_limit=1200,
    dead_man_s=98,
    dead_man_of_s=120,
    skew_ms=-80,
    round_trip_ms=85,
    checked_ns=NOW - 3 * NS_PER_S,
)
LABELS = (
    "watch over venue", "takes no requests", "account's stream", "dead-man's switch", "compared with venue",
    "weight, 1 min", "orders, 10 s · 1 min", "round trip", "venue's clock",
)  # fmt: skip


def scene(*alarms: str, ts: int = NOW, **changes: Any) -> Frame:
    raised = tuple(AlarmView(name, None, NOW, "words") for name in alarms)
    venue = msgspec.structs.replace(SOUND, **changes)
    return frame(fakes.running(ts=ts, mode="live", venue=venue, risk=RiskView(alarms=raised)))


def value(found: Frame, label: str) -> str:
    """What stands in the row of that label; nothing where there is no such row."""
    rows = squeezed(vitals.rows(found, 60, 40))
    return next((row.removeprefix(label).strip() for row in rows if row.startswith(label)), "")


def ink(found: Frame, label: str) -> set[Ink]:
    return {piece.ink for _, name, row in vitals_venue.lines(found) if name == label for piece in row if piece.text}


def test_all_in_order_reads_at_a_glance() -> None:
    assert [value(scene(), label) for label in LABELS] == [
        "",
        "",
        "12 s · alive 4 s ago",
        "98 s left",
        "3 s",
        "310/2,400",
        "12/300 · 40/1,200",
        "75 ms",
        "75 ms behind",
    ]
    assert {one for label in LABELS for one in ink(scene(), label)} <= {Ink.PLAIN, Ink.MUTED}


def test_a_mode_without_a_venue_has_none_of_the_rows() -> None:
    assert vitals_venue.lines(frame()) == []
    assert not any(value(frame(), label) for label in LABELS)


def test_what_is_not_known_is_a_dash_and_a_switch_that_is_off_says_so() -> None:
    unknown = frame(fakes.running(venue=VenueVitals(taken_ns=NOW)))
    assert [value(unknown, label) for label in LABELS] == ["", "", "-", "off", "-", "-", "- · -", "-", "-"]


@pytest.mark.parametrize(
    ("changes", "label", "told", "colour"),
    [
        ({"weight_used": 1919}, "weight, 1 min", "1,919/2,400", Ink.PLAIN),
        ({"weight_used": 1920}, "weight, 1 min", "! 1,920/2,400", Ink.WARN),
        ({"orders_10s": 240}, "orders, 10 s · 1 min", "! 240/300 · 40/1,200", None),
        ({"orders_1m": 960}, "orders, 10 s · 1 min", "12/300 · ! 960/1,200", None),
        ({"orders_1m_limit": None}, "orders, 10 s · 1 min", "12/300 · 40", None),
        ({"dead_man_s": 60}, "dead-man's switch", "60 s left", Ink.PLAIN),
        ({"dead_man_s": 59}, "dead-man's switch", "! 59 s left", Ink.WARN),
        ({"dead_man_s": 0}, "dead-man's switch", "! TIME IS OVER", Ink.ALARM),
        ({"dead_man_s": None}, "dead-man's switch", "! NOT ARMED", Ink.ALARM),
        ({"dead_man_s": None, "dead_man_of_s": None}, "dead-man's switch", "off", Ink.MUTED),
        ({"round_trip_ms": 999}, "round trip", "975 ms", Ink.PLAIN),
        ({"round_trip_ms": 1000}, "round trip", "! 1,000 ms", Ink.WARN),
        ({"round_trip_ms": 3}, "round trip", "<25 ms", Ink.PLAIN),
        ({"skew_ms": 24}, "venue's clock", "within 25 ms", Ink.PLAIN),
        ({"skew_ms": 2600}, "venue's clock", "2,600 ms ahead", Ink.PLAIN),
        ({"limited_until_ns": NOW + 9 * NS_PER_S}, "takes no requests", "! until 12:03:16", Ink.ALARM),
        ({"limited_until_ns": NOW}, "takes no requests", "", None),
        ({"stream_checked_ms": 12_400}, "account's stream", "12 s", Ink.PLAIN),
        ({"stream_age_ms": None}, "account's stream", "no word yet · alive 4 s ago", None),
    ],
)
def test_a_row_tells_its_value_and_marks_what_is_near_or_over(
    changes: dict[str, Any], label: str, told: str, colour: Ink | None
) -> None:
    found = scene(**changes)
    assert value(found, label) == told
    assert colour is None or ink(found, label) == {colour}


@pytest.mark.parametrize(
    ("alarm", "label", "told", "colour"),
    [
        (Reason.STREAM_DEAD, "account's stream", "! DEAD 12 s", Ink.ALARM),
        (Reason.DEAD_MAN, "dead-man's switch", "! FIRED", Ink.ALARM),
        (Reason.VENUE_DIFFERS, "compared with venue", "! DIFFERS 3 s", Ink.ALARM),
        ("venue-unseen", "compared with venue", "! 3 s", Ink.STALE),
        ("clock-skew", "venue's clock", "! 75 ms behind", Ink.ALARM),
    ],
)
def test_an_alarm_stands_in_its_own_row_too(alarm: str, label: str, told: str, colour: Ink) -> None:
    assert value(scene(alarm), label) == told
    assert ink(scene(alarm), label) == {colour}


def test_an_alarm_beside_what_is_not_known_is_told_all_the_same() -> None:
    found = scene(Reason.STREAM_DEAD, Reason.VENUE_DIFFERS, stream_age_ms=None, checked_ns=None)
    assert value(found, "account's stream") == "! DEAD, no word yet"
    assert value(found, "compared with venue") == "! DIFFERS"


def test_vitals_that_nobody_renews_age_and_say_so() -> None:
    later = scene(ts=NOW + 20 * NS_PER_S)
    assert [value(later, label) for label in LABELS] == [
        "! 20 s old",
        "",
        "32 s · alive 24 s ago",
        "78 s left",
        "23 s",
        "310/2,400",
        "12/300 · 40/1,200",
        "75 ms",
        "75 ms behind",
    ]
    assert {one for label in LABELS[5:] for one in ink(later, label)} == {Ink.STALE, Ink.MUTED}
    assert value(scene(ts=NOW + 200 * NS_PER_S), "dead-man's switch") == "! TIME IS OVER"


def test_a_stuck_engine_s_vitals_age_with_the_screen() -> None:
    stuck = msgspec.structs.replace(scene(), age=9.0)
    assert value(stuck, "account's stream") == "21 s · alive 13 s ago"
    assert value(stuck, "compared with venue") == "12 s"


def test_in_a_low_panel_what_warns_stays_before_what_is_in_order() -> None:
    rows = vitals.rows(scene(weight_used=2000), 60, 4)
    assert inks(rows, "! 2,000/2,400") == {Ink.WARN}


def test_the_help_explains_every_row_and_every_alarm_of_the_venue() -> None:
    told = help_text()
    for name in ("account's stream", "dead-man's switch", "compared with venue", "weight, orders", "round trip"):
        assert f"  {name}" in told
    names = {"venue-limited", "banned", "venue-differs", "venue-unseen", "dead-man", "dead-man-late", "stream-dead",
             "filters-changed", "clock-skew", "liquidated"}  # fmt: skip
    assert names <= set(legend.ALARMS)
