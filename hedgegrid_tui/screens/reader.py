"""A page of text above the dashboard, scrolled by keys: help, risk, errors with the log in full, a drill."""

from collections.abc import Callable
from typing import ClassVar, override

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import ModalScreen

from hedgegrid_tui.actions import ACTIONS
from hedgegrid_tui.render import errors
from hedgegrid_tui.render.frame import Frame
from hedgegrid_tui.render.legend import LEGEND
from hedgegrid_tui.render.lists import receipt_row
from hedgegrid_tui.render.rows import Ink, Row, Rows, Segment, fit, fit_all, wrap
from hedgegrid_tui.widgets.panel import Panel


class Reader(ModalScreen[None], inherit_bindings=False):
    """Shows the lines that `page` gives for a width, live; newest at the bottom where it says so."""

    AUTO_FOCUS = ""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,question_mark,l,r,enter,ctrl+c,ctrl+q", "close", "Close", id="reader.close"),
        Binding("up,k", "scroll_page(-1)", "Up", id="reader.up"),
        Binding("down,j", "scroll_page(1)", "Down", id="reader.down"),
        Binding("pageup,b", "scroll_page(-15)", "Page up", id="reader.page-up"),
        Binding("pagedown,space", "scroll_page(15)", "Page down", id="reader.page-down"),
        Binding("p", "app.act('pause')", "Pause", id="reader.pause"),
        Binding("a", "app.act('acknowledge')", "Acknowledge", id="reader.acknowledge"),
        Binding("home,g", "scroll_page(-1000000)", "Top", id="reader.top"),
        Binding("end,G", "scroll_page(1000000)", "Bottom", id="reader.bottom"),
    ]

    def __init__(self, title: str, page: Callable[[Frame, int], Rows], frame: Frame, *, from_end: bool) -> None:
        super().__init__()
        self._title = title
        self._page = page
        self._frame = frame
        self._at: int | None = None if from_end else 0
        """First line shown; None follows the end."""

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
        lines, height = self._page(frame, panel.size.width), max(1, panel.size.height - 1)
        at = self._first(len(lines), height)
        below = len(lines) - at - height
        place = f"{at} more above · {max(0, below)} more below · " if len(lines) > height else ""
        foot: Row = (Segment(f"{place}arrows and space scroll · Esc closes", Ink.MUTED),)
        shown = lines[at : at + height]
        blanks = tuple(fit((), panel.size.width) for _ in range(height - len(shown)))
        panel.show((*shown, *blanks, fit(foot, panel.size.width)))
        return []

    def _first(self, lines: int, height: int) -> int:
        end = max(0, lines - height)
        return end if self._at is None else min(self._at, end)

    def action_scroll_page(self, by: int) -> None:
        """Move the view by lines; reaching the end follows it."""
        panel = self.query_one("#page", Panel)
        lines, height = len(self._page(self._frame, panel.size.width)), max(1, panel.size.height - 1)
        at = max(0, self._first(lines, height) + by)
        self._at = None if at + height >= lines and by > 0 else at
        self.show(self._frame)

    def action_close(self) -> None:
        """Back to the dashboard."""
        self.dismiss(None)


def help_page(frame: Frame, width: int) -> Rows:
    """Every key: what it does, how it treats a press, why it cannot be used now."""
    lines: list[Row] = [()]
    for action in ACTIONS.values():
        refused = action.allowed(frame)
        key = Segment(f"  {action.shown:2} ", Ink.FAINT if refused else Ink.KEY)
        first, *others = wrap(f"{action.help} It {action.danger}.", max(1, width - 15))
        lines.append((key, Segment(f"{action.text:10}", Ink.STRONG), Segment(first)))
        lines += [(Segment(f"{'':15}{line}"),) for line in others]
        if refused:
            told = wrap(f"not now: {refused}", max(1, width - 15))
            lines += [(Segment(f"{'':15}{line}", Ink.WARN),) for line in told]
    lines.append(())
    for heading, text in LEGEND:
        for index, line in enumerate(wrap(text, max(1, width - 15))):
            lines.append((Segment(f"  {heading if index == 0 else '':11}  ", Ink.STRONG), Segment(line, Ink.MUTED)))
    return fit_all(lines, width, len(lines))


def journal_page(frame: Frame, width: int) -> Rows:
    """All errors in full, then the engine's log lines."""
    lines: list[Row] = [(Segment("errors", Ink.STRONG),), *errors.in_full(frame, width), ()]
    lines.append((Segment("receipts", Ink.STRONG),))
    for receipt in frame.snapshot.receipts:
        lines += [(Segment(text),) for text in wrap("".join(part.text for part in receipt_row(receipt)), max(1, width))]
    lines += [(), (Segment("engine log", Ink.STRONG),)]
    for entry in frame.log:
        lines += [(Segment(text),) for text in wrap(entry, max(1, width))]
    if not frame.log:
        lines.append((Segment("the engine has written nothing", Ink.MUTED),))
    return fit_all(lines, width, len(lines))
