"""The trader's own keys: reads `keys.toml`, passes over what cannot hold and says why in plain words."""

import tomllib
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final

import msgspec

from hedgegrid_tui.actions import ACTIONS, Group
from hedgegrid_tui.render.keys import DEFAULT_KEYS, Keys, name_of, printed
from hedgegrid_tui.settings import read_own

TABLE: Final = "keys"
RESERVED: Final = {
    "ctrl+c": "always asks to leave",
    "ctrl+q": "always asks to leave",
    "ctrl+z": "would stop the whole process in many shells, the engine with it",
    "escape": "always leads back",
    "enter": "never acts, so that it can be no yes",
    "backspace": "mends what is typed",
}
"""Keys that no line of the file can have, each with its reason."""
SAME_AS: Final = {"ctrl+m": "enter", "ctrl+j": "enter", "ctrl+i": "tab", "ctrl+h": "backspace"}
"""Keys that a terminal does not tell from another."""
ANSWERS: Final = frozenset("nyaLSlcf01257reset")
"""Characters that answer a dialog, where `pause` works too: they cannot be its key."""
NAMED: Final = frozenset(
    "up down left right pageup pagedown home end insert delete space tab".split()  # noqa: SIM905 - reads better
) | {f"f{number}" for number in range(1, 25)}
MODIFIERS: Final = ("ctrl", "alt", "shift")


class Keymap(msgspec.Struct, frozen=True):
    """The keys that hold and what is to be said about the others."""

    keys: Keys = Keys()
    complaints: tuple[str, ...] = ()
    """One sentence for each line that was passed over."""

    @property
    def textual(self) -> dict[str, str]:
        """For Textual's `App.set_keymap`: keys, separated by commas, by the id of the binding."""
        return {action_id: ",".join(keys) for action_id, keys in self.keys.own.items()}


class _RefusedError(ValueError):
    """Why a line cannot hold."""


def load(path: Path) -> Keymap:
    """Read the table `[keys]` of a file, such as `pause = "space"` or `zoom = ["z", "f11"]`.

    Never raises: a missing file gives the default keys, and so does one that cannot be read, which is complained about.
    """
    try:
        table = _table(path)
    except FileNotFoundError:
        return Keymap()
    except OSError as error:
        return Keymap(complaints=(f"{path}: cannot be read: {error.strerror or error}; the default keys hold",))
    except UnicodeDecodeError as error:
        return Keymap(complaints=(f"{path}: byte {error.start} is no UTF-8; the default keys hold",))
    except tomllib.TOMLDecodeError as error:
        return Keymap(complaints=(f"{path}: {_where(error)}; the default keys hold",))
    except RecursionError:
        return Keymap(complaints=(f"{path}: nested too deep; the default keys hold",))
    except _RefusedError as error:
        return Keymap(complaints=(f"{path}: {error}",))
    except ValueError:  # all that is left of what Python makes of numbers
        return Keymap(complaints=(f"{path}: a number of too many digits; the default keys hold",))
    return parse(table, str(path))


def parse(table: Mapping[str, Any], source: str) -> Keymap:
    """Take each line that can hold; `source` names the file in complaints."""
    own: dict[str, tuple[str, ...]] = {}
    complaints: list[str] = []
    for action_id, value in table.items():
        try:
            own[action_id] = _line(action_id, value)
        except _RefusedError as error:
            complaints.append(f"{source}: {error}; {_what_holds(action_id)}")
    while clash := _clash(own):
        loser, words = clash
        del own[loser]
        complaints.append(f"{source}: {words}; {_what_holds(loser)}")
    return Keymap(Keys(own), tuple(complaints))


def _table(path: Path) -> Mapping[str, Any]:
    data = tomllib.loads(read_own(path).decode())
    stray = [name for name in data if name != TABLE]
    table = data.get(TABLE, {})
    if not isinstance(table, dict):
        raise _RefusedError(f"{TABLE} must be a table, [{TABLE}]; the default keys hold")
    if stray:
        raise _RefusedError(f"{', '.join(stray)}: only the table [{TABLE}] is read; the default keys hold")
    return table


def _where(error: tomllib.TOMLDecodeError) -> str:
    """Line and column before what is wrong there."""
    text = str(error)
    words, found, place = text.rpartition(" (at ")
    return f"{place.removesuffix(')')}: {words}" if found else text


