"""The dashboard: panels around the ladder, each drawn from the frame by a function of its own."""

from collections.abc import Callable, Collection
from functools import partial
from typing import Final, override

from textual.app import ComposeResult
from textual.containers import Container
from textual.events import Key
from textual.geometry import NULL_OFFSET, NULL_SPACING, Region, Size
from textual.layout import ArrangeResult, Layout, WidgetPlacement
from textual.widget import Widget

from hedgegrid_tui.render import (
    chart,
    errors,
    events,
    fills,
    footer,
    ladder,
    legs,
    lists,
    money,
    notice,
    orders,
    places,
    risk_page,
    startup,
    strip,
    titles,
    unseen,
    vitals,
)
from hedgegrid_tui.render.frame import Frame
from hedgegrid_tui.render.places import LOG, MONEY, Places
from hedgegrid_tui.render.plot import Glyphs
from hedgegrid_tui.render.rows import Ink, Rows, Segment, fit, fit_all
from hedgegrid_tui.render.strip import as_last_known
from hedgegrid_tui.render.view import PanelId
from hedgegrid_tui.widgets.panel import Inked, Panel
from strategy.domain import NS_PER_S

type Picture = Callable[[Frame, int, int], Rows]

PICTURES: Final[dict[str, Picture]] = {
    "small": strip.small_rows,
    "strip": strip.rows,
    "tabs": titles.tab_rows,
    PanelId.LADDER: ladder.rows,
    PanelId.LEGS: legs.rows,
    MONEY: money.rows,
    PanelId.RISK: risk_page.rows,
    PanelId.CHART: chart.rows,
    PanelId.ORDERS: orders.rows,
    PanelId.FILLS: fills.rows,
    PanelId.EVENTS: events.rows,
    PanelId.ERRORS: errors.rows,
    PanelId.VITALS: vitals.rows,
    LOG: lists.log_rows,
    "status": footer.status_rows,
    "keys": footer.key_rows,
}
FRAMED: Final = (*PanelId, MONEY, LOG)
"""Panels with a frame and a title."""
SAY_WITHOUT_SNAPSHOT: Final = frozenset({PanelId.EVENTS, PanelId.ERRORS, PanelId.VITALS, LOG})
"""Panels that have something to say before anything is known; the zeros of the others would be claims."""
LAST_KNOWN: Final = frozenset({PanelId.LADDER, PanelId.LEGS, MONEY, PanelId.RISK, PanelId.ORDERS})
"""Panels that lose their colours while nothing new is heard."""
EDGES: Final = (4, 2)
"""Columns and rows that the frame and its margin take."""
BARE_EDGES: Final = (2, 0)
"""The same for what has no frame."""
EDGELESS: Final = frozenset({"strip", "small"})
"""What goes from edge to edge."""


def _told(shown: Collection[PanelId], frame: Frame, width: int, _: int) -> Rows:
    """What must be read now."""
    return (*unseen.rows(frame, width, shown), *notice.rows(frame, width))


class _AtTheirPlaces(Layout):
    """Puts every panel where the dashboard says; those without a place are not on the screen."""

    name = "places"

    def __init__(self) -> None:
        self.places: Places = {}

    @override
    def arrange(self, parent: Widget, children: list[Widget], size: Size, greedy: bool = True) -> ArrangeResult:
        return [
            WidgetPlacement(Region(*self.places[child.id]), NULL_OFFSET, NULL_SPACING, child)
            for child in children
            if child.id in self.places
        ]


class _Board(Container):
    """All panels."""

    def __init__(self, *panels: Panel) -> None:
        super().__init__(*panels, id="board")
        self.at = _AtTheirPlaces()

    @property
    @override
    def layout(self) -> Layout:
        return self.at

    def arrange_as(self, found: Places) -> None:
        """Take up new places."""
        if found != self.at.places:
            self.at.places = found
            # A widget that asks for a new layout has that of its parent forgotten, not its own.
            self.children[0].refresh(layout=True)


