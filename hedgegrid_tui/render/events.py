"""What has happened, newest at the bottom: acts, receipts, states, alarms, errors, funding, in plain words."""

from collections.abc import Callable, Sequence
from typing import Final

from hedgegrid_tui.render import context, scrolling
from hedgegrid_tui.render.frame import Frame
from hedgegrid_tui.render.numbers import clock_text
from hedgegrid_tui.render.records import EventRecord
from hedgegrid_tui.render.rows import Ink, Row, Rows, Segment, fit_all
from hedgegrid_tui.render.scrolling import NO_POINTER, POINTER
from hedgegrid_tui.render.view import PanelId

KIND_WIDTH: Final = 8
HEAD: Final = (Segment(f"  {'time':8}    {'kind':{KIND_WIDTH}}  what happened", Ink.FAINT),)


def rows(frame: Frame, width: int, height: int) -> Rows:
    """The part of the list that is in view; a pointer stands before the line that Enter opens."""
    found = _found(frame)
    scroll = frame.view.offset(PanelId.EVENTS)
    shown = scrolling.window(len(found), len(found), scrolling.room(height), scroll)
    chosen = scrolling.pointed(len(found), scroll) if frame.view.panel is PanelId.EVENTS else -1
    lines = [_line(found[at], is_chosen=at == chosen) for at in range(shown.first, shown.end)]
    search = scrolling.searched(frame, PanelId.EVENTS)
    if not found:
        lines = [scrolling.nothing(search, "event", "nothing has happened yet")]
    return scrolling.headed(HEAD, lines, scrolling.marks(shown, search, len(frame.events)), width, height)


def bounds(frame: Frame, width: int, height: int) -> scrolling.Bounds:  # noqa: ARG001 - every panel takes both
    """Least and most scroll."""
    return scrolling.pointer_bounds(len(_found(frame)))


def added(before: Frame, after: Frame) -> int:
    """How many lines of the list are new."""
    last = before.events[-1].seq if before.events else 0
    return sum(event.seq > last for event in _found(after))


def in_view(frame: Frame, height: int) -> int | None:  # noqa: ARG001 - as errors.in_view
    """Number of the journal line that Enter opens; None where there is none."""
    found = _found(frame)
    return found[scrolling.pointed(len(found), frame.view.offset(PanelId.EVENTS))].seq if found else None


def context_page(frame: Frame, seq: int) -> Callable[[Frame, int], Rows]:
    """A page on one event with what happened around it; it stays when the list has forgotten the event."""
    event = next((event for event in frame.events if event.seq == seq), None)
    if event is None:
        return lambda _, width: fit_all(((Segment("this event is not in the list any more", Ink.MUTED),),), width, 1)
    around = context.Around(frame, event.ts)

    def page(frame: Frame, width: int) -> Rows:
        head: Row = (
            Segment(f"{clock_text(event.ts)} UTC  ", Ink.MUTED),
            Segment(f"{event.kind}, journal line {event.seq}", Ink.STRONG),
        )
        lines = [head, (), *context.wrapped(event.text, width, _ink(event)), (), *around.rows(frame, width, event.seq)]
        return fit_all(lines, width, len(lines))

    return page


def _found(frame: Frame) -> Sequence[EventRecord]:
    return scrolling.found(frame, PanelId.EVENTS, frame.events, _words)


def _words(event: EventRecord) -> str:
    return f"{clock_text(event.ts)} {event.kind} {event.text}"


def _line(event: EventRecord, *, is_chosen: bool) -> Row:
    return (POINTER if is_chosen else NO_POINTER, *line(event))


def line(event: EventRecord) -> Row:
    """One event: time, a mark where it is grave, kind, words."""
    ink = _ink(event)
    return (
        Segment(f"{clock_text(event.ts)} ", Ink.MUTED),
        Segment(" ! " if event.grave else "   ", ink),
        Segment(f"{event.kind.partition('.')[0]:{KIND_WIDTH}}  ", Ink.MUTED),
        Segment(event.text, ink),
    )


def _ink(event: EventRecord) -> Ink:
    if not event.grave:
        return Ink.PLAIN
    return Ink.ALARM if event.kind in ("alarm", "error") else Ink.WARN
