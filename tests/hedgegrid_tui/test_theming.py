"""Themes: found, complete, and exact on a terminal of 256 colours."""

import os
import re
import tomllib
from pathlib import Path

import pytest
from rich.color import Color, ColorSystem
from rich.color_triplet import ColorTriplet
from textual import constants

from hedgegrid_tui import theming
from hedgegrid_tui.colours import SIXTEEN
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


def test_what_stands_on_a_ground_of_its_own_is_reversed_so_that_it_is_a_bar_without_colours() -> None:
    rules = (theming.themes_dir() / "inks.tcss").read_text(encoding="utf-8")
    grounds = dict(re.findall(r"^\.ink--([a-z-]+) {.*background: \$([a-z-]+);.*}$", rules, re.MULTILINE))
    reversed_ = set(re.findall(r"^\.ink--([a-z-]+) {.*text-style: bold reverse; }$", rules, re.MULTILINE))
    assert reversed_ == {"alarm", *(ink for ink in Ink if ink.startswith("mode-"))} == set(grounds) - {"market"}
    assert grounds["alarm"] == "alarm"


def test_no_ink_is_italic_or_blinks() -> None:
    rules = (theming.themes_dir() / "inks.tcss").read_text(encoding="utf-8")
    styles = {word for style in re.findall(r"text-style: ([a-z ]+);", rules) for word in style.split()}
    assert styles == {"bold", "reverse", "dim", "underline"}


def test_an_unknown_theme_is_refused_by_name() -> None:
    with pytest.raises(theming.ThemeError, match="unknown; known: hedgegrid-dark, hedgegrid-contrast"):
        cockpit(FakeEngine(), theme="solarised")


def test_a_theme_with_swapped_colours_is_the_last_one_met() -> None:
    names = theming.load().names
    assert names[0] == theming.DEFAULT_THEME
    assert names[-1] == "hedgegrid-asia"
    assert len(names) == len(FILES)


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / f"{name}.toml"
    path.write_text(text, encoding="utf-8")
    return path


def complaint(folder: Path, name: str, text: str) -> str:
    """What is said of the one file in the folder; it starts with the path and ends with what becomes of it."""
    path = write(folder, name, text)
    loaded = theming.load(folder)
    assert loaded.names == theming.load().names
    (line,) = loaded.complaints
    path.unlink()
    assert line.startswith(f"{path}: ")
    assert line.endswith("; this theme is passed over")
    return line.removeprefix(f"{path}: ").removesuffix("; this theme is passed over")


def test_a_theme_of_the_trader_s_own_extends_a_shipped_one(tmp_path: Path) -> None:
    write(tmp_path, "night", 'extends = "hedgegrid-dark"\n[roles]\nwarn = "#D7AF5F"\n[base]\nbackground = "#000000"\n')
    loaded = theming.load(tmp_path)
    assert loaded.complaints == ()
    assert loaded.names[-1] == "night"
    night, dark = loaded.themes["night"], loaded.themes["hedgegrid-dark"]
    assert night.variables == {**dark.variables, "warn": "#D7AF5F"}
    assert (night.background, night.panel, night.dark) == ("#000000", dark.panel, True)


def test_a_theme_of_the_trader_s_own_may_be_whole(tmp_path: Path) -> None:
    whole = (theming.themes_dir() / "hedgegrid-light.toml").read_text(encoding="utf-8")
    write(tmp_path, "paper-white", whole)
    loaded = theming.load(tmp_path)
    assert loaded.complaints == ()
    assert loaded.themes["paper-white"].variables == loaded.themes["hedgegrid-light"].variables
    assert loaded.themes["paper-white"].dark is False


def test_on_sixteen_colours_an_own_colour_is_not_that_of_the_theme_it_extends(tmp_path: Path) -> None:
    write(tmp_path, "night", 'extends = "hedgegrid-dark"\n[roles]\nwarn = "#ff5faf"\nkey = "#00d75f"\n')
    write(tmp_path, "named", 'extends = "hedgegrid-dark"\n[roles]\nwarn = "#ff5faf"\n[sixteen]\nwarn = "cyan"\n')
    few = theming.load(tmp_path, "standard").themes
    assert few["night"].variables["warn"] == SIXTEEN["bright-magenta"]
    assert few["night"].variables["key"] == SIXTEEN["bright-green"]
    assert few["night"].variables["ok"] == few["hedgegrid-dark"].variables["ok"]
    assert few["named"].variables["warn"] == SIXTEEN["cyan"]


