"""Pages for the reader: the help, and errors with receipts and the engine's log in full."""

from typing import Final

from hedgegrid_tui.actions import ACTIONS, Action, Danger, Group
from hedgegrid_tui.render import errors
from hedgegrid_tui.render.frame import Frame
from hedgegrid_tui.render.legend import sections
from hedgegrid_tui.render.lists import receipt_row
from hedgegrid_tui.render.rows import Ink, Row, Rows, Segment, fit_all, text_of, wrap
from hedgegrid_tui.render.wording import with_keys

NAME: Final = 13
TERM: Final = 18
"""A longer term has a row of its own."""
INTRO: Final = "{search} searches this page, n and N go from place to place, {back} closes it."
PAUSES: Final = "{pause} pauses from here, too."
GROUPS: Final = {Group.ACT: "Keys that act", Group.LOOK: "Keys that only change what you see"}


def help_page(frame: Frame, width: int) -> Rows:
    """Every key with why it cannot be used now, then the whole screen in plain words."""
    lines: list[Row] = [*_intro(frame, width)]
    widest = max(len(frame.keys.of(action)) for action in ACTIONS)
    for group, title in GROUPS.items():
        lines += _heading(title)
        for action in ACTIONS.values():
            if action.group is group:
                lines += _action(action, frame, width, widest)
    for section in sections():
        lines += _heading(section.title)
        for term, text in section.lines:
            lines += _entry(with_keys(term, frame.keys), with_keys(text, frame.keys), width)
    return fit_all(lines, width, len(lines))


def _intro(frame: Frame, width: int) -> list[Row]:
    text = INTRO if frame.read_only else f"{INTRO} {PAUSES}"
    return [(Segment(line, Ink.MUTED),) for line in wrap(with_keys(text, frame.keys), max(1, width))]


def _heading(title: str) -> list[Row]:
    return [(), (Segment(title, Ink.STRONG),)]


def _action(action: Action, frame: Frame, width: int, widest: int) -> list[Row]:
    refused = action.allowed(frame)
    key = frame.keys.of(action.id) or "-"
    does = action.help if action.danger is Danger.SAFE else f"{action.help} It {action.danger}."
    indent = widest + NAME + 4
    room = max(1, width - indent)
    head: Row = (
        Segment(f"  {key:{widest}} ", Ink.FAINT if refused else Ink.KEY),
        Segment(f"{action.text:{NAME}} ", Ink.STRONG),
    )
    told = [(text, Ink.PLAIN) for text in wrap(does, room)]
    if refused:
        told += [(text, Ink.WARN) for text in wrap(f"not now: {refused}", room)]
    return [
        (*(head if not at else (Segment(" " * indent),)), Segment(text, ink)) for at, (text, ink) in enumerate(told)
    ]


def _entry(term: str, text: str, width: int) -> list[Row]:
    indent = TERM + 4
    texts = wrap(text, max(1, width - indent))
    lines: list[Row] = []
    if len(term) > TERM:
        lines.append((Segment(f"  {term}", Ink.KEY),))
        term = ""
    for at, line in enumerate(texts):
        lines.append((Segment(f"  {'' if at else term:{TERM}}  ", Ink.KEY), Segment(line)))
    return lines


def journal_page(frame: Frame, width: int) -> Rows:
    """All errors in full, then the receipts, then the engine's log lines."""
    lines: list[Row] = [(Segment("errors", Ink.STRONG),), *errors.in_full(frame, width)]
    lines += _heading("receipts")
    for receipt in frame.snapshot.receipts:
        lines += [(Segment(text),) for text in wrap(text_of(receipt_row(receipt)), max(1, width))]
    if not frame.snapshot.receipts:
        lines.append((Segment("no command yet", Ink.MUTED),))
    lines += _heading("engine log")
    for entry in frame.log:
        lines += [(Segment(text),) for text in wrap(entry, max(1, width))]
    if not frame.log:
        lines.append((Segment("the engine has written nothing", Ink.MUTED),))
    return fit_all(lines, width, len(lines))
