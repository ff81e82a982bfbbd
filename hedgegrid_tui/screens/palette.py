"""The palette: every action of the registry by its name, with its help or why it cannot be used now."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple, override

from rich.markup import escape
from textual.command import CommandPalette, DiscoveryHit, Hit, Hits, Provider, SearchIcon

from hedgegrid_tui.actions import ACTIONS
from hedgegrid_tui.render.frame import Frame


class Offer(NamedTuple):
    """One line of the palette."""

    name: str
    words: str
    act: Callable[[], object]


class Palette(CommandPalette):
    """Textual's command palette over the registry alone; `act` takes the id of what was chosen."""

    DEFAULT_CSS = """
    Palette > Vertical { margin-top: 1; }
    Palette SearchIcon { color: $muted; }
    """

    def __init__(self, frame: Frame, act: Callable[[str], object]) -> None:
        super().__init__(providers=[Offers], placeholder="an action, such as flatten")
        self._frame = frame
        self._act = act

    def on_mount(self) -> None:
        """A glyph that is one cell wide everywhere."""
        self.query_one(SearchIcon).icon = "►"

    def show(self, frame: Frame) -> list[Exception]:
        """Know what is refused by now."""
        self._frame = frame
        return []

    def offers(self) -> Iterator[Offer]:
        """Every action; one that is refused is offered too, and says why when it is chosen."""
        for action in ACTIONS.values():
            if action.id != "palette":
                refused = action.allowed(self._frame)
                key = self._frame.keys.of(action.id)
                name = f"{action.id}  ({key})" if key else action.id
                yield Offer(name, f"not now: {refused}" if refused else action.help, partial(self._act, action.id))


class Offers(Provider):
    """Matches what is typed against names and help."""

    @override
    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for offer in self._offers():
            score = max(matcher.match(offer.name), matcher.match(offer.words) / 2)
            if score > 0:
                yield Hit(score, matcher.highlight(offer.name), offer.act, text=offer.name, help=escape(offer.words))

    @override
    async def discover(self) -> Hits:
        for offer in self._offers():
            yield DiscoveryHit(escape(offer.name), offer.act, text=offer.name, help=escape(offer.words))

    def _offers(self) -> list[Offer]:
        palette = self.app.screen
        return list(palette.offers()) if isinstance(palette, Palette) else []