def test_on_sixteen_colours_a_theme_that_turns_light_keeps_none_of_those_for_the_dark(tmp_path: Path) -> None:
    roles = ("plain", "strong", "muted", "faint", "pnl-up", "pnl-down", "leg-long", "leg-short", "ok", "warn", "stale")
    inks = "".join(
        f'{role} = "#303030"\n' for role in (*roles, "breaker", "key", "frame-title", "hand", "dialog-frame")
    )
    light = '[base]\nbackground = "#ffffff"\npanel = "#ffffff"\n'
    own = f'extends = "hedgegrid-dark"\ndark = false\n{light}[roles]\ndialog = "#ffffff"\n{inks}'
    write(tmp_path, "day", own)
    loaded = theming.load(tmp_path, "standard")
    assert loaded.complaints == ()
    assert loaded.themes["day"].background == SIXTEEN["bright-white"]
    assert loaded.themes["day"].variables["plain"] in (SIXTEEN["black"], SIXTEEN["bright-black"])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[roles\n", r"is no TOML: .*line 1"),
        pytest.param("[" * 20_000, "is no TOML", id="deep"),
        pytest.param(f"n = {'9' * 5000}", "is no TOML", id="long"),
        ('extends = "nord"', "extends = 'nord': must be one of hedgegrid-dark, "),
        ("extends = [1]", r"extends = \[1\]: must be one of hedgegrid-dark, "),
        ('extends = "hedgegrid-dark"\ndark = "yes"', "dark = 'yes': must be true or false"),
        ('extends = "hedgegrid-dark"\nroles = 3', r"roles = 3: must be a table, \[roles\]"),
        ('extends = "hedgegrid-dark"\n[colours]', r"colours: is not known here; allowed are extends, dark, \[base\]"),
        ('extends = "hedgegrid-dark"\n[roles]\npnl_up = "#00ff00"', r"roles.pnl_up: there .*; did you mean pnl-up\?"),
        ('extends = "hedgegrid-dark"\n[base]\nxyz = "#00ff00"', "base.xyz: .*; allowed are primary, secondary"),
        (
            'extends = "hedgegrid-dark"\n[roles]\nwarn = "yellow"',
            "roles.warn = 'yellow': must be a colour as \"#87d7af\"",
        ),
        ('extends = "hedgegrid-dark"\n[roles]\nwarn = 7', "roles.warn = 7: must be a colour"),
        ('extends = "hedgegrid-dark"\n[roles]\nwarn = "#fff"\nok = ""', r"roles.warn = '#fff': .* \(and 1 more\)"),
        (
            'extends = "hedgegrid-dark"\n[sixteen]\nwarn = "#ffffff"',
            "sixteen.warn = '#ffffff': must be one of black, red",
        ),
        ('extends = "hedgegrid-dark"\n[sixteen]\nwarn = []', r"sixteen.warn = \[\]: must be one of black, red"),
        ('[roles]\nwarn = "#ffffff"', r"base: without primary, .*add extends = \"hedgegrid-dark\" at the top"),
        (
            'extends = "hedgegrid-dark"\n[roles]\nalarm = "#d70000"',
            "alarm = #d70000 cannot be read on alarm-ground = #d70000: contrast 1.0, must be at least 2.0",
        ),
    ],
)
def test_a_broken_theme_is_passed_over_with_the_key_the_value_and_the_rule(
    tmp_path: Path, text: str, words: str
) -> None:
    assert re.match(words, complaint(tmp_path, "mine", text))


def test_a_theme_may_not_take_the_name_of_a_shipped_one(tmp_path: Path) -> None:
    told = complaint(tmp_path, "hedgegrid-light", 'extends = "hedgegrid-dark"')
    assert told == "has the name of a shipped theme; give the file another"


def test_a_theme_s_name_can_be_typed(tmp_path: Path) -> None:
    assert complaint(tmp_path, "mine, all", 'extends = "hedgegrid-dark"').startswith("its name must be letters")


