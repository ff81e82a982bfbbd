"""Which lines of the ladder are on the screen: the market held in the middle, or what the reader scrolled to."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence


def at_rest(total: int, height: int, market: int, centre: int) -> int:
    """First line to show where nobody scrolls.

    The window stands around the ladder's centre as long as that leaves the market in its middle third; beyond that it
    follows the market line by line. So a tick back and forth never moves more than the lines that it passes.
    """
    start = centre - height // 2
    third = height // 3
    highest, lowest = start + third, start + height - 1 - third
    if market < highest:
        start -= highest - market
    elif market > lowest:
        start += market - lowest
    return within(start, total, height)


def within(start: int, total: int, height: int) -> int:
    """The nearest start that leaves no line of the window empty."""
    return max(0, min(start, total - height))


def scrolled_to(rungs: Sequence[int], over: int, offset: int) -> int:
    """Which rung an offset holds in the middle: +1 is the first above the ladder's centre, -1 the first below it."""
    return max(0, min(len(rungs) - 1, over - offset - (offset < 0)))


def offset_of(over: int, rung: int) -> int:
    """The offset that holds that rung in the middle; never 0, which means at rest."""
    beyond = over - rung
    return beyond if beyond > 0 else beyond - 1


def moved(rungs: Sequence[int], total: int, height: int, start: int, by: int) -> int:
    """The rung in the middle after scrolling by so many from a window; positive is towards higher prices."""
    middle = height // 2
    rung = bisect_left(rungs, start + middle) - by if by > 0 else bisect_right(rungs, start + middle) - 1 - by
    # Nothing is gained beyond the rungs with which the window touches either end.
    first = bisect_right(rungs, middle) - 1
    last = bisect_left(rungs, within(total, total, height) + middle)
    return max(0, first, min(rung, last, len(rungs) - 1))
