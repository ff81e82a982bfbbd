"""Themes: found, complete, and exact on a terminal of 256 colours."""

import re
import tomllib
from pathlib import Path

import pytest
from rich.color import Color, ColorSystem
from rich.color_triplet import ColorTriplet

from hedgegrid_tui import theming
from hedgegrid_tui.render.rows import Ink
from tests.hedgegrid_tui.fakes import FakeEngine, cockpit

FILES = sorted(theming.themes_dir().glob("*.toml"))


def colours(path: Path) -> dict[str, str]:
    data = tomllib.loads(path.read_text(encoding="utf-8"))
    return {**data["base"], **data["roles"]}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_colour_survives_a_terminal_of_256_colours(path: Path) -> None:
    for name, value in colours(path).items():
        shown = Color.parse(value).downgrade(ColorSystem.EIGHT_BIT).get_truecolor()
        # Rich takes light greys one step darker; every other colour of the 256 comes out as it is.
        step = 10 if value[1:3] == value[3:5] == value[5:7] else 0
        chosen = ColorTriplet(*bytes.fromhex(value[1:]))
        assert max(abs(was - now) for was, now in zip(chosen, shown, strict=True)) <= step, name


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_theme_has_a_colour_for_every_role(path: Path) -> None:
    roles = set(tomllib.loads(path.read_text(encoding="utf-8"))["roles"])
    assert roles == set(theming.role_defaults())
    assert set(Ink) <= roles


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_theme_of_greys_holds_greys_only(path: Path) -> None:
    grey = all(value[1:3] == value[3:5] == value[5:7] for value in colours(path).values())
    assert grey == (path.stem == "hedgegrid-mono")


def test_every_ink_has_a_rule() -> None:
    rules = (theming.themes_dir() / "inks.tcss").read_text(encoding="utf-8")
    assert set(re.findall(r"^\.ink--([a-z-]+)", rules, re.MULTILINE)) == set(Ink)


def test_an_unknown_theme_is_refused_by_name() -> None:
    with pytest.raises(theming.ThemeError, match=r"'solarised' is not known; known: hedgegrid-dark, hedgegrid-light"):
        cockpit(FakeEngine(), theme="solarised")


async def test_the_cockpit_paints_in_every_theme_even_one_that_knows_no_roles() -> None:
    for theme in (*theming.themes(), "nord"):
        app = cockpit(theme=theme)
        async with app.run_test(size=(80, 24)):
            app.draw()
            assert app.faults == 0


def test_an_installed_package_finds_its_themes_beside_its_modules(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "site-packages" / "hedgegrid_tui"
    (package / "themes").mkdir(parents=True)
    (package / "themes" / "hedgegrid-dark.toml").touch()
    monkeypatch.setattr(theming, "__file__", str(package / "theming.py"))
    assert theming.themes_dir() == package / "themes"
    (package / "themes" / "hedgegrid-dark.toml").unlink()
    with pytest.raises(theming.ThemeError, match="installation is incomplete"):
        theming.themes_dir()