def test_a_theme_that_is_no_text_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_bytes(b"\xff\xfe")
    assert "is no text in UTF-8 (byte 0)" in theming.load(tmp_path).complaints[0]


def test_a_theme_of_megabytes_is_passed_over_unread(tmp_path: Path) -> None:
    told = complaint(tmp_path, "mine", "[roles]\n" + "".join(f'a{number} = "#ffffff"\n' for number in range(200_000)))
    assert told == "cannot be read (longer than 65,536 bytes)"


def test_a_theme_that_is_no_file_is_passed_over_unopened(tmp_path: Path) -> None:
    (tmp_path / "folder.toml").mkdir()
    os.mkfifo(tmp_path / "pipe.toml")
    (tmp_path / "stray.toml").symlink_to(tmp_path / "missing")
    told = theming.load(tmp_path).complaints
    assert [line.split(": ", 1)[1] for line in told] == ["is no file; this theme is passed over"] * 3


def test_a_theme_that_may_not_be_read_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Path, mode: str) -> None:
        raise PermissionError(13, "Permission denied")

    theming.load()
    write(tmp_path, "mine", "")
    monkeypatch.setattr(Path, "open", refuse)
    assert "mine.toml: cannot be read (Permission denied)" in theming.load(tmp_path).complaints[0]


def test_one_broken_theme_does_not_cost_the_others(tmp_path: Path) -> None:
    write(tmp_path, "broken", "extends")
    write(tmp_path, "good", 'extends = "hedgegrid-mono"')
    (tmp_path / "notes.txt").write_text("no theme")
    loaded = theming.load(tmp_path)
    assert len(loaded.complaints) == 1
    assert loaded.names[-1] == "good"
    assert theming.refusal("good", loaded) is None
    assert theming.refusal("broken", loaded) == loaded.complaints[0]
    assert theming.refusal("none", loaded) == f"unknown; known: {', '.join(loaded.names)}"


@pytest.mark.parametrize("folder", ["missing", "file"])
def test_no_folder_of_themes_is_no_complaint(tmp_path: Path, folder: str) -> None:
    (tmp_path / "file").touch()
    assert theming.load(tmp_path / folder) == theming.load() == theming.load(None)


def test_a_folder_that_may_not_be_read_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", refuse)
    assert theming.load(tmp_path).complaints == (f"{tmp_path}: Permission denied; no theme is read from it",)


def test_a_broken_shipped_theme_is_an_incomplete_installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, "hedgegrid-dark", 'dark = true\n[base]\nprimary = "blue"\n[roles]\n')
    monkeypatch.setattr(theming, "themes_dir", lambda: tmp_path)
    with pytest.raises(theming.ThemeError, match=r"base.primary = 'blue': .* more\); install hedgegrid again"):
        theming._shipped.__wrapped__()


async def test_a_theme_of_the_trader_s_own_is_painted(tmp_path: Path) -> None:
    write(tmp_path, "night", 'extends = "hedgegrid-dark"\n[base]\nbackground = "#00005f"\n')
    app = cockpit(theme="night", themes=theming.load(tmp_path))
    async with app.run_test(size=(80, 24)):
        app.draw()
        assert app.faults == 0
        assert app.screen.styles.background.hex == "#00005F"


def test_a_colour_system_that_there_is_not_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "COLOR_SYSTEM", "many")
    with pytest.raises(theming.ThemeError, match="TEXTUAL_COLOR_SYSTEM=many: must be auto, standard, 256 or truecolor"):
        theming.terminal_colours()


@pytest.mark.parametrize(
    ("term", "system"), [("xterm", "standard"), ("linux", "standard"), ("xterm-256color", "256"), ("dumb", None)]
)
def test_the_terminal_says_how_many_colours_it_has(
    term: str, system: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", term)
    assert theming.terminal_colours() == system
    assert theming.load(None, system).few == (system == "standard")


@pytest.mark.parametrize("system", ["truecolor", "standard"])
async def test_the_cockpit_paints_in_every_theme_even_one_that_knows_no_roles(system: str) -> None:
    app = cockpit(themes=theming.load(None, system))
    async with app.run_test(size=(80, 24)) as pilot:
        for theme in (*theming.load().names, "nord"):
            app.theme = theme
            await pilot.pause()
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
