"""What the trader looks at: the panel in hand, what is maximised, how far lists are scrolled, what is searched for."""

from enum import StrEnum
from typing import Final

import msgspec


class PanelId(StrEnum):
    """Every panel that a number key chooses, in the order of the keys."""

    LADDER = "ladder"
    LEGS = "legs"
    RISK = "risk"
    CHART = "chart"
    ORDERS = "orders"
    FILLS = "fills"
    EVENTS = "events"
    ERRORS = "errors"
    VITALS = "vitals"


RANGES_S: Final = (15 * 60, 3600, 6 * 3600, 24 * 3600, 7 * 24 * 3600)
"""Lengths of time that the chart can show, seconds."""
RANGE_UNITS: Final = ((2 * 86_400, 86_400, "d"), (3600, 3600, "h"), (0, 60, "min"))
"""From how many seconds on such a length is told in which unit."""


def range_text(range_s: int) -> str:
    """A length of time that the chart can show, in words such as `6 h`."""
    unit_s, unit = next((unit_s, unit) for least, unit_s, unit in RANGE_UNITS if range_s >= least)
    return f"{range_s // unit_s} {unit}"


class View(msgspec.Struct, frozen=True, kw_only=True):
    """The cockpit's own state of looking; nothing of it touches the engine."""

    panel: PanelId = PanelId.LADDER
    """The panel in hand: arrows scroll it, `z` maximises it."""
    beside: PanelId = PanelId.ERRORS
    """The panel in the variable place, where the layout has one."""
    zoomed: bool = False
    """Whether the panel in hand has the whole screen below the strip."""
    scroll: dict[PanelId, int] = {}
    """Lines that a panel is scrolled away from where it rests: the market in the ladder, the newest in a list."""
    search: str = ""
    """What lists are filtered by; empty for all."""
    typing: bool = False
    """Whether keys are letters of the search."""
    chart_range: int = 1
    """Index into `RANGES_S`."""

    @property
    def range_s(self) -> int:
        """Length of time that the chart shows, seconds."""
        return RANGES_S[self.chart_range]

    def offset(self, panel: PanelId) -> int:
        """Lines that the panel is scrolled by."""
        return self.scroll.get(panel, 0)
