"""Where each panel stands, for any size of the terminal: plain geometry, so that no frame waits for a style sheet."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from hedgegrid_tui.render.view import PanelId, View

LEAST_WIDTH, LEAST_HEIGHT = 60, 20
"""A smaller terminal gets what is vital, and is told so."""
WIDE: Final = 110
"""From here on panels stand beside the ladder."""
VAST: Final = 160
TALL: Final = 34
"""From here on panels stand below the ladder."""
HUGE: Final = 46
STRIP, STRIP_LOW = 6, 5
"""Rows of the strip where the screen is tall, and where it is not."""
LOW: Final = 20
"""With fewer rows the main area holds one panel beside those at the side."""
BOTH: Final = 9
"""With fewer rows the vitals stand without the engine's log."""
MONEY, LOG = "money", "log"
"""Drawn beside the panels of the keys 2 and 9, of which they are a part."""


class Place(NamedTuple):
    """A rectangle of the screen, in cells."""

    x: int
    y: int
    width: int
    height: int


class Want(NamedTuple):
    """A row of panels in a stack: below `least` rows it is left out, above `most` it grows only where room is left."""

    names: tuple[str, ...]
    least: int
    most: int


type Places = dict[str, Place]
"""A place for each panel that is on the screen."""

SIDE: Final = (
    Want((PanelId.LEGS,), 12, 12),
    Want((MONEY,), 5, 11),
    Want((PanelId.RISK,), 4, 12),
    Want((PanelId.VITALS,), 5, 16),
)
ALL: Final = (
    Want((PanelId.CHART,), 9, 18),
    Want((PanelId.LEGS, MONEY), 11, 14),
    Want((PanelId.RISK, PanelId.VITALS), 9, 15),
    Want((PanelId.ERRORS,), 5, 9),
    Want((LOG,), 4, 9),
)


def is_small(width: int, height: int) -> bool:
    """Whether the terminal has no room for a dashboard."""
    return width < LEAST_WIDTH or height < LEAST_HEIGHT


def places(width: int, height: int, view: View, notice: int = 0) -> Places:
    """The place of everything that is shown; `notice` is the height that the notice asks for, 0 where there is none."""
    if is_small(width, height):
        return _small(width, height)
    strip = STRIP if height >= TALL else STRIP_LOW
    found = {"strip": Place(0, 0, width, strip)}
    top = strip
    if notice:
        notice = min(notice, max(3, height // 3))
        found["notice"] = Place(0, top, width, notice)
        top += notice
    found["status"], found["keys"] = Place(0, height - 2, width, 1), Place(0, height - 1, width, 1)
    if view.zoomed or width < WIDE or height < TALL:
        found["tabs"] = Place(0, top, width, 1)
        top += 1
    return {**found, **_main(Place(0, top, width, height - 2 - top), height, view)}


def shown(found: Places) -> frozenset[PanelId]:
    """The panels among what is on the screen."""
    return frozenset(panel for panel in PanelId if panel in found)


def variable(found: Places) -> PanelId | None:
    """The panel in the variable place, below the ladder; None where the layout has no such place."""
    ladder = found.get(PanelId.LADDER)
    below = None if ladder is None else ladder._replace(y=ladder.y + ladder.height)
    return next(
        (panel for panel in PanelId if below and found.get(panel, below)[:3] == below[:3] and panel in found), None
    )


def _small(width: int, height: int) -> Places:
    rows = max(0, height - 2)
    found = {"small": Place(0, 0, width, rows or height)}
    if rows:
        found |= {"status": Place(0, height - 2, width, 1), "keys": Place(0, height - 1, width, 1)}
    return found


def _main(room: Place, height: int, view: View) -> Places:
    if view.zoomed or (room.width < WIDE and height < TALL):
        return _alone(room, view.panel)
    if room.width < WIDE:
        return _below(room, view, frozenset({PanelId.LADDER}))
    if room.width >= VAST and height >= HUGE and room.height >= sum(want.least for want in ALL):
        return _all(room, view)
    return _wide(room, view)


def _alone(room: Place, panel: PanelId) -> Places:
    """One panel, with what belongs to it."""
    if panel is PanelId.LEGS:
        beside = room.width >= LEAST_WIDTH + 16
        legs, money = _halves(room) if beside else _split(room, room.height * 3 // 5)
        return {PanelId.LEGS: legs, MONEY: money}
    if panel is PanelId.VITALS and room.height >= BOTH:
        lines = max(4, room.height // 3 if room.height >= LOW else 0)
        vitals, log = _halves(room) if room.width >= WIDE else _split(room, room.height - lines)
        return {PanelId.VITALS: vitals, LOG: log}
    return {panel: room}


def _below(room: Place, view: View, fixed: frozenset[PanelId]) -> Places:
    """The ladder, and the variable place below it; one of both where there is no room."""
    if room.height < LOW:
        return {_variable(view, fixed) if view.panel not in fixed else PanelId.LADDER: room}
    lower = max(7, min(16, room.height // 3))
    ladder, rest = _split(room, room.height - lower)
    return {PanelId.LADDER: ladder, _variable(view, fixed): rest}


def _variable(view: View, fixed: frozenset[PanelId]) -> PanelId:
    """What stands in the variable place: never what has a place of its own."""
    wanted = (view.beside, PanelId.ERRORS, PanelId.EVENTS)
    return next(panel for panel in wanted if panel not in fixed)


def _wide(room: Place, view: View) -> Places:
    side = 40 if room.width < 140 else 54 if room.width < VAST else 62
    right = _stack(Place(room.x + room.width - side, room.y, side, room.height), SIDE)
    fixed = frozenset({PanelId.LADDER, *shown(right)})
    return {**_below(Place(room.x, room.y, room.width - side, room.height), view, fixed), **right}


def _all(room: Place, view: View) -> Places:
    side = max(80, min(100, room.width * 46 // 100))
    right = _stack(Place(room.x + room.width - side, room.y, side, room.height), ALL)
    fixed = frozenset({PanelId.LADDER, *shown(right)})
    return {**_below(Place(room.x, room.y, room.width - side, room.height), view, fixed), **right}


def _stack(room: Place, wants: Sequence[Want]) -> Places:
    """The rows of panels below each other; the last are left out first, and what is left over goes to each in turn."""
    kept = list(wants)
    while len(kept) > 1 and sum(want.least for want in kept) > room.height:
        kept.pop()
    heights = [want.least for want in kept]
    while sum(heights) < room.height:
        growing = [index for index, want in enumerate(kept) if heights[index] < want.most] or [len(kept) - 1]
        for index in growing[: room.height - sum(heights)]:
            heights[index] += 1
    found: Places = {}
    y = room.y
    for want, height in zip(kept, heights, strict=True):
        line = Place(room.x, y, room.width, min(height, room.y + room.height - y))
        found |= dict(zip(want.names, _halves(line) if len(want.names) > 1 else (line,), strict=True))
        y += height
    return found


def _halves(room: Place) -> tuple[Place, Place]:
    left = (room.width + 1) // 2
    return room._replace(width=left), room._replace(x=room.x + left, width=room.width - left)


def _split(room: Place, upper: int) -> tuple[Place, Place]:
    return room._replace(height=upper), room._replace(y=room.y + upper, height=room.height - upper)
