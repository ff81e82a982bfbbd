"""Decimal texts of a recording as exact prices and quantities of the instrument; nothing passes a float."""

from enum import Enum, auto
from functools import lru_cache
from typing import Any, Final

from nautilus_trader.model.instruments import Instrument
from nautilus_trader.model.objects import FIXED_PRECISION, PRICE_MAX, QUANTITY_MAX, Price, Quantity

from strategy.domain import NS_PER_S

EARLIEST_NS: Final = 1_262_304_000 * NS_PER_S
"""2010-01-01."""
LATEST_NS: Final = 4_102_444_800 * NS_PER_S
"""2100-01-01."""

_BPS: Final = 10_000
_ONE: Final = 10**FIXED_PRECISION
# Nautilus aborts the process on a raw value past its bounds, so they must be checked before.
_PRICE_RAW_MAX: Final = int(PRICE_MAX) * _ONE
_QUANTITY_RAW_MAX: Final = int(QUANTITY_MAX) * _ONE
_LONGEST: Final = 40
_LONGEST_INTEGER: Final = 20
_CACHED: Final = 1 << 16
_MS_BELOW: Final = 10**14
_US_BELOW: Final = 10**17


class Fault(Enum):
    """What is wrong with a line, for counting faults of one kind together."""

    LENGTH = auto()
    SYNTAX = auto()
    FIELDS = auto()
    TIME = auto()
    NUMBER = auto()
    RANGE = auto()
    OFF_GRID = auto()
    CROSSED = auto()
    BAR = auto()
    OTHER_SYMBOL = auto()


class LineError(ValueError):
    """A line that cannot be used, and why."""

    def __init__(self, fault: Fault, problem: str) -> None:
        super().__init__(problem)
        self.fault = fault


def shown(text: str | bytes) -> str:
    """The text cut and without control characters, which a recording must not send to a terminal."""
    plain = text.decode("ascii", "backslashreplace") if isinstance(text, bytes) else text
    clean = ascii(plain[:60])[1:-1]
    return clean if len(plain) <= 60 else f"{clean}..."


def integer(text: str, what: str) -> int:
    """A whole number without sign."""
    if not (text.isascii() and text.isdecimal() and len(text) <= _LONGEST_INTEGER):
        raise LineError(Fault.NUMBER, f"{what} {shown(text) or '(empty)'} is no whole number")
    return int(text)


def epoch_ns(text: str, what: str) -> int:
    """Time in ns of a Binance stamp in ms (USDT-M archives) or us (newer spot ones), told by magnitude."""
    value = integer(text, what)
    scale = 1_000_000 if value < _MS_BELOW else 1_000 if value < _US_BELOW else 1
    return plausible(value * scale, text, what)


def plausible(ns: int, text: str | bytes, what: str) -> int:
    """The time itself, if it lies between 2010 and 2100."""
    if not EARLIEST_NS <= ns <= LATEST_NS:
        raise LineError(Fault.TIME, f"{what} {shown(text)} lies outside of 2010 to 2100 in its unit")
    return ns


class Grid:
    """Builds prices and quantities of one instrument from texts; the last 65,536 different ones are kept."""

    def __init__(self, instrument: Instrument) -> None:
        self._tick = instrument.price_increment.raw
        self._tick_text = str(instrument.price_increment)
        self._price_precision = instrument.price_precision
        self._step = instrument.size_increment.raw
        self._step_text = str(instrument.size_increment)
        self._size_precision = instrument.size_precision
        self.price = lru_cache(_CACHED)(self._price)
        self.near_price = lru_cache(_CACHED)(self._near_price)
        self.quantity = lru_cache(_CACHED)(self._quantity)

    def _price(self, text: str) -> Any:  # noqa: ANN401 - Nautilus's classes have no stubs
        """The price, exact.

        Raises:
            LineError: No number, not above zero, beyond Nautilus's bounds, or no multiple of the tick.
        """
        raw, rest = _raw(text, "price")
        if rest or raw % self._tick:
            raise LineError(Fault.OFF_GRID, _off_grid("price", text, f"tick_size {self._tick_text}"))
        return self._priced(raw, text)

    def _near_price(self, text: str) -> Any:  # noqa: ANN401 - Nautilus's classes have no stubs
        """The price rounded to the nearest tick, which must move it by less than 1 bp."""
        raw, _ = _raw(text, "price")
        nearest = (raw + self._tick // 2) // self._tick * self._tick
        if abs(nearest - raw) * _BPS > raw:
            raise LineError(Fault.OFF_GRID, _off_grid("price", text, f"tick_size {self._tick_text}"))
        return self._priced(nearest, text)

    def _priced(self, raw: int, text: str) -> Any:  # noqa: ANN401 - Nautilus's classes have no stubs
        if not 0 < raw <= _PRICE_RAW_MAX:
            raise LineError(Fault.RANGE, f"price {shown(text)} must be above 0 and at most {PRICE_MAX:.0f}")
        return Price.from_raw(raw, self._price_precision)

    def _quantity(self, text: str) -> Any:  # noqa: ANN401 - Nautilus's classes have no stubs
        """The quantity, exact; None where it is zero.

        Raises:
            LineError: No number, negative, beyond Nautilus's bounds, or no multiple of the step.
        """
        raw, rest = _raw(text, "quantity")
        if rest or raw % self._step:
            raise LineError(Fault.OFF_GRID, _off_grid("quantity", text, f"step_size {self._step_text}"))
        return self._sized(raw, text) if raw else None

    def volume(self, text: str) -> Any:  # noqa: ANN401 - Nautilus's classes have no stubs
        """A bar's volume floored to the step, at least one step.

        Volumes of other venues have decimals of their own, or count in quote currency; they only weigh bars
        against each other, while Nautilus insists on the instrument's precision.
        """
        raw, _ = _raw(text, "volume")
        return self._sized(max(raw // self._step, 1) * self._step, text)

    def _sized(self, raw: int, text: str) -> Any:  # noqa: ANN401 - Nautilus's classes have no stubs
        if raw > _QUANTITY_RAW_MAX:
            raise LineError(Fault.RANGE, f"quantity {shown(text)} must be at most {QUANTITY_MAX:.0f}")
        return Quantity.from_raw(raw, self._size_precision)


def _raw(text: str, what: str) -> tuple[int, bool]:
    """The number in Nautilus's fixed point, and whether digits beyond it were cut."""
    whole, point, fraction = text.partition(".")
    digits = whole + fraction
    complete = whole and (fraction or not point) and len(text) <= _LONGEST
    if not (complete and digits.isascii() and digits.isdecimal()):
        if text.startswith("-"):
            raise LineError(Fault.RANGE, f"{what} {shown(text)} must not be negative")
        raise LineError(Fault.NUMBER, f"{what} {shown(text) or '(empty)'} is no decimal number")
    kept = fraction[:FIXED_PRECISION]
    rest = fraction[FIXED_PRECISION:].strip("0")
    return int(whole + kept) * 10 ** (FIXED_PRECISION - len(kept)), bool(rest)


def _off_grid(what: str, text: str, rule: str) -> str:
    cure = "set instrument.* to the tape's own filters"
    return f"{what} {shown(text)} is no multiple of instrument.{rule}: {cure}"
