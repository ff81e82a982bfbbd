"""How much of the venue's budgets is used, as the headers of its answers tell."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

LONGEST_NUMBER: Final = 9


@dataclass(frozen=True, slots=True)
class Usage:
    """The latest numbers; each is None until an answer told it. Source: Binance, USDS-M Futures, "General Info"."""

    weight_1m: int | None = None
    weight_1m_ns: int = 0
    """Our clock when it was told."""
    orders_10s: int | None = None
    orders_10s_ns: int = 0
    orders_1m: int | None = None
    orders_1m_ns: int = 0

    def told(self, headers: Mapping[str, str], now_ns: int) -> "Usage":
        """With what an answer's headers say; itself where they say nothing."""
        weight = _number(headers.get("X-MBX-USED-WEIGHT-1M"))
        orders_10s = _number(headers.get("X-MBX-ORDER-COUNT-10S"))
        orders_1m = _number(headers.get("X-MBX-ORDER-COUNT-1M"))
        if weight is None and orders_10s is None and orders_1m is None:
            return self
        return Usage(
            *((self.weight_1m, self.weight_1m_ns) if weight is None else (weight, now_ns)),
            *((self.orders_10s, self.orders_10s_ns) if orders_10s is None else (orders_10s, now_ns)),
            *((self.orders_1m, self.orders_1m_ns) if orders_1m is None else (orders_1m, now_ns)),
        )


def _number(text: str | None) -> int | None:
    if text is None or not (text.isascii() and text.isdigit()) or len(text) > LONGEST_NUMBER:
        return None
    return int(text)
