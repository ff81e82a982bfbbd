"""A page of text above the dashboard, scrolled by keys: help, and errors with the log in full."""

from collections.abc import Callable
from typing import ClassVar, override

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import ModalScreen

from hedgegrid_tui.actions import ACTIONS
from hedgegrid_tui.render import errors
from hedgegrid_tui.render.frame import Frame
from hedgegrid_tui.render.lists import receipt_row
from hedgegrid_tui.render.reasons import REASONS
from hedgegrid_tui.render.rows import Ink, Row, Rows, Segment, fit, fit_all, wrap
from hedgegrid_tui.widgets.panel import Panel


class Reader(ModalScreen[None], inherit_bindings=False):
    """Shows the lines that `page` gives for a width; newest at the bottom where it says so."""

    AUTO_FOCUS = ""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,question_mark,l,enter,ctrl+c,ctrl+q", "close", "Close", id="reader.close"),
        Binding("up,k", "scroll_page(-1)", "Up", id="reader.up"),
        Binding("down,j", "scroll_page(1)", "Down", id="reader.down"),
        Binding("pageup,b", "scroll_page(-15)", "Page up", id="reader.page-up"),
        Binding("pagedown,space", "scroll_page(15)", "Page down", id="reader.page-down"),
        Binding("p", "app.act('pause')", "Pause", id="reader.pause"),
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
        refused = action.allowed(frame.snapshot, frame.status, frame.read_only)
        key = Segment(f"  {action.key}  ", Ink.FAINT if refused else Ink.KEY)
        first, *others = wrap(f"{action.help} It {action.danger}.", max(1, width - 14))
        lines.append((key, Segment(f"{action.text:9}", Ink.STRONG), Segment(first)))
        lines += [(Segment(f"{'':14}{line}"),) for line in others]
        if refused:
            lines.append((Segment(f"{'':14}not now: {refused}", Ink.WARN),))
    lines.append(())
    for heading, text in LEGEND:
        for index, line in enumerate(wrap(text, max(1, width - 14))):
            lines.append((Segment(f"  {heading if index == 0 else '':10}  ", Ink.STRONG), Segment(line, Ink.MUTED)))
    return fit_all(lines, width, len(lines))


LEGEND = (
    (
        "rung",
        "● live at the venue · ◐ in-flight: no answer yet · ◌ cancelling · ■ held: filled · ○ gap, and why",
    ),
    ("gap", "why a rung has no order; the journal and scripts use the same words with hyphens:"),
    *(("", f"{reason}: {told.meaning}") for reason, told in REASONS.items()),
    (
        "regime",
        (
            "UP, DOWN or SIDEWAYS from one-minute bars: spread of the fast EMA over the slow one, ADX for the strength,"
            " ATR for the range of a minute; warming n/m until there are enough bars, and taken as SIDEWAYS meanwhile"
        ),
    ),
    ("throttle", "the operator's share of both ladders, shown below 100 %; it outlives a restart"),
    ("ladder", "what regime, throttle and funding together leave of a leg's ladder, shown below 100 %"),
    (
        "funding",
        (
            "predicted rate, time to the settlement, what each leg pays or receives in bps of its notional; ≈ is the"
            " amount on what it holds now, signed as the wallet changes; ! tells what the guard leaves of a ladder"
        ),
    ),
    (
        "restored",
        "the pause comes from an earlier session, no key has been pressed here: P lets entries out again",
    ),
    ("stray", "a held lot that belongs to no rung of the present ladder; its exits work all the same"),
    ("bps", "distance from the middle of bid and ask, in hundredths of a percent"),
    (
        "protected",
        "share of the held quantity that a stop working at the venue covers; less is shown UNPROTECTED",
    ),
    ("PnL", "equity now less equity at the start of the session: realised, open, fees and funding"),
    (
        "feed",
        "time from the last market event to the snapshot; SILENT means that the engine itself says nothing",
    ),
)


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
