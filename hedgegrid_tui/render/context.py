"""What happened around a moment: events and fills some seconds before and after it, and what the door did then."""

from collections.abc import Iterable
from typing import Final, NamedTuple

from hedgegrid_tui.render import fills
from hedgegrid_tui.render.frame import Frame
from hedgegrid_tui.render.numbers import clock_text, fixed
from hedgegrid_tui.render.records import EventRecord, FillRecord
from hedgegrid_tui.render.rows import Ink, Row, Segment, wrap
from strategy.domain import NS_PER_S
from strategy.snapshot import Snapshot

SECONDS: Final = 10
"""So long before and after."""
KIND: Final = 8
"""Cells of the kind."""
STATE: Final = "state"


class Moment(NamedTuple):
    """One line of the page."""

    seq: int
    ts: int
    kind: str
    text: str
    grave: bool


class Around:
    """Takes what a list remembers of the time around `ts`; what comes within that time later is added."""

    def __init__(self, frame: Frame, ts: int) -> None:
        self._ts = ts
        self._known: dict[int, Moment] = {}
        self._take(frame)

    def rows(self, frame: Frame, width: int, own: int | None = None) -> list[Row]:
        """Everything that is known of that time, oldest first; `own` is the journal line that the page is about."""
        self._take(frame)
        found = sorted(self._known.values())
        lines: list[Row] = [(Segment(f"what happened within {SECONDS} s before and after", Ink.STRONG),)]
        for moment in found:
            after = moment.ts - self._ts
            is_own = moment.seq == own
            ink = Ink.WARN if moment.grave else Ink.PLAIN
            head = f"{'►' if is_own else ' '} {after / NS_PER_S:+6.1f} s  {moment.kind.partition('.')[0]:{KIND}}  "
            words = wrap(moment.text, max(1, width - len(head)))
            lines.append((Segment(head, Ink.KEY if is_own else Ink.MUTED), Segment(words[0] if words else "", ink)))
            lines += [(Segment(" " * len(head)), Segment(text, ink)) for text in words[1:]]
        return lines if found else [*lines, (Segment("nothing that the list remembers", Ink.MUTED),)]

    def door(self, frame: Frame, width: int) -> list[Row]:
        """What the door did in that time."""
        self._take(frame)
        told = [moment for moment in sorted(self._known.values()) if moment.kind == STATE]
        lines: list[Row] = []
        for moment in told:
            words = f"{clock_text(moment.ts)} {moment.text}"
            lines += wrapped(words, width, Ink.WARN if moment.grave else Ink.PLAIN)
        none = f"it did not change within {SECONDS} s, as far as the list remembers"
        return lines or wrapped(none, width, Ink.MUTED)

    def own_line(self, kind: str, words: str) -> int | None:
        """Number of the line of that kind that has those words; None where the list has forgotten it."""
        told = (moment for moment in self._known.values() if moment.kind == kind and moment.ts == self._ts)
        return next((moment.seq for moment in told if words in moment.text), None)

    def _take(self, frame: Frame) -> None:
        events = (Moment(each.seq, each.ts, each.kind, each.text, each.grave) for each in _near(frame.events, self._ts))
        filled = (
            Moment(each.seq, each.ts, "fill", _words(each, frame.snapshot), grave=False)
            for each in _near(frame.fills, self._ts)
        )
        for moment in (*events, *filled):
            self._known.setdefault(moment.seq, moment)


def _near[Record: (EventRecord, FillRecord)](records: Iterable[Record], ts: int) -> Iterable[Record]:
    return (record for record in records if abs(record.ts - ts) <= SECONDS * NS_PER_S)


def _words(fill: FillRecord, snapshot: Snapshot) -> str:
    what = f"{fill.leg} {fills.what_for(fill.leg, fill.role, fill.slot)}"
    qty, price = fixed(fill.qty, snapshot.qty_decimals), fixed(fill.price, snapshot.price_decimals)
    return f"{what}: {fills.SIDES[fill.side]} {qty} at {price}"


def wrapped(text: str, width: int, ink: Ink) -> list[Row]:
    """The text in rows of one ink."""
    return [(Segment(part, ink),) for part in wrap(text, max(1, width))]
