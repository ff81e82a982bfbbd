"""Colours: readable on their grounds, different where they mean different things, on terminals with many and few."""

import re
from collections.abc import Callable, Mapping
from itertools import combinations, pairwise, product
from typing import Final

import pytest
from rich.color import Color, ColorSystem
from textual.color import Color as Mixed

from hedgegrid_tui import theming
from hedgegrid_tui.colours import SIXTEEN, contrast, nearest
from hedgegrid_tui.palettes import GROUNDS, MODES, ON_GROUNDS, ROLES, Palette, sixteen
from tests.hedgegrid_tui.colour_vision import DICHROMATS, ciede2000, difference, lab

THEMES: Final = theming.load().palettes
COLOURED: Final = [name for name in THEMES if name != "hedgegrid-mono"]
HIGH: Final = "hedgegrid-contrast"
SAFE: Final = "hedgegrid-safe"
ALIKE: Final = 15.0
"""CIEDE2000 up to which two small words could be taken for each other in passing; 1 is what an eye can just tell."""
APART: Final = 20.0
"""What must never be confused is further apart than this."""
XTERM: Final = dict(
    zip(
        SIXTEEN,
        (
            *("#000000", "#cd0000", "#00cd00", "#cdcd00", "#0000ee", "#cd00cd", "#00cdcd", "#e5e5e5"),
            *("#7f7f7f", "#ff0000", "#00ff00", "#ffff00", "#5c5cff", "#ff00ff", "#00ffff", "#ffffff"),
        ),
        strict=True,
    )
)
"""What xterm makes of the sixteen; `SIXTEEN` itself is what a PC's console and PuTTY make of them."""
OPPOSITES: Final = (
    ("pnl-up", "pnl-down"),
    ("leg-long", "leg-short"),
    ("ok", "warn"),
    ("ok", "alarm-ground"),
    ("warn", "alarm-ground"),
    ("mode-live", "alarm-ground"),
)
FIVE_MODES: Final = tuple(combinations(MODES, 2))


def exact(colour: str) -> str:
    return colour


def in_256(colour: str) -> str:
    """The colour as Rich writes it to a terminal of 256 colours."""
    shown = Color.parse(colour).downgrade(ColorSystem.EIGHT_BIT).get_truecolor()
    return shown.hex


def in_xterm(colour: str) -> str:
    return XTERM[next(name for name, known in SIXTEEN.items() if known == colour)]


def unreadable(colours: Mapping[str, str], least: float, shown: Callable[[str], str] = exact) -> list[str]:
    return [
        f"{ink} on {ground}: {ratio:.1f}"
        for ink, ground in ON_GROUNDS
        if (ratio := contrast(shown(colours[ink]), shown(colours[ground]))) < least
    ]


def confused(colours: Mapping[str, str], pairs: tuple[tuple[str, str], ...], least: float, eye: str = "") -> list[str]:
    return [
        f"{one} and {other}: {apart:.0f}"
        for one, other in pairs
        if (apart := difference(colours[one], colours[other], eye)) < least
    ]


@pytest.mark.parametrize("shown", [exact, in_256], ids=["exact", "256"])
@pytest.mark.parametrize("name", THEMES)
def test_every_ink_can_be_read_on_every_ground_it_stands_on(name: str, shown: Callable[[str], str]) -> None:
    assert unreadable(THEMES[name].colours, 7.0 if name == HIGH else 4.5, shown) == []


@pytest.mark.parametrize("name", THEMES)
def test_every_bar_stands_out_from_the_screen(name: str) -> None:
    colours = THEMES[name].colours
    bars = [bar for bar in ("alarm-ground", *MODES) if contrast(colours[bar], colours["background"]) < 3]
    assert bars == []
    assert contrast(colours["market-ground"], colours["background"]) > 1.35


@pytest.mark.parametrize("name", COLOURED)
def test_what_means_different_things_looks_different(name: str) -> None:
    assert confused(THEMES[name].colours, (*OPPOSITES, *FIVE_MODES), APART) == []


@pytest.mark.parametrize("name", COLOURED)
def test_what_is_stale_looks_neither_current_nor_good_nor_bad(name: str) -> None:
    current = ("plain", "muted", "ok", "warn", "pnl-up", "pnl-down", "breaker", "leg-long", "leg-short")
    assert confused(THEMES[name].colours, tuple(product(("stale",), current)), ALIKE) == []


@pytest.mark.parametrize("eye", DICHROMATS)
def test_the_safe_theme_tells_apart_without_red_or_green(eye: str) -> None:
    colours = THEMES[SAFE].colours
    assert confused(colours, (*OPPOSITES, *FIVE_MODES), ALIKE, eye) == []
    assert confused(colours, (("pnl-up", "pnl-down"), ("leg-long", "leg-short"), ("ok", "warn")), APART, eye) == []
    few = sixteen(THEMES[SAFE])
    assert confused(few, (("pnl-up", "pnl-down"), ("ok", "warn"), ("ok", "alarm-ground")), ALIKE, eye) == []


