"""What a refusal means: Binance's error codes read out of the words that came with it."""

import re
from enum import StrEnum
from typing import Final


class Refusal(StrEnum):
    """What follows from a refused order."""

    POST_ONLY = "post-only"
    """It would have taken; tried again nearer to the book, and no error."""
    UNKNOWN_OUTCOME = "unknown-outcome"
    """The order may be live all the same; the venue is asked before anything else is sent in its place."""
    NOTHING_LEFT = "nothing-left"
    """There is nothing to reduce on that leg, as the venue sees it."""
    NEVER_ARRIVED = "never-arrived"
    """The venue does not know the order: its answer to a question, not to the order."""
    BUSY = "busy"
    """A rate or load limit: the same order may pass a moment later."""
    NOT_SENT = "not-sent"
    """It never left: the venue has asked to be left alone for a while, of which an alarm of its own tells."""
    PASSED = "passed"
    """A stop that the market has passed already: its lot is closed instead, and nothing is wrong."""
    FINAL = "final"
    """The order itself was wrong, or cannot be afforded."""


CODES: Final = {
    5022: Refusal.POST_ONLY,
    1000: Refusal.UNKNOWN_OUTCOME,
    4116: Refusal.UNKNOWN_OUTCOME,
    1006: Refusal.UNKNOWN_OUTCOME,
    1007: Refusal.UNKNOWN_OUTCOME,
    2022: Refusal.NOTHING_LEFT,
    2021: Refusal.PASSED,
    2013: Refusal.NEVER_ARRIVED,
    1001: Refusal.BUSY,
    1003: Refusal.BUSY,
    1008: Refusal.BUSY,
    1015: Refusal.BUSY,
    1021: Refusal.BUSY,
}
"""Source: Binance, USDT-M futures error codes. -1006 and -1007 say "execution status unknown" themselves; ids are never
used twice, so that -4116 (duplicate id) says that this very order has arrived before."""
_CODE: Final = re.compile(r"(?<!\w)-(\d{4})\b")
_SERVER_ERROR: Final = re.compile(r"(?:\bHTTP\S*|\bstatus)\D{0,4}5\d\d\b|^\s*(?:<[^>]*>\s*)*5\d\d\b", re.IGNORECASE)
"""An HTTP status of 500 to 599, said as one or standing at the beginning of a proxy's page."""
_WORDLESS: Final = frozenset({"", "None"})
"""What is left of a server error whose answer had no body."""
UNSENT: Final = "not sent"
"""Words of the own client for what it has kept back."""
IN_THE_MARKET: Final = "was in the market"
"""Words of Nautilus's simulated venue for a stop that the market has passed."""
UNRESOLVED: Final = "UNKNOWN"
"""Nautilus's own word for an order in flight that it could not resolve."""


def classify(reason: str, *, post_only: bool = False) -> Refusal:
    """What the venue's words on a refusal mean; words without a known code or a server's error are final."""
    if post_only:
        return Refusal.POST_ONLY
    if UNSENT in reason:
        return Refusal.NOT_SENT
    codes = [int(code) for code in _CODE.findall(reason)]
    if not codes and (reason == UNRESOLVED or reason in _WORDLESS or _SERVER_ERROR.search(reason)):
        return Refusal.UNKNOWN_OUTCOME
    if IN_THE_MARKET in reason:
        return Refusal.PASSED
    return next((CODES[code] for code in codes if code in CODES), Refusal.FINAL)
