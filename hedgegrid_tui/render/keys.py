"""Which key does what, in Textual's names, and how a key is printed."""

import string
import unicodedata
from collections.abc import Mapping
from typing import Final

import msgspec

UNBOUND: Final = "unbound-"
"""Begins the name of a key that no terminal sends: it holds the place of an action that has none."""

DEFAULT_KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    "pause": ("p",),
    "flatten": ("F",),
    "resume": ("P",),
    "cancel-entries": ("C",),
    "quit": ("q", "ctrl+c", "ctrl+q"),
    "acknowledge": ("a",),
    "reset-breaker": ("B",),
    "reset-drawdown": ("D",),
    "throttle": ("t",),
    "flatten-long": (),
    "flatten-short": (),
    "drill": (),
    "help": ("question_mark",),
    "risk": ("r",),
    "journal": ("l",),
    "palette": ("ctrl+p",),
    "zoom": ("z",),
    "back": ("escape",),
    "search": ("slash",),
    "open": ("enter",),
    "panel-ladder": ("1",),
    "panel-legs": ("2",),
    "panel-risk": ("3",),
    "panel-chart": ("4",),
    "panel-orders": ("5",),
    "panel-fills": ("6",),
    "panel-events": ("7",),
    "panel-errors": ("8",),
    "panel-vitals": ("9",),
    "range-shorter": ("left_square_bracket",),
    "range-longer": ("right_square_bracket",),
    "theme": ("T",),
    "scroll-up": ("up", "k"),
    "scroll-down": ("down", "j"),
    "scroll-page-up": ("pageup",),
    "scroll-page-down": ("pagedown",),
    "scroll-top": ("home",),
    "scroll-bottom": ("end",),
}
"""The keys of every action by its id, the one to print first; none where the palette alone offers it."""

_FRIENDLY: Final = {
    "solidus": "slash",
    "reverse_solidus": "backslash",
    "commercial_at": "at",
    "hyphen_minus": "minus",
    "plus_sign": "plus",
    "low_line": "underscore",
}
_WORDS: Final = {
    "up": "Up",
    "down": "Down",
    "left": "Left",
    "right": "Right",
    "pageup": "PgUp",
    "pagedown": "PgDn",
    "home": "Home",
    "end": "End",
    "enter": "Enter",
    "escape": "Esc",
    "space": "Space",
    "tab": "Tab",
    "backspace": "Backspace",
    "insert": "Ins",
    "delete": "Del",
}


def name_of(character: str) -> str:
    """Textual's name of the key that types one character: `question_mark` for `?`, `P` for `P`.

    Raises:
        ValueError: No key types it.
    """
    if character.isalnum():
        return character
    name = unicodedata.name(character).lower().replace("-", "_").replace(" ", "_")
    return _FRIENDLY.get(name, name)


_CHARACTERS: Final = {name_of(character): character for character in string.punctuation}


def printed(key: str) -> str:
    """A key as the screen names it: `?` for `question_mark`, `^p` for `ctrl+p`, `PgUp` for `pageup`."""
    *modifiers, last = key.split("+")
    told = _WORDS.get(last) or _CHARACTERS.get(last) or (last.upper() if _is_function_key(last) else last)
    return "".join("^" if modifier == "ctrl" else f"{modifier}+" for modifier in modifiers) + told


def _is_function_key(key: str) -> bool:
    return key[:1] == "f" and key[1:].isdecimal()


class Keys(msgspec.Struct, frozen=True):
    """The keys that hold: the trader's own, the default ones where there are none."""

    own: Mapping[str, tuple[str, ...]] = {}
    """Keys in Textual's names by the id of the action that they do."""

    def all(self, action_id: str) -> tuple[str, ...]:
        """Every key of an action, in Textual's names."""
        return self.own.get(action_id, DEFAULT_KEYS[action_id])

    def of(self, action_id: str) -> str:
        """The key of an action as the screen names it; empty where it has none."""
        keys = self.all(action_id)
        return printed(keys[0]) if keys else ""

    def fires(self, key: str, action_id: str) -> bool:
        """Whether that key (in Textual's name) does that action."""
        return key in self.all(action_id)