def test_greys_tell_modes_and_alarms_apart_by_light() -> None:
    colours = THEMES["hedgegrid-mono"].colours
    light = [lab(colours[mode])[0] for mode in MODES]
    assert all(later - earlier > 5 for earlier, later in pairwise(light))
    assert contrast(colours["alarm-ground"], colours["background"]) > contrast(colours["ok"], colours["background"])


def test_gain_and_loss_swap_their_colours_where_red_is_gain_and_nothing_else_does() -> None:
    usual, swapped = THEMES["hedgegrid-dark"].colours, THEMES["hedgegrid-asia"].colours
    assert swapped["pnl-up"] == usual["pnl-down"]
    assert swapped["pnl-down"] == usual["pnl-up"]
    assert {role for role in ROLES if swapped[role] != usual[role]} == {"pnl-up", "pnl-down"}


@pytest.mark.parametrize("shown", [exact, in_xterm], ids=["console", "xterm"])
@pytest.mark.parametrize("name", THEMES)
def test_sixteen_colours_hide_nothing(name: str, shown: Callable[[str], str]) -> None:
    assert unreadable(sixteen(THEMES[name]), 2.8, shown) == []


@pytest.mark.parametrize("name", COLOURED)
def test_sixteen_colours_keep_apart_what_must_be(name: str) -> None:
    few = sixteen(THEMES[name])
    assert [pair for pair in (*OPPOSITES, *FIVE_MODES) if few[pair[0]] == few[pair[1]]] == []


@pytest.mark.parametrize("name", THEMES)
def test_sixteen_colours_hide_nothing_behind_a_dialog(name: str) -> None:
    rules = (theming.themes_dir() / "dialogs.tcss").read_text(encoding="utf-8")
    veil = re.search(r"ModalScreen {.* background: \$background (\d+)%", rules)
    assert veil
    few = sixteen(THEMES[name])

    def veiled(colour: str) -> str:
        mixed = Mixed.parse(colour).blend(Mixed.parse(few["background"]), int(veil[1]) / 100)
        return Color.parse(mixed.hex6).downgrade(ColorSystem.STANDARD).get_truecolor().hex

    assert unreadable({key: veiled(colour) for key, colour in few.items()}, 1.8) == []


@pytest.mark.parametrize("name", THEMES)
def test_a_shipped_theme_chooses_each_of_its_sixteen_itself(name: str) -> None:
    palette = THEMES[name]
    assert sixteen(palette) == {key: SIXTEEN[palette.few[key]] for key in palette.colours}


def test_the_sixteen_come_out_as_the_colours_that_were_named() -> None:
    numbers = [Color.parse(colour).downgrade(ColorSystem.STANDARD).number for colour in SIXTEEN.values()]
    assert numbers == list(range(16))


@pytest.mark.parametrize("name", THEMES)
def test_what_names_no_sixteen_gets_such_as_can_be_read(name: str) -> None:
    palette = THEMES[name]
    few = sixteen(Palette(palette.name, palette.dark, palette.base, palette.roles, {}))
    assert unreadable(few, 2.5) == []
    assert {few[ground] for ground in GROUNDS} == {SIXTEEN["black" if palette.dark else "bright-white"]}


def test_the_nearest_of_the_sixteen_keeps_away_from_its_ground() -> None:
    assert nearest("#ff6060") == "bright-red"
    assert nearest("#1c1c1c") == "black"
    assert contrast(SIXTEEN[nearest("#1c1c1c", away_from="#000000")], "#000000") >= 2.5


@pytest.mark.parametrize(
    ("one", "other", "apart"),
    [
        ((50, 2.6772, -79.7751), (50, 0, -82.7485), 2.0425),
        ((50, -1, 2), (50, 0, 0), 2.3669),
        ((50, 2.49, -0.001), (50, -2.49, 0.0011), 7.2195),
        ((50, 2.5, 0), (73, 25, -18), 27.1492),
        ((2.0776, 0.0795, -1.135), (0.9033, -0.0636, -0.5514), 0.9082),
    ],
)
def test_the_difference_of_colours_is_that_of_its_authors(
    one: tuple[float, float, float], other: tuple[float, float, float], apart: float
) -> None:
    assert ciede2000(one, other) == pytest.approx(apart, abs=1e-4)


@pytest.mark.parametrize("eye", DICHROMATS)
def test_a_dichromat_confuses_red_and_green_and_sees_greys_and_blue(eye: str) -> None:
    assert difference("#d78700", "#87af00") > ALIKE > difference("#d78700", "#87af00", eye)
    assert difference("#808080", "#808080", eye) == 0
    assert lab("#808080", eye) == pytest.approx(lab("#808080"), abs=0.05)
    assert difference("#5fafff", "#ff8700", eye) > APART


def test_contrast_is_that_of_the_guideline() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)
    assert contrast("#123456", "#123456") == 1
