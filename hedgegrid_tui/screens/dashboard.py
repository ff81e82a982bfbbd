"""The dashboard: panels around the ladder, each drawn from the frame by a function of its own."""

from collections.abc import Callable
from typing import Final, override

from textual.app import ComposeResult
from textual.containers import Container, Vertical
from textual.screen import Screen

from hedgegrid_tui.render import errors, footer, ladder, legs, lists, money, notice, risk_page, startup, strip, vitals
from hedgegrid_tui.render.frame import Frame
from hedgegrid_tui.render.rows import Ink, Rows, Segment, fit, fit_all
from hedgegrid_tui.render.strip import as_last_known
from hedgegrid_tui.widgets.panel import Panel

type Picture = Callable[[Frame, int, int], Rows]


def ladder_or_startup(frame: Frame, width: int, height: int) -> Rows:
    """The ladder as soon as there is a snapshot; start-up until then."""
    picture = ladder.rows if frame.snapshot.seq else startup.rows
    return picture(frame, width, height)


PICTURES: Final[dict[str, Picture]] = {
    "strip": strip.rows,
    "ladder": ladder_or_startup,
    "legs": legs.rows,
    "money": money.rows,
    "vitals": vitals.rows,
    "receipts": lists.receipt_rows,
    "risk": risk_page.rows,
    "errors": errors.rows,
    "log": lists.log_rows,
    "status": footer.status_rows,
    "keys": footer.key_rows,
}
STARTUP_HEIGHT: Final = 10
NEED_SNAPSHOT: Final = frozenset({"legs", "money"})
"""Panels whose zeros would be claims before anything is known."""
LAST_KNOWN: Final = frozenset({"ladder", "legs", "money"})
"""Panels that lose their colours while nothing new is heard."""

CROWDED: Final = 3
"""A notice with more rows than this costs the panels beside the ladder."""
LAYOUT: Final = """
/* Risk matters more than the engine's log, which has a key of its own. */
#risk { display: none; height: 6; }
.-tall.-wide #risk, .-tall.-vast #risk { display: block; }
Dashboard.-tall.-wide #log, Dashboard.-tall.-vast #log { display: none; }
.-huge.-wide #risk, .-huge.-vast #risk { display: block; height: auto; max-height: 40%; }
/* A notice of many rows leaves no room for them. */
.-tall.-wide.crowded #vitals { display: none; }
.-tall.-wide.crowded #money { height: 1fr; }
"""
"""Where the panel on risk stands; the app loads it, since Textual reads no screen's own rules for its first screen."""


class Dashboard(Screen[None], inherit_bindings=False):
    """Draws frames; knows no engine."""

    AUTO_FOCUS = ""
    HORIZONTAL_BREAKPOINTS = [  # noqa: RUF012 - Textual declares it as an instance variable
        (0, "-narrow"),
        (110, "-wide"),
        (160, "-vast"),
    ]
    VERTICAL_BREAKPOINTS = [  # noqa: RUF012 - as above
        (0, "-short"),
        (34, "-tall"),
        (46, "-huge"),
    ]

    def __init__(self, resized: Callable[[], object]) -> None:
        super().__init__()
        self._resized = resized

    @override
    def compose(self) -> ComposeResult:
        yield Panel(id="strip")
        yield Panel("Now", id="notice", classes="urgent")
        with Container(id="main"):
            with Vertical(id="left"):
                yield Panel("Ladder", id="ladder")
                yield Panel("Risk", id="risk")
                yield Panel("Errors", id="errors")
                yield Panel("Engine log", id="log")
            with Container(id="side"):
                yield Panel("Legs", id="legs")
                yield Panel("Money", id="money")
                yield Panel("Vitals", id="vitals")
                yield Panel("Receipts", id="receipts")
        yield Panel(id="status")
        yield Panel(id="keys")

    def on_resize(self) -> None:
        """Draw again once the panels have their new sizes."""
        self.call_after_refresh(self._resized)

    def show(self, frame: Frame) -> list[Exception]:
        """Draw every visible panel; a picture that fails costs its own panel only, and is given back."""
        failures: list[Exception] = []
        self._show_notice(frame, failures)
        self.query_one("#ladder", Panel).want(ladder.size(frame.snapshot) if frame.snapshot.seq else STARTUP_HEIGHT)
        risk = self.query_one("#risk", Panel)
        risk.want(risk_page.size(frame, risk.size.width) if risk.display else 1)
        for name, picture in PICTURES.items():
            panel = self.query_one(f"#{name}", Panel)
            if not frame.snapshot.seq and name in NEED_SNAPSHOT:
                panel.show(fit_all(((Segment("no snapshot yet", Ink.MUTED),),), panel.size.width, panel.size.height))
            elif panel.display and panel.size:
                panel.show(self._drawn(name, picture, frame, panel, failures))
        return failures

    def _show_notice(self, frame: Frame, failures: list[Exception]) -> None:
        panel = self.query_one("#notice", Panel)
        width = max(1, self.size.width - 4)
        rows = self._drawn("notice", lambda frame, width, _: notice.rows(frame, width), frame, panel, failures, width)
        if bool(rows) != panel.has_class("shown"):
            panel.set_class(bool(rows), "shown")
        self.set_class(len(rows) > CROWDED, "crowded")
        panel.want(max(1, len(rows)))
        panel.show(rows)

    @staticmethod
    def _drawn(
        name: str,
        picture: Picture,
        frame: Frame,
        panel: Panel,
        failures: list[Exception],
        width: int | None = None,
    ) -> Rows:
        across = panel.size.width if width is None else width
        try:
            rows = picture(frame, across, panel.size.height)
        except Exception as error:  # noqa: BLE001 - a picture must never take the cockpit with it
            failures.append(error)
            text = f"✗ {name} cannot be drawn: {type(error).__name__}: {error}"
            return (fit((Segment(text, Ink.ALARM),), across),)
        if frame.stale and name in LAST_KNOWN:
            return tuple(tuple(as_last_known(segment) for segment in row) for row in rows)
        return rows
