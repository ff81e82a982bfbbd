"""Ages as the screen tells them: in whole seconds, so that a quiet market changes no row more than once a second."""

from typing import Final

from strategy.domain import NS_PER_S

YOUNG: Final = "<1 s"
"""Stands for less than a second."""
UNITS: Final = ((86_400, "d"), (3600, "h"), (60, "m"), (1, "s"))
"""Lengths in seconds, the largest first."""


def age(seconds: float) -> str:
    """How old something is, in the largest two units that matter, rounded down."""
    whole = int(seconds)
    if whole < 1:
        return YOUNG
    days, rest = divmod(whole, 86_400)
    return f"{days} d {rest // 3600:02} h" if days else up_to_hours(whole)


def age_ns(nanoseconds: int) -> str:
    """The same for a length of time in nanoseconds."""
    return age(nanoseconds // NS_PER_S)


def up_to_hours(seconds: int) -> str:
    """A length of time in the largest two of hours, minutes and seconds: 30 h 05 m, 4 m 09 s, 7 s."""
    minutes, second = divmod(seconds, 60)
    hours, minute = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minute:02} m"
    return f"{minute} m {second:02} s" if minute else f"{second} s"


def coarse(seconds: int, gap: str = " ") -> str:
    """An age in its largest unit alone, so that a column of them rarely changes: 12 s, 3 m, 2 h, 5 d."""
    told = (f"{seconds // length}{gap}{unit}" for length, unit in UNITS if seconds >= length)
    return next(told, YOUNG.replace(" ", gap))
