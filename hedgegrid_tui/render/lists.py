"""Plain lists, newest at the bottom: the engine's log lines and the receipts of commands."""

from typing import Final

from hedgegrid_tui.render.frame import Frame
from hedgegrid_tui.render.numbers import clock_text
from hedgegrid_tui.render.rows import Ink, Row, Rows, Segment, fit_all
from strategy.control import Receipt, Result

INKS: Final = {
    Result.DONE: Segment("✓ done", Ink.OK),
    Result.REFUSED: Segment("! refused", Ink.WARN),
    Result.FAILED: Segment("✗ FAILED", Ink.ALARM),
    Result.TIMEOUT: Segment("✗ TIMED OUT", Ink.ALARM),
}


def log_rows(frame: Frame, width: int, height: int) -> Rows:
    """The last lines that the engine wrote."""
    lines: list[Row] = [(Segment(line),) for line in frame.log[-max(height, 1) :]]
    return fit_all(lines or [(Segment("the engine has written nothing", Ink.MUTED),)], width, height)


def receipt_rows(frame: Frame, width: int, height: int) -> Rows:
    """The last receipts."""
    lines = [receipt_row(receipt) for receipt in frame.snapshot.receipts[-max(height, 1) :]]
    return fit_all(lines or [(Segment("no command yet", Ink.MUTED),)], width, height)


def receipt_row(receipt: Receipt) -> Row:
    """One receipt: when, what, how it ended, why."""
    result = INKS[receipt.result]
    return (
        Segment(f"{clock_text(receipt.ts)} ", Ink.MUTED),
        Segment(f"{receipt.command} "),
        result,
        Segment(details(receipt), Ink.MUTED),
    )


def receipt_message(receipt: Receipt) -> Segment:
    """One receipt as the status line tells it."""
    result = INKS[receipt.result]
    return Segment(f"{receipt.command}: {result.text}{details(receipt)}", result.ink)


def _told(key: str, value: object) -> str:
    if isinstance(value, dict):  # a flatten's leg
        average = f" @ {value['average']}" if value.get("average") else ""
        left = f"left {value['left']}, {value['open_orders']} orders"
        return f"{key} closed {value['closed']} of {value['held']}{average}, {left}"
    return f"{key.replace('_', ' ')} {value}"


def details(receipt: Receipt) -> str:
    """The receipt's detail in words, its reason first."""
    known = dict(receipt.detail)
    words = [str(known.pop("reason"))] if "reason" in known else []
    words += [_told(key, value) for key, value in known.items()]
    return f": {', '.join(words)}" if words else ""
