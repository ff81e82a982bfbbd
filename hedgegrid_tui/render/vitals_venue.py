"""The venue's part of the vitals: the account's stream, the dead-man's switch, comparisons, limits, clock."""

from typing import Final

from hedgegrid_tui.render import alarms
from hedgegrid_tui.render.ages import age
from hedgegrid_tui.render.frame import Frame
from hedgegrid_tui.render.numbers import NONE, clock_text
from hedgegrid_tui.render.rows import Ink, Row, Segment
from strategy.domain import NS_PER_S, Reason
from strategy.snapshot import VenueVitals

OLD_AFTER_S: Final = 5.0
"""They are told about once a second; from here on they are what was, and say so."""
NEAR_PCT: Final = 80
"""A limit that is used so far is coloured."""
SLOW_MS: Final = 1000
"""A round trip from here on is coloured."""
STEP_MS: Final = 25
"""A round trip or a skew is told in steps of so much, so that no row flickers."""

MS_PER_S: Final = 1000

type Line = tuple[int, str, Row]


def lines(frame: Frame) -> list[Line]:
    """Rank, label and value of each row; none where the mode has no line to a venue."""
    venue = frame.snapshot.venue
    if venue is None:
        return []
    late = max(0, frame.snapshot.ts - venue.taken_ns) / NS_PER_S + (frame.age if frame.stale else 0.0)
    old = late > OLD_AFTER_S
    limited = _limited(frame, venue)
    return [
        *([(0, "watch over venue", (Segment(f"! {age(late)} old", Ink.STALE),))] if old else []),
        *([(0, "takes no requests", (limited,))] if limited is not None else []),
        (1, "account's stream", _stream(frame, venue, late)),
        (1, "dead-man's switch", (_dead_man(frame, venue, late),)),
        (2, "compared with venue", (_compared(frame, venue),)),
        (3, "weight, 1 min", (_used(venue.weight_used, venue.weight_limit, old=old),)),
        (4, "orders, 10 s · 1 min", _orders(venue, old=old)),
        (5, "round trip", (_ms(venue.round_trip_ms, old=old),)),
        (5, "venue's clock", (_skew(frame, venue, old=old),)),
    ]


def _stream(frame: Frame, venue: VenueVitals, late: float) -> Row:
    """The age of its last word, which may be long; how long ago it was found alive, where that is another thing."""
    dead = alarms.is_raised(frame, Reason.STREAM_DEAD)
    heard, checked = venue.stream_age_ms, venue.stream_checked_ms
    if heard is None and (dead or checked is None):
        return (Segment("! DEAD, no word yet", Ink.ALARM) if dead else Segment(NONE, Ink.MUTED),)
    told = "no word yet" if heard is None else age(heard / MS_PER_S + late)
    if dead:
        return (Segment(f"! DEAD {told}", Ink.ALARM),)
    alive = "" if checked is None or checked == heard else f" · alive {age(checked / MS_PER_S + late)} ago"
    return (Segment(told), Segment(alive, Ink.MUTED))


def _dead_man(frame: Frame, venue: VenueVitals, late: float) -> Segment:
    if alarms.is_raised(frame, Reason.DEAD_MAN):
        return Segment("! FIRED", Ink.ALARM)
    if venue.dead_man_of_s is None:
        return Segment("off", Ink.MUTED)
    if venue.dead_man_s is None:
        return Segment("! NOT ARMED", Ink.ALARM)
    left = max(0, int(venue.dead_man_s - late))
    if not left:
        return Segment("! TIME IS OVER", Ink.ALARM)
    half = 2 * left < venue.dead_man_of_s
    return Segment(f"{'! ' if half else ''}{left} s left", Ink.WARN if half else Ink.PLAIN)


def _compared(frame: Frame, venue: VenueVitals) -> Segment:
    differs = alarms.is_raised(frame, Reason.VENUE_DIFFERS)
    word = "! DIFFERS " if differs else ""
    if venue.checked_ns is None:
        return Segment(word.strip() or NONE, Ink.ALARM if differs else Ink.MUTED)
    since = max(0, frame.snapshot.ts - venue.checked_ns) / NS_PER_S + (frame.age if frame.stale else 0.0)
    blind = alarms.is_raised(frame, "venue-unseen")
    ink = Ink.ALARM if differs else Ink.STALE if blind else Ink.PLAIN
    return Segment(f"{word or ('! ' if blind else '')}{age(since)}", ink)


def _orders(venue: VenueVitals, *, old: bool) -> Row:
    short = _used(venue.orders_10s, venue.orders_10s_limit, old=old)
    return (short, Segment(" · ", Ink.MUTED), _used(venue.orders_1m, venue.orders_1m_limit, old=old))


def _used(used: int | None, limit: int | None, *, old: bool) -> Segment:
    if used is None:
        return Segment(NONE, Ink.MUTED)
    bound = "" if limit is None else f"/{limit:,}"
    near = limit is not None and used * 100 >= limit * NEAR_PCT
    return Segment(f"{'! ' if near else ''}{used:,}{bound}", Ink.WARN if near else Ink.STALE if old else Ink.PLAIN)


def _ms(value: int | None, *, old: bool) -> Segment:
    if value is None:
        return Segment(NONE, Ink.MUTED)
    shown = f"{value // STEP_MS * STEP_MS:,} ms" if value >= STEP_MS else f"<{STEP_MS} ms"
    slow = value >= SLOW_MS
    return Segment(f"{'! ' if slow else ''}{shown}", Ink.WARN if slow else Ink.STALE if old else Ink.PLAIN)


def _skew(frame: Frame, venue: VenueVitals, *, old: bool) -> Segment:
    if venue.skew_ms is None:
        return Segment(NONE, Ink.MUTED)
    far = alarms.is_raised(frame, "clock-skew")
    steps = abs(venue.skew_ms) // STEP_MS * STEP_MS
    where = f"{steps:,} ms {'ahead' if venue.skew_ms > 0 else 'behind'}" if steps else f"within {STEP_MS} ms"
    return Segment(f"{'! ' if far else ''}{where}", Ink.ALARM if far else Ink.STALE if old else Ink.PLAIN)


def _limited(frame: Frame, venue: VenueVitals) -> Segment | None:
    until = venue.limited_until_ns
    if until is None or until <= frame.snapshot.ts:
        return None
    return Segment(f"! until {clock_text(until)}", Ink.ALARM)
