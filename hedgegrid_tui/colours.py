"""Colours as numbers: how readable one is on another, and the sixteen that every terminal has."""

import re
from typing import Final

type Rgb = tuple[int, int, int]

WRITTEN: Final = re.compile(r"#[0-9a-f]{6}", re.IGNORECASE)
"""How a theme writes a colour."""

SIXTEEN: Final[dict[str, str]] = {
    "black": "#000000",
    "red": "#aa0000",
    "green": "#00aa00",
    "yellow": "#aa5500",
    "blue": "#0000aa",
    "magenta": "#aa00aa",
    "cyan": "#00aaaa",
    "white": "#aaaaaa",
    "bright-black": "#555555",
    "bright-red": "#ff5555",
    "bright-green": "#55ff55",
    "bright-yellow": "#ffff55",
    "bright-blue": "#5555ff",
    "bright-magenta": "#ff55ff",
    "bright-cyan": "#55ffff",
    "bright-white": "#ffffff",
}
"""The colours of a plain terminal, by number, as Rich knows them: these come out exactly as they are.

What a terminal makes of each is its owner's choice; only the names can be relied on.
"""


def rgb(colour: str) -> Rgb:
    """Red, green and blue of a colour that is written `#rrggbb`."""
    red, green, blue = bytes.fromhex(colour.removeprefix("#"))
    return red, green, blue


def linear(value: int) -> float:
    """Light that a channel of sRGB (0 to 255) gives, 0 to 1 (IEC 61966-2-1)."""
    share = value / 255
    return share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4


def luminance(colour: Rgb) -> float:
    """Relative luminance, 0 to 1 (WCAG 2.2)."""
    red, green, blue = map(linear, colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """Contrast ratio of two colours written `#rrggbb`: 1 (the same) to 21 (black and white); WCAG 2.2 asks for 4.5."""
    darker, lighter = sorted((luminance(rgb(one)), luminance(rgb(other))))
    return (lighter + 0.05) / (darker + 0.05)


def nearest(colour: str, away_from: str | None = None, least: float = 2.5) -> str:
    """Name of the one of the sixteen that looks most like the colour, written `#rrggbb`.

    With a ground to keep away from, only those that can be read on it: by a contrast of at least so much.
    """
    red, green, blue = rgb(colour)

    def distance(name: str) -> float:
        # Cheap and good enough: Compuphase's weighted distance, as Rich matches colours.
        r, g, b = rgb(SIXTEEN[name])
        mean = (red + r) / 2
        return (2 + mean / 256) * (red - r) ** 2 + 4 * (green - g) ** 2 + (2 + (255 - mean) / 256) * (blue - b) ** 2

    free = [name for name in SIXTEEN if away_from is None or contrast(SIXTEEN[name], away_from) >= least]
    return min(free, key=distance)