def _line(action_id: str, value: object) -> tuple[str, ...]:
    if action_id not in ACTIONS:
        near = get_close_matches(action_id, ACTIONS, n=1, cutoff=0.4)
        raise _RefusedError(f"{action_id} is no action" + (f"; did you mean {near[0]}?" if near else ""))
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list) or not texts or not all(isinstance(text, str) for text in texts):
        raise _RefusedError(f'{action_id} = {value!r}: must be a key such as "f5", or a list of keys')
    keys = tuple(dict.fromkeys(_key(action_id, text) for text in texts))
    if action_id == "quit":
        keys += tuple(key for key in DEFAULT_KEYS["quit"] if key in RESERVED and key not in keys)
    return keys


def _key(action_id: str, text: str) -> str:
    """The key in Textual's name."""
    key = _canonical(text)
    told = f"{action_id} = {text!r}"
    if key is None:
        raise _RefusedError(f"{told}: no such key{_nearest(text)}")
    same = SAME_AS.get(key, key)
    if same in RESERVED and key not in DEFAULT_KEYS[action_id]:
        means = f", which some terminals do not tell from {printed(same)}," if same != key else ""
        raise _RefusedError(f"{told}: {printed(key)}{means} {RESERVED[same]}")
    if action_id == "pause" and (key in ANSWERS or key.isdecimal()):
        raise _RefusedError(f"{told}: pause works over dialogs too, and {key} answers some of them")
    return same


def _canonical(text: str) -> str | None:
    """Textual's name of a key, None for what is none: `question_mark` for `?`, `ctrl+p` for `Ctrl+P` or `^p`."""
    modifiers, last = _parts(text if text == " " else text.strip())
    unknown = set(modifiers) - set(MODIFIERS)
    if unknown or len(set(modifiers)) < len(modifiers):
        return None
    key = _single(last.lower() if modifiers else last)
    if key is not None and modifiers == ["shift"] and len(key) == 1:
        return key.upper() if key.isalpha() else None
    return None if key is None else "+".join((*(name for name in MODIFIERS if name in modifiers), key))


def _parts(text: str) -> tuple[list[str], str]:
    """Modifiers and the key itself, which may be a plus."""
    if len(text) == 2 and text.startswith("^"):
        return ["ctrl"], text[1:]
    head, _, last = text.rpartition("+")
    if not last:
        head, last = head.removesuffix("+"), "+" if text else ""
    return [name.strip().lower() for name in head.split("+")] if head else [], last.strip() or last


_BY_NAME: Final = frozenset(name_of(character) for character in "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~")
_OTHER_NAMES: Final = {
    "esc": "escape",
    "return": "enter",
    "pgup": "pageup",
    "page_up": "pageup",
    "pgdn": "pagedown",
    "page_down": "pagedown",
    "del": "delete",
    "ins": "insert",
    "question": "question_mark",
    "dot": "full_stop",
    "period": "full_stop",
}


def _single(text: str) -> str | None:
    if len(text) == 1:
        return "space" if text == " " else name_of(text) if text.isprintable() else None
    name = text.lower()
    name = _OTHER_NAMES.get(name, name)
    return name if name in NAMED or name in _BY_NAME or name in RESERVED else None


def _nearest(text: str) -> str:
    known = [*NAMED, *_BY_NAME, *_OTHER_NAMES, "escape", "enter"]
    near = get_close_matches(text.lower().rpartition("+")[2], known, n=1)
    return f"; did you mean {near[0]}?" if near else ""


def _what_holds(action_id: str) -> str:
    if action_id not in ACTIONS:
        return "the line is passed over"
    keys = ", ".join(printed(key) for key in DEFAULT_KEYS[action_id])
    return f"{action_id} keeps {keys}" if keys else f"{action_id} keeps no key"


def _clash(own: Mapping[str, tuple[str, ...]]) -> tuple[str, str] | None:
    """The line that has to go because its key does something else too, and why; the file's later line goes first."""
    present, holders = Keys(own), dict[str, str]()
    order = [*(action_id for action_id in ACTIONS if action_id not in own), *own]
    for action_id in order:
        for key in present.all(action_id):
            if key in holders:
                first = holders[key]
                mine = "" if first in own else " (by default)"
                return action_id, f"{printed(key)} is the key of both {first}{mine} and {action_id}"
            holders[key] = action_id
    return None


def table(keys: Keys | None = None) -> str:
    """Every action with its keys as a table in Markdown, acts first."""
    present = keys or Keys()
    lines = ["| key | id | does | how |", "| --- | --- | --- | --- |"]
    for action in sorted(ACTIONS.values(), key=lambda action: list(Group).index(action.group)):
        names = " ".join(f"`{printed(key).replace('^', 'ctrl+')}`" for key in present.all(action.id)) or "palette"
        how = f" {action.danger} " if action.group is Group.ACT else " "
        lines.append(f"| {names} | `{action.id}` | {action.help} |{how}|")
    return "\n".join(lines)
