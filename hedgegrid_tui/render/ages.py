"""Ages as the screen tells them: in whole seconds, so that a quiet market changes no row more than once a second."""

from typing import Final

from strategy.domain import NS_PER_S

YOUNG: Final = "<1 s"
"""Stands for less than a second."""


def age(seconds: float) -> str:
    """How old something is, in the largest two units that matter, rounded down."""
    whole = int(seconds)
    if whole < 1:
        return YOUNG
    minutes, second = divmod(whole, 60)
    hours, minute = divmod(minutes, 60)
    days, hour = divmod(hours, 24)
    if days:
        return f"{days} d {hour:02} h"
    if hours:
        return f"{hours} h {minute:02} m"
    return f"{minute} m {second:02} s" if minute else f"{second} s"


def age_ns(nanoseconds: int) -> str:
    """The same for a length of time in nanoseconds."""
    return age(nanoseconds // NS_PER_S)
