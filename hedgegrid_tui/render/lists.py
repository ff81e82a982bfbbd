"""The engine's log lines, newest at the bottom, and the receipts of commands in words."""

from collections.abc import Sequence
from decimal import Context, Decimal
from typing import Any, Final

from hedgegrid_tui.render.frame import Frame, leg_mark
from hedgegrid_tui.render.numbers import clock_text, fixed, signed
from hedgegrid_tui.render.rows import Ink, Row, Rows, Segment, fit_all
from strategy.control import Receipt, Result
from strategy.domain import Leg

INKS: Final = {
    Result.DONE: Segment("✓ done", Ink.OK),
    Result.REFUSED: Segment("! refused", Ink.WARN),
    Result.FAILED: Segment("✗ FAILED", Ink.ALARM),
    Result.TIMEOUT: Segment("✗ TIMED OUT", Ink.ALARM),
}

EQUITIES: Final = frozenset({"peak", "peak_before"})
"""What of a receipt's detail is an equity."""
AVERAGE: Final = Context(prec=9)
"""Digits of an average price, whatever its tick."""


def log_rows(frame: Frame, width: int, height: int) -> Rows:
    """The last lines that the engine wrote."""
    lines: list[Row] = [(Segment(line),) for line in frame.log[-max(height, 1) :]]
    return fit_all(lines or [(Segment("the engine has written nothing", Ink.MUTED),)], width, height)


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


def closed_legs(receipts: Sequence[Receipt]) -> tuple[Row, ...]:
    """What the latest flatten closed, a row for each leg; none where no receipt tells of it."""
    latest = next((receipt for receipt in reversed(receipts) if receipt.command.split()[:1] == ["flatten"]), None)
    found = {} if latest is None else latest.detail
    return tuple(
        (leg_mark(leg), Segment(f" {_leg_words(found[leg])}")) for leg in Leg if isinstance(found.get(leg), dict)
    )


def _leg_words(leg: dict[str, Any]) -> str:
    """One leg of a flatten's receipt."""
    if not any(str(leg.get(key, "?")).strip("0.") for key in ("held", "closed", "left", "open_orders")):
        return "held nothing"
    average = f" @ {_number(leg['average'], AVERAGE)}" if leg.get("average") else ""
    bps = f" ({_number(leg['slippage_bps'])} bps)" if leg.get("slippage_bps") else ""
    slippage = f", slippage {_number(leg['slippage'])}{bps}" if leg.get("slippage") else ""
    left, orders = str(leg.get("left", "0")), str(leg.get("open_orders", "0"))
    rest = f", LEFT {left} and {orders} orders" if left.strip("0.") or orders != "0" else ""
    return f"closed {leg.get('closed', '?')} of {leg.get('held', '?')}{average}{slippage}{rest}"


def _number(text: str, digits: Context | None = None) -> str:
    """A number of a receipt as a row has room for it, money with two decimals; anything else as it is."""
    try:
        return signed(Decimal(text)) if digits is None else f"{digits.create_decimal(text):,f}"
    except (ArithmeticError, ValueError):
        return text


def _told(key: str, value: object) -> str:
    if isinstance(value, dict):
        return f"{key} {_leg_words(value)}"
    if key in EQUITIES:
        return f"{key.replace('_', ' ')} {_money(str(value))}"
    words = ("yes" if value else "no") if isinstance(value, bool) else value
    return f"{key.replace('_', ' ')} {words}"


def _money(text: str) -> str:
    """Money with two decimals; anything else as it is."""
    try:
        return fixed(Decimal(text), 2)
    except (ArithmeticError, ValueError):
        return text


def details(receipt: Receipt) -> str:
    """The receipt's detail in words, its reason first."""
    known = dict(receipt.detail)
    words = [str(known.pop("reason"))] if "reason" in known else []
    words += [_told(key, value) for key, value in known.items()]
    return f": {', '.join(words)}" if words else ""
