"""How different two colours look: to an eye that sees all of them, and to one without red or green."""

import math
from typing import Final

from hedgegrid_tui.colours import linear, rgb

type Vector = tuple[float, float, float]
type Matrix = tuple[Vector, Vector, Vector]

# Viénot, Brettel and Mollon, "Digital video colourmaps for checking the legibility of displays by dichromats",
# Color Research and Application 24 (1999) 243-252; with the primaries of sRGB, on linear light.
DICHROMATS: Final[dict[str, Matrix]] = {
    "protanopia": ((0.11238, 0.88762, 0.0), (0.11238, 0.88762, 0.0), (0.00401, -0.00401, 1.0)),
    "deuteranopia": ((0.29275, 0.70725, 0.0), (0.29275, 0.70725, 0.0), (-0.02234, 0.02234, 1.0)),
}
TO_XYZ: Final[Matrix] = (
    (0.4124564, 0.3575761, 0.1804375),
    (0.2126729, 0.7151522, 0.0721750),
    (0.0193339, 0.1191920, 0.9503041),
)
"""Linear sRGB to CIE XYZ under D65."""
WHITE: Final[Vector] = (0.95047, 1.0, 1.08883)


def difference(one: str, other: str, eye: str = "") -> float:
    """CIEDE2000 between two colours written `#rrggbb`, seen by an eye with that kind of dichromacy, if any is named."""
    return ciede2000(lab(one, eye), lab(other, eye))


def lab(colour: str, eye: str = "") -> Vector:
    """CIE L*a*b* of a colour."""
    red, green, blue = map(linear, rgb(colour))
    light = (red, green, blue)
    if eye:
        red, green, blue = (min(1.0, max(0.0, part)) for part in _times(DICHROMATS[eye], light))
        light = (red, green, blue)
    x, y, z = (_root(part / white) for part, white in zip(_times(TO_XYZ, light), WHITE, strict=True))
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


def ciede2000(one: Vector, other: Vector) -> float:
    """Difference of two colours in L*a*b*; Sharma, Wu and Dalal, Color Research and Application 30 (2005) 21-30."""
    mean = (math.hypot(*one[1:]) + math.hypot(*other[1:])) / 2
    stretch = 1.5 - 0.5 * math.sqrt(mean**7 / (mean**7 + 25**7))
    a1, a2 = one[1] * stretch, other[1] * stretch
    c1, c2 = math.hypot(a1, one[2]), math.hypot(a2, other[2])
    h1, h2 = (math.degrees(math.atan2(b, a)) % 360 for a, b in ((a1, one[2]), (a2, other[2])))
    turn = 0.0 if not c1 * c2 else (h2 - h1 + 180) % 360 - 180
    hue = (h1 + turn / 2) % 360 if c1 * c2 else h1 + h2
    d_light, d_chroma = other[0] - one[0], c2 - c1
    d_hue = 2 * math.sqrt(c1 * c2) * math.sin(math.radians(turn / 2))
    light, chroma = (one[0] + other[0]) / 2, (c1 + c2) / 2
    weight = (
        1
        - 0.17 * math.cos(math.radians(hue - 30))
        + 0.24 * math.cos(math.radians(2 * hue))
        + 0.32 * math.cos(math.radians(3 * hue + 6))
        - 0.20 * math.cos(math.radians(4 * hue - 63))
    )
    by_light = d_light / (1 + 0.015 * (light - 50) ** 2 / math.sqrt(20 + (light - 50) ** 2))
    by_chroma = d_chroma / (1 + 0.045 * chroma)
    by_hue = d_hue / (1 + 0.015 * chroma * weight)
    rotation = (
        -2
        * math.sqrt(chroma**7 / (chroma**7 + 25**7))
        * math.sin(math.radians(60 * math.exp(-(((hue - 275) / 25) ** 2))))
    )
    return math.sqrt(by_light**2 + by_chroma**2 + by_hue**2 + rotation * by_chroma * by_hue)


def _times(matrix: Matrix, vector: Vector) -> Vector:
    first, second, third = (sum(factor * part for factor, part in zip(row, vector, strict=True)) for row in matrix)
    return first, second, third


def _root(share: float) -> float:
    return math.cbrt(share) if share > 216 / 24389 else (24389 / 27 * share + 16) / 116