class Dashboard(Inked[None], inherit_bindings=False):
    """Draws frames; knows no engine."""

    AUTO_FOCUS = ""

    def __init__(
        self,
        resized: Callable[[], object],
        typed: Callable[[str, str | None], bool],
        glyphs: Glyphs = Glyphs.BRAILLE,
    ) -> None:
        super().__init__()
        self._glyphs = glyphs
        self._chart: Rows = ()
        self._chart_of: tuple[object, ...] = ()
        """What the chart was drawn of."""
        self._resized = resized
        self._typed = typed
        self._panels: dict[str, Panel] = {name: Panel(id=name) for name in PICTURES if name not in FRAMED}
        self._panels |= {name: Panel(titles.NAMES[name], id=name) for name in FRAMED}
        self._panels["notice"] = Panel("Now", id="notice", classes="urgent")
        self._board = _Board(*self._panels.values())

    @override
    def compose(self) -> ComposeResult:
        yield self._board

    @property
    def places(self) -> Places:
        """Where each panel stands that is on the screen."""
        return self._board.at.places

    @property
    def shown(self) -> frozenset[PanelId]:
        """The panels that are on the screen."""
        return places.shown(self._board.at.places)

    def room(self, name: str) -> tuple[int, int]:
        """Columns and rows inside of a panel; none for one that is not on the screen."""
        place = self.places.get(name)
        across, down = EDGES if name in FRAMED or name == "notice" else (0, 0) if name in EDGELESS else BARE_EDGES
        return (0, 0) if place is None else (max(0, place.width - across), max(0, place.height - down))

    def on_resize(self) -> None:
        """Draw for the new size at once: the places of all panels follow from it."""
        self._resized()

    def on_key(self, event: Key) -> None:
        """Letters of a search are no keys of actions."""
        if self._typed(event.key, event.character):
            event.stop()
            event.prevent_default()

    def show(self, frame: Frame) -> list[Exception]:
        """Draw every panel on the screen; a picture that fails costs its own panel only, and is given back."""
        failures: list[Exception] = []
        width, height = self.size
        bare = places.shown(places.places(width, height, frame.view))
        told = self._drawn("notice", partial(_told, bare), frame, failures, (width - EDGES[0], 0))
        self._board.arrange_as(places.places(width, height, frame.view, len(told) + EDGES[1] if told else 0))
        self._panels["notice"].show(fit_all(told, max(1, width - EDGES[0]), self.room("notice")[1]))
        for name in self.places:
            if name in PICTURES:
                self._panels[name].show(self._picture(name, frame, failures))
            if name in FRAMED:
                self._entitle(name, frame)
        return failures

    def _entitle(self, name: str, frame: Frame) -> None:
        panel = self._panels[name]
        note = titles.note(frame, name)
        if not note and "tabs" not in self.places and name == places.variable(self.places):
            note = titles.hidden(frame, self.shown)
        panel.entitle(titles.title(frame, name), note, hand=name == frame.view.panel)

    def _picture(self, name: str, frame: Frame, failures: list[Exception]) -> Rows:
        room = self.room(name)
        if frame.snapshot.seq or name not in FRAMED or name in SAY_WITHOUT_SNAPSHOT:
            picture = self._chart_rows if name == PanelId.CHART else PICTURES[name]
            return self._drawn(name, picture, frame, failures, room)
        if name == PanelId.LADDER or (PanelId.LADDER not in self.shown and name == frame.view.panel):
            return self._drawn(name, startup.rows, frame, failures, room)
        return fit_all(((Segment("no snapshot yet", Ink.MUTED),),), *room)

    def _chart_rows(self, frame: Frame, width: int, height: int) -> Rows:
        """The chart, drawn anew once a second of the market's time: it is the dearest picture and moves slowest."""
        newest = frame.history[-1].ts if frame.history else 0
        of = (frame.snapshot.ts // NS_PER_S, newest, frame.view.range_s, frame.stale, width, height)
        if of != self._chart_of:
            self._chart = chart.rows(frame, width, height, glyphs=self._glyphs)
            self._chart_of = of
        return self._chart

    @staticmethod
    def _drawn(name: str, picture: Picture, frame: Frame, failures: list[Exception], room: tuple[int, int]) -> Rows:
        width, height = max(1, room[0]), room[1]
        try:
            rows = picture(frame, width, height)
        except Exception as error:  # noqa: BLE001 - a picture must never take the cockpit with it
            failures.append(error)
            text = f"✗ {name} cannot be drawn: {type(error).__name__}: {error}"
            return (fit((Segment(text, Ink.ALARM),), width),)
        if frame.stale and name in LAST_KNOWN:
            return tuple(tuple(as_last_known(segment) for segment in row) for row in rows)
        return rows
