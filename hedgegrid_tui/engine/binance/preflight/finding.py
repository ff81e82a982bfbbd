"""What a look at the venue finds: a line with its verdict, its words and its cure."""

from decimal import Decimal
from enum import StrEnum

import msgspec

from strategy.domain import plain


class Verdict(StrEnum):
    """What a finding means for a start."""

    PASS = "pass"  # noqa: S105 - no password
    WARN = "warn"
    """A start is possible; the trader should know."""
    FAIL = "fail"
    """No start."""


class Finding(msgspec.Struct, frozen=True):
    """One thing that was looked at."""

    name: str
    """Two words at the most, such as `hedge mode`."""
    verdict: Verdict
    words: str
    """What was found, with the numbers of both sides where they differ."""
    cure: str = ""
    """What to do; lines for the configuration stand on lines of their own. Empty where nothing is to be done."""


def passes(name: str, words: str) -> Finding:
    """Nothing to do."""
    return Finding(name, Verdict.PASS, words)


def warns(name: str, words: str, cure: str) -> Finding:
    """To be known before a start."""
    return Finding(name, Verdict.WARN, words, cure)


def fails(name: str, words: str, cure: str) -> Finding:
    """In the way of a start."""
    return Finding(name, Verdict.FAIL, words, cure)


def to_write(section: str, **keys: Decimal | int | str) -> str:
    """A cure: the lines of the configuration as they should stand."""
    lines = [f"  {name} = {_toml(value)}" for name, value in keys.items()]
    return "\n".join((f"write under [{section}]:", *lines))


def money(value: Decimal) -> str:
    """An amount of the quote currency with thousands apart."""
    return f"{value:,.2f}".removesuffix(".00")


def short(value: Decimal) -> str:
    """A number without zeros at its end."""
    return plain(value.normalize() + 0)


def _toml(value: Decimal | int | str) -> str:
    if isinstance(value, Decimal):
        return plain(value)
    return f'"{value}"' if isinstance(value, str) else str(value)
