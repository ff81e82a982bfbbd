"""What a terminal shows of the bytes it was sent: the few sequences that Textual writes, read into rows of text."""

import re
from typing import Final

SEQUENCE: Final = re.compile(
    r"\x1b(?:\[([0-9;?<>=]*)[ -/]*([@-~])|\][^\x07\x1b]*(?:\x07|\x1b\\)|P[^\x1b]*\x1b\\|[()][A-Z0-9]|[=>78cM])"
)


class Glass:
    """A screen of so many cells; every character is one cell wide, as the cockpit's are."""

    def __init__(self, columns: int, lines: int) -> None:
        self.styles: set[str] = set()
        """Every style that was asked for, as it was written."""
        self.odd: set[str] = set()
        """Sequences that move or erase in a way unknown here: what is shown would be a guess."""
        self._left = ""
        self.resize(columns, lines)

    def resize(self, columns: int, lines: int) -> None:
        """A new size; what is on it is kept, as far as it fits."""
        old = getattr(self, "_cells", [])
        self.columns, self.lines = columns, lines
        self._cells = [(row + [" "] * columns)[:columns] for row in old[:lines]]
        self._cells += [[" "] * columns for _ in range(lines - len(self._cells))]
        self._line = self._column = 0

    @property
    def rows(self) -> list[str]:
        """What stands there, without the blanks at the ends of rows."""
        return ["".join(row).rstrip() for row in self._cells]

    @property
    def text(self) -> str:
        """The rows in one."""
        return "\n".join(self.rows)

    def feed(self, raw: str) -> None:
        """Show further output; a sequence may be cut anywhere."""
        text, place = self._left + raw, 0
        while place < len(text):
            if text[place] == "\x1b":
                found = SEQUENCE.match(text, place)
                if found is None:
                    break
                if found[2]:
                    self._control(found[1], found[2])
                place = found.end()
                continue
            self._put(text[place])
            place += 1
        self._left = text[place:]

    def _put(self, character: str) -> None:
        if character == "\r":
            self._column = 0
        elif character == "\n":
            self._line += 1
        elif character >= " " and self._line < self.lines and self._column < self.columns:
            self._cells[self._line][self._column] = character
            self._column += 1

    def _control(self, given: str, kind: str) -> None:
        if kind == "m":
            self.styles.add(given)
        elif kind == "H":
            line, _, column = given.partition(";")
            self._line, self._column = int(line or 1) - 1, int(column or 1) - 1
        elif kind == "J":
            self._cells = [[" "] * self.columns for _ in range(self.lines)]
        elif kind in "ABCDEFGKLMPSTX@df":
            self.odd.add(f"{given}{kind}")
