"""Contained errors, numbered, newest at the bottom; critical ones stay in view until they are acknowledged."""

from collections.abc import Callable, Sequence
from typing import Final

from hedgegrid_tui.render import context, door, scrolling
from hedgegrid_tui.render.ages import age_ns
from hedgegrid_tui.render.frame import Frame
from hedgegrid_tui.render.numbers import clock_text, count
from hedgegrid_tui.render.rows import Ink, Row, Rows, Segment, fit_all, wrap
from hedgegrid_tui.render.scrolling import NO_POINTER, POINTER, Window
from hedgegrid_tui.render.view import PanelId
from strategy.domain import DoorState
from strategy.snapshot import ErrorRecord

NO_ERRORS: Final = "✓ no errors"
TIMES_TOLD: Final = 3
"""So many of the same errors are told with their times."""


def rows(frame: Frame, width: int, height: int) -> Rows:
    """All of them in full where there is room; else a window of one row each, what nobody has acknowledged above it."""
    found = _found(frame)
    fault = [_fault(frame)] if frame.faults else []
    search = scrolling.searched(frame, PanelId.ERRORS)
    in_hand = frame.view.panel is PanelId.ERRORS
    if not found and not search:
        return fit_all((*fault, (Segment(NO_ERRORS, Ink.MUTED),))[: max(1, height)], width, height)
    if not in_hand and len(found) + len(fault) <= height:
        whole = [line for record in found for line in _wrapped(record, width)]
        if len(whole) + len(fault) <= height:
            return fit_all((*fault, *whole), width, height)
    room = max(0, height - 1 - len(fault)) if height >= scrolling.HEADED else height
    scroll = frame.view.offset(PanelId.ERRORS)
    shown = scrolling.window(len(found), len(found), room, scroll)
    kept = _kept(frame, found, shown, room)
    pointed = scrolling.pointed(len(found), scroll) if in_hand else -1
    lines = [*fault, *(_line(found[at], frame, points=at == pointed) for at in kept)]
    if not found:
        lines.append(scrolling.nothing(search, "error", NO_ERRORS))
    told = Window(shown.end - len(kept), shown.end, shown.total)
    return scrolling.headed(_head(frame), lines, scrolling.marks(told, search, len(_all(frame))), width, height)


def _kept(frame: Frame, found: Sequence[ErrorRecord], shown: Window, room: int) -> list[int]:
    """Indexes of what is shown: the window, its upper rows given to unacknowledged errors that lie above it."""
    pinned = {record.number for record in frame.pinned}
    newest = shown.end - 1
    wanted = sorted(range(shown.end), key=lambda at: (at == newest, found[at].number in pinned, at))
    return sorted(wanted[-room:]) if room else []


def bounds(frame: Frame, width: int, height: int) -> scrolling.Bounds:  # noqa: ARG001 - every panel takes both
    """Least and most scroll."""
    return scrolling.pointer_bounds(len(_found(frame)))


def added(before: Frame, after: Frame) -> int:
    """How many errors of the list are new."""
    last = max((record.number for record in _all(before)), default=0)
    return sum(record.number > last for record in _found(after))


def in_view(frame: Frame, height: int) -> int | None:  # noqa: ARG001 - as events.in_view
    """Number of the error that Enter opens; None where there is none."""
    found = _found(frame)
    return found[scrolling.pointed(len(found), frame.view.offset(PanelId.ERRORS))].number if found else None


def in_full(frame: Frame, width: int) -> Rows:
    """Every known error with its whole text, wrapped."""
    lines: list[Row] = [_fault(frame)] if frame.faults else []
    for record in _all(frame):
        lines += _wrapped(record, width)
    return fit_all(lines or [(Segment(NO_ERRORS, Ink.MUTED),)], width, max(1, len(lines)))


def context_page(frame: Frame, number: int) -> Callable[[Frame, int], Rows]:
    """A page on one error: in full, how often, what the door did, which key answers it, what happened around it."""
    record = next((each for each in _all(frame) if each.number == number), None)
    if record is None:
        return lambda _, width: fit_all(((Segment("this error is not in the list any more", Ink.MUTED),),), width, 1)
    around = context.Around(frame, record.ts)

    def page(frame: Frame, width: int) -> Rows:
        grade = Segment(" ✗ CRITICAL ", Ink.ALARM) if record.critical else Segment("error", Ink.STRONG)
        ago = age_ns(max(0, frame.snapshot.ts - record.ts))
        lines: list[Row] = [
            (grade, Segment(f" #{record.number}", Ink.STRONG), Segment(f"  in {record.where}: {record.type}")),
            (Segment(f"{clock_text(record.ts)} UTC, {ago} before the latest snapshot", Ink.MUTED),),
            (),
            *context.wrapped(record.message or "it came without a message", width, Ink.PLAIN),
            (),
            *_section("how often", context.wrapped(_often(frame, record), width, Ink.PLAIN)),
            *_section("the door", [*around.door(frame, width), _now(frame)]),
            *_section("what answers it", [line for text in _answers(frame, record) for line in _point(text, width)]),
            *around.rows(frame, width, around.own_line("error", record.message)),
        ]
        return fit_all(lines, width, len(lines))

    return page


