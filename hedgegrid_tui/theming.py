"""Themes and style sheets: where they are, and a colour for every role in each of them."""

import tomllib
from functools import cache
from pathlib import Path, PurePath
from typing import Final

from textual.theme import Theme

DEFAULT_THEME: Final = "hedgegrid-dark"


class ThemeError(ValueError):
    """A theme that cannot be used; the text says which and what is known."""


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


@cache
def themes() -> dict[str, Theme]:
    """Every theme by its name."""
    return {theme.name: theme for theme in map(_read, sorted(themes_dir().glob("*.toml")))}


def role_defaults() -> dict[str, str]:
    """A colour for every role, for themes that do not know them."""
    return dict(themes()[DEFAULT_THEME].variables)


def _read(path: Path) -> Theme:
    data = tomllib.loads(path.read_text(encoding="utf-8"))
    return Theme(name=path.stem, dark=data["dark"], variables=data["roles"], **data["base"])
