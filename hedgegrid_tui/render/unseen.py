"""What must not be missed though its panel is not on the screen: critical errors that nobody has acknowledged."""

from collections.abc import Collection

from hedgegrid_tui.render.frame import Frame
from hedgegrid_tui.render.rows import Ink, Row, Rows, Segment, fit
from hedgegrid_tui.render.view import PanelId


def rows(frame: Frame, width: int, shown: Collection[PanelId]) -> Rows:
    """The newest of them and the keys that lead on; nothing where the panel of errors tells it."""
    if not frame.pinned or PanelId.ERRORS in shown:
        return ()
    newest, keys = frame.pinned[-1], frame.keys
    words = f" ✗ CRITICAL {newest.where}: {newest.type}: {newest.message} "
    panel, ack = keys.of(f"panel-{PanelId.ERRORS}"), keys.of("acknowledge")
    more = f"{len(frame.pinned) - 1} more; " if len(frame.pinned) > 1 else ""
    told = f"{more}{panel} shows it, {ack} acknowledges"
    room = width - len(told) - 1
    head: Row = (Segment(words, Ink.ALARM),)
    if room < len(words):
        head = fit(head, max(1, room))
    return (fit((*head, Segment(f" {told}", Ink.WARN)), width),)
