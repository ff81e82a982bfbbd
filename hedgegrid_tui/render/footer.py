"""The two lowest rows: what was last said to the trader, and the keys."""

from hedgegrid_tui.render.frame import Frame
from hedgegrid_tui.render.rows import Ink, Part, Rows, Segment, fit_all, pack
from strategy.snapshot import EnginePhase

CURSOR = "▏"


def status_rows(frame: Frame, width: int, height: int) -> Rows:
    """The search while it is typed; else the last message: a receipt, why a key did nothing, what is waited for."""
    if frame.view.typing:
        typed = (Segment(f"/{frame.view.search}", Ink.STRONG), Segment(CURSOR, Ink.KEY))
        return fit_all(((*typed, Segment(f"  searches {frame.view.panel}", Ink.MUTED)),), width, height)
    state = "ready" if frame.status.phase is EnginePhase.RUNNING else str(frame.status.phase)
    message = frame.message if frame.message.text else Segment(f"{state}; {frame.keys.of('help')} for help", Ink.FAINT)
    return fit_all(((message,),), width, height)


def key_rows(frame: Frame, width: int, height: int) -> Rows:
    """Every key with its word; dim where it cannot be used now, and then the first to go where there is no room."""
    if frame.view.typing:
        typing = (
            ("letters", "search, no key acts"),
            ("Enter", "keeps what is found"),
            ("Esc", f"clears; then {frame.keys.of('pause')} pauses"),
        )
        told = [Part(rank, (Segment(key, Ink.KEY), Segment(f" {text}"))) for rank, (key, text) in enumerate(typing)]
        return fit_all((pack(told, width),), width, height)
    parts, last = [], len(frame.hints)
    for rank, hint in enumerate(frame.hints):
        word = Ink.FAINT if not hint.usable else Ink.WARN if hint.grave else Ink.PLAIN
        parts.append(
            Part(
                rank if hint.usable else last + rank,
                (Segment(hint.key, Ink.KEY if hint.usable else Ink.FAINT), Segment(f" {hint.text}", word)),
            )
        )
    return fit_all((pack(parts, width),), width, height)
