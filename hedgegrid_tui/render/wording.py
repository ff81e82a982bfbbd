"""Sentences that name keys: `{pause}` in a text stands for the key that the trader has for that action."""

import re
from typing import Final

from hedgegrid_tui.render.keys import Keys

_PLACE: Final = re.compile(r"\{([a-z-]+)\}")


def with_keys(text: str, keys: Keys) -> str:
    """The text with each action's key in its place; an action without one is named as the palette has it."""
    return _PLACE.sub(lambda place: keys.of(place[1]) or f"the palette's {place[1]}", text)
