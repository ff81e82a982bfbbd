"""Contained errors, newest at the bottom; critical ones stay until they are acknowledged."""

from hedgegrid_tui.render.frame import Frame
from hedgegrid_tui.render.numbers import clock_text
from hedgegrid_tui.render.rows import Ink, Row, Rows, Segment, fit_all, wrap
from strategy.snapshot import ErrorRecord


def rows(frame: Frame, width: int, height: int) -> Rows:
    """What fits: unacknowledged critical errors first, then the newest of the others."""
    lines = [_fault(frame)] if frame.faults else []
    found = _all(frame)
    if not found and not lines:
        return fit_all(((Segment("✓ no errors", Ink.MUTED),),), width, height)
    room = height - len(lines)
    whole = [line for record in found for line in _wrapped(record, width)]
    if len(whole) <= room:
        return fit_all((*lines, *whole), width, height)
    if len(found) > room > 0:
        pinned = {record.number for record in frame.pinned}
        order = sorted(found, key=lambda record: (record.number in pinned, record.number))
        kept = sorted(order[-(room - 1) :] if room > 1 else (), key=lambda record: record.number)
        left = len(found) - len(kept)
        lines.append((Segment(f"… {left} more; press l to read them all", Ink.WARN),))
        found = tuple(kept)
    lines += [_line(record) for record in found]
    return fit_all(lines, width, height)


def in_full(frame: Frame, width: int) -> Rows:
    """Every known error with its whole text, wrapped."""
    lines: list[Row] = [_fault(frame)] if frame.faults else []
    for record in _all(frame):
        lines += _wrapped(record, width)
    return fit_all(lines or [(Segment("✓ no errors", Ink.MUTED),)], width, max(1, len(lines)))


def _all(frame: Frame) -> tuple[ErrorRecord, ...]:
    by_number = {record.number: record for record in (*frame.pinned, *frame.snapshot.errors)}
    return tuple(by_number[number] for number in sorted(by_number))


def _wrapped(record: ErrorRecord, width: int) -> list[Row]:
    ink = Ink.ALARM if record.critical else Ink.PLAIN
    texts = wrap(_words(record), max(1, width - 2))
    return [(Segment("  " if index else ""), Segment(text, ink)) for index, text in enumerate(texts)]


def _fault(frame: Frame) -> Row:
    return (Segment(f"! screen: {frame.faults} caught, last {frame.fault}", Ink.WARN),)


def _words(record: ErrorRecord) -> str:
    grade = "✗ CRITICAL " if record.critical else ""
    return f"{clock_text(record.ts)} {grade}{record.where}: {record.type}: {record.message}"


def _line(record: ErrorRecord) -> Row:
    return (Segment(_words(record), Ink.ALARM if record.critical else Ink.PLAIN),)
