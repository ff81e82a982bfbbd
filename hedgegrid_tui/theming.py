"""Themes and style sheets: the shipped ones and the trader's own, and what each becomes on a terminal of 16 colours."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePath
from typing import Any, Final

from rich.console import Console
from textual import constants
from textual.theme import Theme

from hedgegrid_tui.palettes import DEFAULT_THEME, Palette, PaletteError, read, sixteen

__all__ = [
    "DEFAULT_THEME",
    "Loaded",
    "ThemeError",
    "load",
    "refusal",
    "role_defaults",
    "style_sheets",
    "terminal_colours",
    "themes_dir",
]

OTHER_WAY_ROUND: Final = ("hedgegrid-asia",)
"""Themes in which the colours of gain and loss are swapped stand last: nobody should meet them in passing."""
FEW_COLOURS: Final = ("standard", "windows")
"""What Rich calls a terminal of 16 colours."""


class ThemeError(ValueError):
    """A theme that cannot be used; the text says which and what is known."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """Themes by name, and what was wrong with those that were passed over."""

    palettes: Mapping[str, Palette]
    complaints: tuple[str, ...] = ()
    """A line for each file that was passed over: the file, the key, the value, the rule."""
    few: bool = False
    """Whether the terminal has 16 colours only."""

    @property
    def names(self) -> tuple[str, ...]:
        """Every theme that can be chosen: the shipped ones, then the trader's own."""
        return tuple(self.palettes)

    @property
    def themes(self) -> dict[str, Theme]:
        """Every theme by its name, in the colours that the terminal has."""
        return {
            name: _theme(palette, sixteen(palette) if self.few else palette.colours)
            for name, palette in self.palettes.items()
        }


def terminal_colours() -> str | None:
    """What Rich makes of the terminal: `standard` (16 colours), `256`, `truecolor`; None where it knows of none.

    Raises:
        ThemeError: `TEXTUAL_COLOR_SYSTEM` names nothing that there is.
    """
    try:
        return Console(color_system=constants.COLOR_SYSTEM, force_terminal=True).color_system  # type: ignore[arg-type]
    except KeyError as error:
        given = constants.COLOR_SYSTEM
        raise ThemeError(f"TEXTUAL_COLOR_SYSTEM={given}: must be auto, standard, 256 or truecolor") from error


def themes_dir() -> Path:
    """The folder of themes and style sheets: inside an installed package, else beside it in a checkout.

    Raises:
        ThemeError: There is none; the installation is broken.
    """
    package = Path(__file__).resolve().parent
    for folder in (package / "themes", package.parent / "themes"):
        if (folder / f"{DEFAULT_THEME}.toml").is_file():
            return folder
    raise ThemeError(f"no themes beside {package}: the installation is incomplete; install hedgegrid again")


def style_sheets() -> list[str | PurePath]:
    """Every style sheet, in the order of their names."""
    return [*sorted(themes_dir().glob("*.tcss"))]


def load(user_dir: Path | None = None, color_system: str | None = None) -> Loaded:
    """The shipped themes and those in the folder, which need not exist; a broken one there is passed over, and told.

    With what `terminal_colours` gave they are fitted to the terminal; else they have all of their colours.

    Raises:
        ThemeError: A shipped theme is broken.
    """
    shipped = _shipped()
    own: dict[str, Palette] = {}
    complaints: list[str] = []
    for path in _files(user_dir, complaints):
        try:
            own[path.stem] = read(path, shipped)
        except PaletteError as error:
            complaints.append(f"{path}: {error}; this theme is passed over")
    return Loaded({**shipped, **own}, tuple(complaints), color_system in FEW_COLOURS)


def role_defaults() -> dict[str, str]:
    """A colour for every role, for themes that do not know them."""
    return dict(_shipped()[DEFAULT_THEME].roles)


def refusal(name: str, loaded: Loaded) -> str | None:
    """Why the theme cannot be chosen, None if it can."""
    if name in loaded.palettes:
        return None
    passed_over = next((line for line in loaded.complaints if f"/{name}.toml: " in line), "")
    return passed_over or f"unknown; known: {', '.join(loaded.names)}"


@cache
def _shipped() -> dict[str, Palette]:
    found: dict[str, Palette] = {}
    try:
        for path in sorted(themes_dir().glob("*.toml")):
            found[path.stem] = read(path, {})
    except PaletteError as error:
        raise ThemeError(f"{path}: {error}; install hedgegrid again") from error
    return {name: found[name] for name in sorted(found, key=_place)}


def _place(name: str) -> tuple[bool, bool, str]:
    return name in OTHER_WAY_ROUND, name != DEFAULT_THEME, name


def _files(folder: Path | None, complaints: list[str]) -> list[Path]:
    if folder is None:
        return []
    try:
        return sorted(path for path in folder.iterdir() if path.suffix == ".toml")
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        complaints.append(f"{folder}: {error.strerror}; no theme is read from it")
        return []


def _theme(palette: Palette, colours: Mapping[str, str]) -> Theme:
    base: dict[str, Any] = {key: colours[key] for key in palette.base}
    roles = {role: colours[role] for role in palette.roles}
    return Theme(name=palette.name, dark=palette.dark, variables=roles, **base)
