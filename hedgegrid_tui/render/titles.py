"""Titles of the panels with their keys, the row of tabs, and what stands in the lower edge of a frame."""

from collections.abc import Collection
from typing import Final

from hedgegrid_tui.render.frame import Frame
from hedgegrid_tui.render.places import LOG, MONEY
from hedgegrid_tui.render.rows import Ink, Row, Rows, Segment, fit_all, width_of
from hedgegrid_tui.render.view import PanelId, range_text

NAMES: Final[dict[str, str]] = {str(panel): panel.capitalize() for panel in PanelId} | {
    MONEY: "Money",
    LOG: "Engine log",
}
HAND: Final = "► "
"""Marks the panel in hand."""
SHORT: Final = 3
"""Letters of a panel's name in a row of tabs that has no room for all of them."""
NEWEST: Final = frozenset({PanelId.FILLS, PanelId.EVENTS, PanelId.ERRORS})
"""Panels that rest at their newest line."""
MARKET: Final = frozenset({PanelId.LADDER, PanelId.ORDERS})
"""Panels that rest with the market in the middle."""


def title(frame: Frame, name: str) -> str:
    """The panel's key and name, marked where it is in hand, with what it is set to or counts."""
    if name not in tuple(PanelId):
        return NAMES[name]
    panel = PanelId(name)
    hand = HAND if frame.view.panel is panel else ""
    told = f"{hand}{frame.keys.of(f'panel-{panel}')} {NAMES[panel]}".strip()
    if panel is PanelId.CHART:
        return f"{told} {range_text(frame.view.range_s)}"
    if panel is PanelId.ERRORS:
        number = errors_known(frame)
        return f"{told} {number:,}" if number else told
    return told


def errors_known(frame: Frame) -> int:
    """Errors of the engine, and of the screen itself."""
    return frame.snapshot.metrics.errors + frame.faults


def note(frame: Frame, name: str) -> str:
    """How to come back in a panel that is maximised, scrolled or searched."""
    view, keys = frame.view, frame.keys
    if name != view.panel:
        return ""
    told = [
        f"/{view.search}: {keys.of('back')} clears" if view.search else "",
        f"{keys.of('scroll-bottom')} newest" if name in NEWEST and view.offset(view.panel) else "",
        f"{keys.of('back')} market" if name in MARKET and view.offset(view.panel) else "",
        f"{keys.of('zoom')} restores" if view.zoomed else "",
    ]
    return " · ".join(part for part in told if part)


def hidden(frame: Frame, shown: Collection[PanelId]) -> str:
    """Which keys bring what is not on the screen into the variable place."""
    return " · ".join(f"{frame.keys.of(f'panel-{panel}')} {panel}".strip() for panel in PanelId if panel not in shown)


def tab_rows(frame: Frame, width: int, height: int) -> Rows:
    """Every panel with its key, the one in hand marked, names as long as there is room."""
    for letters in (None, SHORT, 0):
        row = _tabs(frame, letters)
        if width_of(row) <= width:
            break
    return fit_all((row,), width, height)


def _tabs(frame: Frame, letters: int | None) -> Row:
    line: list[Segment] = []
    for panel in PanelId:
        hand = frame.view.panel is panel
        key, name = frame.keys.of(f"panel-{panel}"), panel if hand else panel[:letters]
        if panel is PanelId.ERRORS and (number := errors_known(frame)) and letters is None:
            name = f"{name} {number:,}"
        calls = panel is PanelId.ERRORS and bool(frame.pinned)
        ink = Ink.ALARM if calls else Ink.STRONG if hand else Ink.MUTED
        line += (
            Segment(" ►" if hand else " ", Ink.KEY),
            Segment(key, Ink.STRONG if hand else Ink.KEY),
            Segment(f" {name}" if name else "", ink),
        )
    return tuple(line)
