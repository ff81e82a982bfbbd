"""A drill beside the session: a thread takes its lines as they come, a reader shows them."""

import threading
from collections.abc import Callable, Iterable
from typing import Final

from hedgegrid_tui.drill_report import FAIL, PASS, DrillError, DrillReport, Line, last_lines
from hedgegrid_tui.render.frame import Frame
from hedgegrid_tui.render.rows import Ink, Row, Rows, Segment, fit_all, wrap

type Rehearse = Callable[[], Iterable[Line]]
"""Gives the drill's lines as they come; blocks in between."""
INDENT: Final = 8


class DrillRun:
    """One drill; what it knows is only ever added to, so that it may be read while the thread goes on."""

    def __init__(self, rehearse: Rehearse) -> None:
        self._rehearse = rehearse
        self._lines: list[Line] = []
        self._failure = ""
        # Nothing waits for it: a cockpit that is left must not stay for a rehearsal.
        self._thread = threading.Thread(target=self._take, name="drill", daemon=True)

    @property
    def running(self) -> bool:
        """Whether it goes on."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Begin, in a thread of its own."""
        self._thread.start()

    def _take(self) -> None:
        try:
            for line in self._rehearse():
                self._lines.append(line)
        except DrillError as error:
            self._failure = str(error)
        except Exception as error:  # noqa: BLE001 - whatever it was, the page says so
            self._failure = f"the drill broke: {type(error).__name__}: {error}"

    def page(self, frame: Frame, width: int) -> Rows:  # noqa: ARG002 - a reader's page takes both
        """What has come so far, and what it waits for."""
        running = self.running  # before the lines, so that an end is never told without its last one
        shown: list[Row] = [
            (Segment("A rehearsal on a market of its own; this session goes on beside it.", Ink.MUTED),),
            (),
        ]
        for line in tuple(self._lines):
            shown += _told(line, width)
        if self._failure:
            shown += [(), *((Segment(text, Ink.ALARM),) for text in wrap(self._failure, max(1, width)))]
        elif running:
            shown += [(), (Segment("◐ it goes on; a step takes some seconds", Ink.WARN),)]
        return fit_all(shown, width, len(shown))


def _told(line: Line, width: int) -> list[Row]:
    if isinstance(line, DrillReport):
        ink = Ink.OK if line.passed else Ink.ALARM
        head, *others = last_lines(line)
        return [
            (),
            *_wrapped(head, width, ink, 0),
            *(row for text in others for row in _wrapped(text, width, Ink.MUTED, 0)),
        ]
    verdict = Segment(f"✓ {PASS}", Ink.OK) if line.passed else Segment(f" ✗ {FAIL} ", Ink.ALARM)
    found: list[Row] = [(verdict, Segment(f"  {line.title}", Ink.STRONG)), *_wrapped(line.sentence, width, Ink.PLAIN)]
    within = " · ".join(str(figure) for figure in line.figures if figure.is_within)
    found += _wrapped(within, width, Ink.MUTED)
    for figure in line.figures:
        if not figure.is_within:
            found += _wrapped(f"EXCEEDED: {figure}", width, Ink.ALARM)
    for problem in line.problems:
        found += _wrapped(f"not as it should be: {problem}", width, Ink.ALARM)
    return found


def _wrapped(text: str, width: int, ink: Ink, indent: int = INDENT) -> list[Row]:
    return [(Segment(" " * indent), Segment(part, ink)) for part in wrap(text, max(1, width - indent))]
