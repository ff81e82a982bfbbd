"""Cells of the venue's answers as exact values; what is not as documented is unclear, never guessed."""

from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any, Final

from hedgegrid_tui.engine.binance.rest.errors import UnclearError, clean

LONGEST_NUMBER: Final = 40


class MalformedError(UnclearError, ValueError):
    """An answer that is not as documented."""


class Row:
    """One object of an answer; every getter raises `MalformedError` that names path and field."""

    __slots__ = ("cells", "path")

    def __init__(self, path: str, cells: dict[str, Any]) -> None:
        self.path = path
        self.cells = cells

    def has(self, name: str) -> bool:
        """Whether there is a value, be it empty."""
        return self.cells.get(name) is not None

    def text(self, name: str) -> str:
        """A text that must be there."""
        value = self.cells.get(name)
        if not isinstance(value, str):
            raise self._bad(name, "a text")
        return value

    def integer(self, name: str) -> int:
        """A whole number that must be there, perhaps in quotes."""
        value = self.cells.get(name)
        if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < LONGEST_NUMBER:
            return int(value)
        if not isinstance(value, int) or isinstance(value, bool):
            raise self._bad(name, "a whole number")
        return value

    def decimal(self, name: str) -> Decimal:
        """A finite number that must be there, in quotes or not."""
        value = self.cells.get(name)
        number = _number(value)
        if number is None:
            raise self._bad(name, "a number")
        return number

    def above_zero(self, name: str) -> Decimal | None:
        """A number; None where it is missing, empty or 0, which is how the venue says: none."""
        if self.cells.get(name) in (None, ""):
            return None
        return self.decimal(name) or None

    def flag(self, name: str) -> bool:
        """A truth value that must be there, perhaps in quotes."""
        value = self.cells.get(name)
        if value in ("true", "false"):
            return bool(value == "true")
        if not isinstance(value, bool):
            raise self._bad(name, "true or false")
        return value

    def choice[T: StrEnum](self, name: str, known: dict[str, T]) -> T:
        """One of few texts."""
        found = known.get(self.text(name))
        if found is None:
            raise self._bad(name, f"one of {', '.join(known)}")
        return found

    def rows(self, name: str) -> "list[Row]":
        """A list of objects that must be there."""
        return items(self.path, self.cells.get(name), name)

    def _bad(self, name: str, rule: str) -> MalformedError:
        value = self.cells.get(name)
        shown = clean(str(value)[:LONGEST_NUMBER]) if isinstance(value, str | int | Decimal) else type(value).__name__
        return MalformedError(self.path, f"{name} = {shown or '(empty)'}: must be {rule}")


def row_of(path: str, value: object, name: str = "the answer") -> Row:
    """An object."""
    if not isinstance(value, dict):
        raise MalformedError(path, f"{name} must be an object")
    return Row(path, value)


def items(path: str, value: object, name: str = "the answer") -> list[Row]:
    """A list of objects."""
    if not isinstance(value, list):
        raise MalformedError(path, f"{name} must be a list")
    return [row_of(path, cells, f"an item of {name}") for cells in value]


def _number(value: object) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        return None
    if isinstance(value, str) and len(value) > LONGEST_NUMBER:
        return None
    try:
        number = Decimal(value)
    except InvalidOperation:
        return None
    if not number.is_finite():
        return None
    _, digits, exponent = number.as_tuple()
    return number if len(digits) + abs(int(exponent)) <= LONGEST_NUMBER else None
