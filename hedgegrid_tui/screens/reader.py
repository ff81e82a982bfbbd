"""A page of text above the dashboard, scrolled and searched by keys: help, risk, errors with the log, a drill."""

from collections.abc import Callable
from typing import ClassVar, Final, override

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.events import Key
from textual.screen import ModalScreen

from hedgegrid_tui.render import strip
from hedgegrid_tui.render.frame import Frame
from hedgegrid_tui.render.rows import NOTHING, Ink, Part, Row, Rows, Segment, fit, fit_all, pack, wrap
from hedgegrid_tui.render.searching import marked, matches
from hedgegrid_tui.widgets.panel import Panel

OPENERS: Final = ("help", "risk", "journal", "quit")
"""Actions whose keys close a page, too: what has opened it, and what leaves."""
LONGEST: Final = 40
"""Characters of a search."""
FAR: Final = 1_000_000
VITAL: Final = 2
"""Rows of the strip that stay in view: mode and state; profit, protection, feed and alarms."""
LEAST_WITH_VITAL: Final = 8
"""Rows of a page from which on they have room."""


class Reader(ModalScreen[None], inherit_bindings=False):
    """Shows the lines that `page` gives for a width, live; newest at the bottom where it says so."""

    AUTO_FOCUS = ""
    # Ids of the registry: what the trader has bound there holds here, too.
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", "Back", id="back"),
        Binding("q,question_mark,l,r,enter,ctrl+c,ctrl+q", "close", "Close", id="reader.close"),
        Binding("slash", "search", "Search", id="search"),
        Binding("n", "next(1)", "Next", id="reader.next"),
        Binding("N", "next(-1)", "Previous", id="reader.previous"),
        Binding("up,k", "scroll_page(-1)", "Up", id="scroll-up"),
        Binding("down,j", "scroll_page(1)", "Down", id="scroll-down"),
        Binding("pageup", "scroll_page(-15)", "Page up", id="scroll-page-up"),
        Binding("pagedown", "scroll_page(15)", "Page down", id="scroll-page-down"),
        Binding("b", "scroll_page(-15)", "Page up", id="reader.page-up"),
        Binding("space", "scroll_page(15)", "Page down", id="reader.page-down"),
        Binding("home", f"scroll_page(-{FAR})", "Top", id="scroll-top"),
        Binding("end", f"scroll_page({FAR})", "Bottom", id="scroll-bottom"),
        Binding("g", f"scroll_page(-{FAR})", "Top", id="reader.top"),
        Binding("G", f"scroll_page({FAR})", "Bottom", id="reader.bottom"),
        Binding("p", "app.act('pause')", "Pause", id="pause"),
        Binding("a", "app.act('acknowledge')", "Acknowledge", id="acknowledge"),
    ]

    def __init__(self, title: str, page: Callable[[Frame, int], Rows], frame: Frame, *, from_end: bool) -> None:
        super().__init__()
        self._title = title
        self._page = page
        self._frame = frame
        self._at: int | None = None if from_end else 0
        """First line shown; None follows the end."""
        self._told = _without_age(frame.message.text)
        """What stood on the status line, which the page covers: anything newer is told in the foot."""
        self._search = ""
        self._typing = False
        """Whether keys are letters of the search."""
        self._match: int | None = None
        """Line of the match that was last gone to."""

    @override
    def compose(self) -> ComposeResult:
        yield Panel(self._title, id="page")

    def on_resize(self) -> None:
        """Wrap to the new width."""
        self.call_after_refresh(lambda: self.show(self._frame))

    def show(self, frame: Frame) -> list[Exception]:
        """Draw the part of the page that is in view, with what is known now."""
        self._frame = frame
        panel = self.query_one("#page", Panel)
        width = panel.size.width
        lines, height, failures = self._lines()
        at = self._first(len(lines), height)
        shown = tuple(marked(line, self._search) for line in lines[at : at + height])
        blanks = tuple(fit((), width) for _ in range(height - len(shown)))
        try:
            vital = strip.rows(frame, width, _vital(panel.size.height))
        except Exception as error:  # noqa: BLE001 - the page must be read, and left, without it
            failures.append(error)
            vital = fit_all(_told(error, "the strip", width), width, _vital(panel.size.height))
            vital = (*vital, *(fit((), width) for _ in range(_vital(panel.size.height) - len(vital))))
        panel.show((*vital, *shown, *blanks, self._foot(lines, at, height, width)))
        return failures

    def _lines(self) -> tuple[Rows, int, list[Exception]]:
        """The page, how many lines of it are in view at once, and what has kept it from being drawn."""
        size = self.query_one("#page", Panel).size
        height = max(1, size.height - _vital(size.height) - 1)
        try:
            return self._page(self._frame, size.width), height, []
        except Exception as error:  # noqa: BLE001 - a page must never take the screen with it
            return _told(error, "the page", size.width), height, [error]

    def _foot(self, lines: Rows, at: int, height: int, width: int) -> Row:
        """What is searched for, or where in the page this is, and the keys."""
        keys = self._frame.keys
        below = max(0, len(lines) - at - height)
        place = (Segment(f"↑ {at} · ↓ {below}", Ink.PLAIN),) if at or below else ()
        if self._typing or self._search:
            found = matches(lines, self._search)
            if self._match in found:
                told = f"{found.index(self._match) + 1} of {len(found)}"
            else:
                told = f"{len(found)} found" if found else "nothing found"
            typed = f"/{self._search}{'_' if self._typing else ''}"
            hint = "Enter takes it · Esc clears" if self._typing else f"n next · N previous · {keys.of('back')} clears"
            ink = Ink.WARN if self._search and not found else Ink.PLAIN
            parts = [
                Part(0, (Segment(typed, Ink.KEY),)),
                Part(0, (Segment(told, ink),) if self._search else ()),
                Part(1, place),
                Part(2, (Segment(hint, Ink.MUTED),)),
            ]
            return pack(parts, width)
        scroll = (
            f"{keys.of('scroll-up')} {keys.of('scroll-down')} {keys.of('scroll-page-down')} scroll" if place else ""
        )
        message = self._frame.message if _without_age(self._frame.message.text) != self._told else NOTHING
        hints = (scroll, f"{keys.of('search')} searches", f"{keys.of('back')} closes")
        parts = [
            Part(0, (message,) if message.text else ()),
            Part(1, place),
            Part(2 if message.text else 0, (Segment(" · ".join(hint for hint in hints if hint), Ink.MUTED),)),
        ]
        return pack(parts, width)

    def _first(self, lines: int, height: int) -> int:
        end = max(0, lines - height)
        return end if self._at is None else min(self._at, end)

    async def on_key(self, event: Key) -> None:
        """Take the letters of a search; let the key that has opened a page close it."""
        if self._typing:
            event.stop()
            event.prevent_default()
            self._type(event)
        elif any(event.key in self._frame.keys.own.get(action, ()) for action in OPENERS):
            event.stop()
            event.prevent_default()
            self.action_close()

    def _type(self, event: Key) -> None:
        if event.key in ("escape", "ctrl+c", "ctrl+q"):
            self._typing, self._search, self._match = False, "", None
        elif event.key == "enter":
            self._typing = False
        elif event.key in ("backspace", "ctrl+h"):
            self._look_for(self._search[:-1])
        elif event.key in ("ctrl+u", "delete"):
            self._look_for("")
        elif event.is_printable and event.character and len(self._search) < LONGEST:
            self._look_for(self._search + event.character)
        self.show(self._frame)

    def _look_for(self, text: str) -> None:
        """Go to the first place from here on, or else to the last one before."""
        self._search, self._match = text, None
        lines, height, _ = self._lines()
        found = matches(lines, text)
        if found:
            here = self._first(len(lines), height)
            self._go_to(next((line for line in found if line >= here), found[-1]), height)

    def _go_to(self, line: int, height: int) -> None:
        self._match = line
        self._at = max(0, line - height // 3)

    def action_search(self) -> None:
        """Begin to type a search."""
        self._typing, self._search, self._match = True, "", None
        self.show(self._frame)

    def action_next(self, by: int) -> None:
        """Go to the next place where the text stands, or to the one before; from the last to the first."""
        lines, height, _ = self._lines()
        found = matches(lines, self._search)
        if found:
            at = self._first(len(lines), height) - (by > 0) if self._match is None else self._match
            after = [line for line in found if (line > at if by > 0 else line < at)]
            self._go_to((after or found)[0 if by > 0 else -1], height)
        self.show(self._frame)

    def action_scroll_page(self, by: int) -> None:
        """Move the view by lines; reaching the end follows it."""
        lines, height, _ = self._lines()
        at = max(0, self._first(len(lines), height) + by)
        self._at = None if at + height >= len(lines) and by > 0 else at
        self.show(self._frame)

    def action_back(self) -> None:
        """Clear the search; without one, close."""
        if self._search:
            self._search, self._match = "", None
            self.show(self._frame)
        else:
            self.action_close()

    def action_close(self) -> None:
        """Back to the dashboard."""
        self.dismiss(None)


def _vital(height: int) -> int:
    """How many rows of the strip a page of that height has room for."""
    return VITAL if height >= LEAST_WITH_VITAL else 0


def _told(error: Exception, what: str, width: int) -> Rows:
    """That something cannot be drawn, in as many rows as it takes."""
    text = f"✗ {what} cannot be drawn: {type(error).__name__}: {error}"
    return tuple(fit((Segment(line, Ink.ALARM),), width) for line in wrap(text, max(1, width)))


def _without_age(message: str) -> str:
    """A message without how long ago it was: growing older makes no news of it."""
    return message.rpartition(" · ")[0] if message.endswith(" ago") else message
