"""Numbers as a trader reads them: thousands apart, fixed decimals, a sign and a glyph for money."""

from decimal import Decimal

from hedgegrid_tui.render.ages import up_to_hours
from hedgegrid_tui.render.rows import Ink, Segment
from strategy.domain import NS_PER_S, ZERO

NONE = "-"
"""Stands where there is no number yet."""


def fixed(value: Decimal | None, decimals: int) -> str:
    """The number with that many decimals; a dash for none."""
    return NONE if value is None else _unsigned_zero(f"{value:,.{max(decimals, 0)}f}")


def signed(value: Decimal, decimals: int = 2) -> str:
    """The number with its sign; zero has none."""
    return _unsigned_zero(f"{value:+,.{max(decimals, 0)}f}")


def _unsigned_zero(text: str) -> str:
    return text.lstrip("+-") if not text.strip("+-0.,") else text


def gain(value: Decimal, decimals: int = 2) -> Segment:
    """Money that was won or lost, told by glyph and sign as well as by ink."""
    text = signed(value, decimals)
    if text[0] == "-":
        return Segment(f"▼ {text}", Ink.DOWN)
    return Segment(f"▲ {text}", Ink.UP) if text[0] == "+" else Segment(f"= {text}", Ink.MUTED)


def percent(part: Decimal, whole: Decimal) -> Decimal:
    """The part in hundredths of the whole, rounded down: 100 means all of it."""
    return ZERO if whole <= 0 else max(ZERO, part * 100 // whole)


def span(seconds: float) -> str:
    """A length of time in the largest two units that matter."""
    if seconds < 0:
        seconds = 0.0
    if seconds < 10:
        return f"{seconds:.1f} s"
    return up_to_hours(int(seconds))


def span_ns(nanoseconds: int) -> str:
    """A length of time given in nanoseconds."""
    return span(nanoseconds / NS_PER_S)


def clock_text(ts: int) -> str:
    """Time of day, UTC, of nanoseconds since the epoch; a dash for none."""
    if ts <= 0:
        return NONE
    minutes, second = divmod(ts // NS_PER_S, 60)
    return f"{minutes // 60 % 24:02}:{minutes % 60:02}:{second:02}"


def count(number: int, noun: str) -> str:
    """A number of things, in words that agree."""
    if number == 1:
        return f"1 {noun}"
    return f"{number:,} {noun[:-1]}ies" if noun.endswith("y") else f"{number:,} {noun}s"
