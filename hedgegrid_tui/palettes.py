"""A theme's file: read, inherited, checked, and brought down to the sixteen colours of a plain terminal."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from hedgegrid_tui.colours import SIXTEEN, WRITTEN, contrast, nearest
from hedgegrid_tui.settings import read_own

DEFAULT_THEME: Final = "hedgegrid-dark"
BASE: Final = (
    "primary",
    "secondary",
    "accent",
    "warning",
    "error",
    "success",
    "foreground",
    "background",
    "surface",
    "panel",
)
"""Colours that Textual itself wants."""
INKS: Final = (
    "plain",
    "strong",
    "muted",
    "faint",
    "pnl-up",
    "pnl-down",
    "leg-long",
    "leg-short",
    "ok",
    "warn",
    "stale",
    "breaker",
    "key",
    "frame-title",
    "hand",
    "dialog-frame",
)
"""Roles that stand on any ground of the screen."""
GROUNDS: Final = ("background", "panel", "dialog")
PLAIN_GROUNDS: Final = (*GROUNDS, "surface")
MODES: Final = ("mode-sim", "mode-replay", "mode-paper", "mode-testnet", "mode-live")
ON_GROUNDS: Final[tuple[tuple[str, str], ...]] = (
    *((ink, ground) for ink in INKS for ground in GROUNDS),
    ("market", "market-ground"),
    ("alarm", "alarm-ground"),
    *(("badge", mode) for mode in MODES),
)
"""Every ink with every ground that it is read on."""
ROLES: Final = (*INKS, "market", "market-ground", "alarm", "alarm-ground", "badge", *MODES, "frame", "dialog")
LEAST_CONTRAST: Final = 2.0
"""What a trader's own theme may not go below: words there would be missed. The shipped ones keep 4.5."""
NAMES: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


class PaletteError(ValueError):
    """A theme's file that cannot be used: the key, the value, the rule."""


@dataclass(frozen=True, slots=True)
class Palette:
    """A theme's colours as its file has them."""

    name: str
    dark: bool
    base: Mapping[str, str]
    """`#rrggbb` by `BASE`."""
    roles: Mapping[str, str]
    """`#rrggbb` by `ROLES`."""
    few: Mapping[str, str]
    """Names of the sixteen by either, for a terminal that has no more; those left out are found by themselves."""

    @property
    def colours(self) -> dict[str, str]:
        """Base and roles together."""
        return {**self.base, **self.roles}


def read(path: Path, known: Mapping[str, Palette]) -> Palette:
    """The theme in the file, named after it; it may extend one of those known and may not take the name of one.

    Raises:
        PaletteError: It cannot be read, or something in it is not allowed.
    """
    if path.stem in known:
        raise PaletteError("has the name of a shipped theme; give the file another")
    if not NAMES.fullmatch(path.stem):
        raise PaletteError("its name must be letters, digits, `-`, `_` and `.`")
    if not path.is_file():
        raise PaletteError("is no file")
    try:
        data = tomllib.loads(read_own(path).decode())
    except OSError as error:
        raise PaletteError(f"cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise PaletteError(f"is no text in UTF-8 (byte {error.start})") from error
    except (ValueError, RecursionError) as error:  # what is no TOML, and what is too long or too deep for it
        raise PaletteError(f"is no TOML: {error}") from error
    _refuse(_shape(data, known))
    palette = _built(path.stem, data, known.get(data.get("extends", "")))
    if known:
        _refuse(_unreadable(palette))
    return palette


def sixteen(palette: Palette) -> dict[str, str]:
    """Base and roles in the sixteen colours; what the file does not name is the nearest one that can be read."""
    plain_ground = "black" if palette.dark else "bright-white"
    inks = {ink: ground for ink, ground in ON_GROUNDS if ground not in GROUNDS} | dict.fromkeys(INKS, "background")
    found: dict[str, str] = {}
    for key, colour in sorted(palette.colours.items(), key=lambda item: item[0] in inks):
        ground = found[inks[key]] if key in inks else None
        chosen = palette.few.get(key, plain_ground if key in PLAIN_GROUNDS else "")
        if not chosen or (ground and contrast(SIXTEEN[chosen], ground) < LEAST_CONTRAST):
            chosen = nearest(colour, away_from=ground)
        found[key] = SIXTEEN[chosen]
    return found


def _shape(data: Mapping[str, Any], known: Mapping[str, Palette]) -> Iterator[str]:
    for key in sorted(data.keys() - {"extends", "dark", "base", "roles", "sixteen"}):
        yield f"{key}: is not known here; allowed are extends, dark, [base], [roles] and [sixteen]"
    if "extends" in data and data["extends"] not in tuple(known):
        yield f"extends = {data['extends']!r}: must be one of {', '.join(known) or 'none: a shipped theme is whole'}"
    elif not isinstance(data.get("dark", True), bool):
        yield f"dark = {data['dark']!r}: must be true or false"
    for table, keys in (("base", BASE), ("roles", ROLES), ("sixteen", (*BASE, *ROLES))):
        given = data.get(table, {})
        if not isinstance(given, dict):
            yield f"{table} = {given!r}: must be a table, [{table}]"
            continue
        for key, value in given.items():
            if key not in keys:
                yield f"{table}.{key}: there is no such colour{_hint(key, keys)}"
            elif table == "sixteen" and value not in tuple(SIXTEEN):
                yield f"sixteen.{key} = {value!r}: must be one of {', '.join(SIXTEEN)}"
            elif table != "sixteen" and not (isinstance(value, str) and WRITTEN.fullmatch(value)):
                yield f'{table}.{key} = {value!r}: must be a colour as "#87d7af"'
        missing = [key for key in keys if key not in given]
        if missing and table != "sixteen" and "extends" not in data:
            yield f'{table}: without {", ".join(missing)}; give them, or add extends = "{DEFAULT_THEME}" at the top'


def _built(name: str, data: Mapping[str, Any], parent: Palette | None) -> Palette:
    base, roles, few = (data.get(table, {}) for table in ("base", "roles", "sixteen"))
    if parent is None:
        return Palette(name, data.get("dark", True), base, roles, few)
    # What the file colours anew would not be the same colour any more in the sixteen of its parent.
    dark = data.get("dark", parent.dark)
    same = dark == parent.dark
    kept = {key: value for key, value in parent.few.items() if same and key not in base and key not in roles}
    return Palette(name, dark, {**parent.base, **base}, {**parent.roles, **roles}, {**kept, **few})


def _unreadable(palette: Palette) -> Iterator[str]:
    colours = palette.colours
    for ink, ground in ON_GROUNDS:
        ratio = contrast(colours[ink], colours[ground])
        if ratio < LEAST_CONTRAST:
            yield (
                f"{ink} = {colours[ink]} cannot be read on {ground} = {colours[ground]}: "
                f"contrast {ratio:.1f}, must be at least {LEAST_CONTRAST}"
            )


def _refuse(problems: Iterator[str]) -> None:
    found = list(problems)
    if found:
        more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
        raise PaletteError(f"{found[0]}{more}")


def _hint(key: str, keys: tuple[str, ...]) -> str:
    from difflib import get_close_matches

    near = get_close_matches(key, keys, n=1)
    return f"; did you mean {near[0]}?" if near else f"; allowed are {', '.join(keys)}"
