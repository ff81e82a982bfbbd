"""What the keys of looking do to the view: panels, zoom, scrolling that keeps the reader's place, search, ranges."""

from collections.abc import Callable, Collection, Mapping
from typing import Final

from msgspec.structs import replace

from hedgegrid_tui.render import errors, events, fills, ladder, orders, risk_page, vitals
from hedgegrid_tui.render.frame import Frame
from hedgegrid_tui.render.view import RANGES_S, PanelId, View, range_text

type Bounds = Callable[[Frame, int, int], tuple[int, int]]
"""Gives the least and the most scroll of a panel with that width and height."""
type Added = Callable[[Frame, Frame], int]
"""Gives how many lines a later frame has more than an earlier one."""

BOUNDS: Final[Mapping[PanelId, Bounds]] = {
    PanelId.RISK: risk_page.bounds,
    PanelId.ORDERS: orders.bounds,
    PanelId.FILLS: fills.bounds,
    PanelId.EVENTS: events.bounds,
    PanelId.ERRORS: errors.bounds,
    PanelId.VITALS: vitals.bounds,
}
ADDED: Final[Mapping[PanelId, Added]] = {
    PanelId.FILLS: fills.added,
    PanelId.EVENTS: events.added,
    PanelId.ERRORS: errors.added,
}
END: Final = 1_000_000
LONGEST_SEARCH: Final = 40
PANEL: Final = "panel-"


class Looking:
    """Holds the view; every method gives the words for the status line, empty where the screen itself tells."""

    def __init__(self, view: View | None = None) -> None:
        self.view = View() if view is None else view

    def act(self, action_id: str, frame: Frame, shown: Collection[PanelId], size: tuple[int, int]) -> str:
        """Do what an action of looking stands for; `size` is that of the panel in hand, inside its frame."""
        match action_id:
            case "zoom":
                return self.zoom()
            case "back":
                return self.back()
            case "search":
                return self.search()
            case "range-shorter":
                return self.stretch(-1)
            case "range-longer":
                return self.stretch(1)
            case _ if action_id.startswith(PANEL):
                return self.choose(PanelId(action_id.removeprefix(PANEL)), shown)
            case _:
                page = max(1, size[1] - 2)
                steps = {"up": 1, "down": -1, "page-up": page, "page-down": -page, "top": END, "bottom": -END}
                return self.scroll(steps[action_id.removeprefix("scroll-")], frame, size)

    def choose(self, panel: PanelId, shown: Collection[PanelId]) -> str:
        """Take a panel in hand, into the variable place where it is not on the screen; the one in hand is maximised."""
        if panel is self.view.panel:
            return self.zoom()
        beside = self.view.beside if panel in shown or panel is PanelId.LADDER else panel
        self.view = replace(self.view, panel=panel, beside=beside, search="", typing=False)
        return ""

    def zoom(self) -> str:
        """Give the panel in hand the whole screen below the strip, or give it back."""
        self.view = replace(self.view, zoomed=not self.view.zoomed)
        return ""

    def back(self) -> str:
        """Clear the search; else give the maximised panel back; else scroll to rest."""
        view = self.view
        if view.search or view.typing:
            self.view = replace(view, search="", typing=False, scroll=_without(view, view.panel))
        elif view.zoomed:
            self.view = replace(view, zoomed=False)
        else:
            self.view = replace(view, scroll=_without(view, view.panel))
        return ""

    def stretch(self, by: int) -> str:
        """Let the chart show a longer time, or a shorter one."""
        chosen = min(max(self.view.chart_range + by, 0), len(RANGES_S) - 1)
        self.view = replace(self.view, chart_range=chosen)
        return f"the chart shows {range_text(self.view.range_s)}"

    def scroll(self, by: int, frame: Frame, size: tuple[int, int]) -> str:
        """Scroll the panel in hand by lines, upwards where positive."""
        panel = self.view.panel
        frame = replace(frame, view=self.view)
        if panel is PanelId.LADDER:
            at, moved = self.view.offset(panel), ladder.scrolled(frame, size[1], by)
        elif panel in BOUNDS:
            least, most = BOUNDS[panel](frame, *size)
            at = min(max(self.view.offset(panel), least), most)
            moved = min(max(at + by, least), most)
        else:
            return f"{panel}: nothing to scroll"
        if moved == at:
            return f"{panel}: {'the first' if by > 0 else 'the last'} line is shown"
        self._scroll_to(panel, moved)
        return ""

    def follow(self, before: Frame, after: Frame) -> None:
        """Keep the reader's place in lists that have grown while they were scrolled away from their newest line."""
        for panel, added in ADDED.items():
            if self.view.offset(panel) > 0 and (new := added(before, after)):
                self._scroll_to(panel, self.view.offset(panel) + new)

    def search(self) -> str:
        """Take the next keys for letters."""
        self.view = replace(self.view, typing=True, search="")
        return ""

    def type(self, key: str, character: str | None) -> None:
        """One key while the search is typed: a letter, a correction, or its end."""
        search = self.view.search
        if key == "enter":
            self.view = replace(self.view, typing=False)
        elif key in ("escape", "ctrl+c", "ctrl+q"):
            self.back()
        elif key in ("backspace", "ctrl+h"):
            self._search_for(search[:-1])
        elif key in ("ctrl+u", "delete"):
            self._search_for("")
        elif character is not None and character.isprintable() and len(search) < LONGEST_SEARCH:
            self._search_for(search + character)

    def _search_for(self, text: str) -> None:
        """What was scrolled to need not be among what is found."""
        self.view = replace(self.view, search=text, scroll=_without(self.view, self.view.panel))

    def _scroll_to(self, panel: PanelId, offset: int) -> None:
        scroll = {**self.view.scroll, panel: offset} if offset else _without(self.view, panel)
        self.view = replace(self.view, scroll=scroll)


def _without(view: View, panel: PanelId) -> dict[PanelId, int]:
    """The scrolling of all other panels."""
    return {each: offset for each, offset in view.scroll.items() if each is not panel}
