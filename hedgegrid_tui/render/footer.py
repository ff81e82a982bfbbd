"""The two lowest rows: what was last said to the trader, and the keys."""

from hedgegrid_tui.render.frame import Frame
from hedgegrid_tui.render.rows import Ink, Part, Rows, Segment, fit_all, pack


def status_rows(frame: Frame, width: int, height: int) -> Rows:
    """The last message: a receipt, why a key did nothing, what is being waited for."""
    message = frame.message if frame.message.text else Segment("ready; ? for help", Ink.FAINT)
    return fit_all(((message,),), width, height)


def key_rows(frame: Frame, width: int, height: int) -> Rows:
    """Every key with its word; dim where it cannot be used now, and then the first to go where there is no room."""
    parts, last = [], len(frame.hints)
    for rank, hint in enumerate(frame.hints):
        word = Ink.FAINT if not hint.usable else Ink.WARN if hint.grave else Ink.PLAIN
        parts.append(
            Part(
                rank if hint.usable else last + rank,
                (Segment(hint.key, Ink.KEY if hint.usable else Ink.FAINT), Segment(f" {hint.text}", word)),
            )
        )
    return fit_all((pack(parts, width),), width, height)