def _now(frame: Frame) -> Row:
    return (Segment("now ", Ink.MUTED), door.STATES[frame.snapshot.state], Segment(f"  {door.figure(frame.snapshot)}"))


def _section(title: str, lines: list[Row]) -> list[Row]:
    return [(Segment(title, Ink.STRONG),), *lines, ()]


def _point(text: str, width: int) -> list[Row]:
    parts = wrap(text, max(1, width - 2))
    return [(Segment("  " if at else "· ", Ink.MUTED), Segment(part)) for at, part in enumerate(parts)]


def _often(frame: Frame, record: ErrorRecord) -> str:
    same = [each for each in _all(frame) if (each.where, each.type) == (record.where, record.type)]
    if len(same) <= 1:
        return "once, among the errors that are remembered"
    told = ", ".join(f"#{each.number} at {clock_text(each.ts)}" for each in same[-TIMES_TOLD:])
    return f"{count(len(same), 'time')} the same type in the same place, of {len(_all(frame))} remembered; last: {told}"


def _answers(frame: Frame, record: ErrorRecord) -> list[str]:
    """What the trader can do about it now, by key."""
    snapshot, keys = frame.snapshot, frame.keys
    found: list[str] = []
    if any(each.number == record.number for each in frame.pinned):
        found.append(f"{keys.of('acknowledge')} acknowledges it: the bell is quiet; it stays in this list")
    latched = door.latched(snapshot)
    found += [text for state in latched if (text := _way_out(state, frame))]
    if record.critical and (snapshot.long.qty or snapshot.short.qty):
        found.append(f"{keys.of('flatten')} closes both legs or one at market, whatever the state")
    if record.critical and DoorState.PAUSED not in latched:
        found.append(f"{keys.of('pause')} keeps new entries back while you look; exits go on working")
    return found or [f"no key: it was contained, and trading goes on; {keys.of('journal')} shows the engine's log"]


def _way_out(state: DoorState, frame: Frame) -> str:
    key, does = door.way_out(state, frame.snapshot, frame.keys)
    return f"{key} {does}: the door is latched {state.replace('_', ' ')}" if key else ""


def _all(frame: Frame) -> tuple[ErrorRecord, ...]:
    by_number = {record.number: record for record in (*frame.pinned, *frame.snapshot.errors)}
    return tuple(by_number[number] for number in sorted(by_number))


def _found(frame: Frame) -> Sequence[ErrorRecord]:
    return scrolling.found(frame, PanelId.ERRORS, _all(frame), _words)


def _head(frame: Frame) -> Row:
    key = frame.keys.of("acknowledge")
    waiting = f"✗ {len(frame.pinned)} critical: {key} acknowledges" if frame.pinned else ""
    return (Segment(f"{count(len(_all(frame)), 'error')}  ", Ink.FAINT), Segment(waiting, Ink.WARN))


def _wrapped(record: ErrorRecord, width: int) -> list[Row]:
    texts = wrap(_words(record), max(1, width - 2))
    return [(Segment("  " if index else ""), Segment(text, _ink(record))) for index, text in enumerate(texts)]


def _fault(frame: Frame) -> Row:
    return (Segment(f"! screen: {frame.faults} caught, last {frame.fault}", Ink.WARN),)


def _words(record: ErrorRecord) -> str:
    grade = "✗ CRITICAL " if record.critical else ""
    return f"#{record.number} {clock_text(record.ts)} {grade}{record.where}: {record.type}: {record.message}"


def _line(record: ErrorRecord, frame: Frame, *, points: bool) -> Row:
    pointer = (POINTER if points else NO_POINTER) if frame.view.panel is PanelId.ERRORS else Segment("")
    return (pointer, Segment(_words(record), _ink(record)))


def _ink(record: ErrorRecord) -> Ink:
    return Ink.ALARM if record.critical else Ink.PLAIN
