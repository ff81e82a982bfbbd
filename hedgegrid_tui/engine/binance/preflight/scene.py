"""What a check looks at: the configuration, the mode, the journal's word and the venue's answers."""

from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property

from hedgegrid_tui.engine.binance.preflight.answers import Answers, Topic
from hedgegrid_tui.engine.binance.rest.rows import MalformedError, Row, row_of
from hedgegrid_tui.engine.binance.rest.truth import Filters, SymbolSettings, VenueAccount, filters_of
from hedgegrid_tui.engine.plan import Mode
from strategy.config import Config
from strategy.domain import Ladder, Leg
from strategy.exposure import Caps, ramp_share
from strategy.ladder import build_ladder
from strategy.past import Past


@dataclass(frozen=True)
class Scene:
    """Everything that findings are made of; answers that failed raise where they are looked at."""

    config: Config
    mode: Mode
    past: Past | None
    """None where there is no journal."""
    answers: Answers
    now: int
    """Ns since the epoch."""

    @property
    def symbol(self) -> str:
        """What is to be traded."""
        return self.config.instrument.symbol

    @property
    def is_listed(self) -> bool:
        """Whether the venue has the instrument."""
        path = "/fapi/v1/exchangeInfo"
        rows = row_of(path, self.answers[Topic.INFO]).rows("symbols")
        return any(row.text("symbol") == self.symbol for row in rows)

    @cached_property
    def filters(self) -> Filters:
        """What the venue demands of its orders.

        Raises:
            RestError: That is not known.
        """
        return filters_of(self.answers[Topic.INFO], self.symbol)

    @property
    def account(self) -> VenueAccount:
        """Balance and permissions."""
        account: VenueAccount = self.answers[Topic.ACCOUNT]
        return account

    @property
    def settings(self) -> SymbolSettings:
        """Margin type and leverage as the venue has them."""
        settings: SymbolSettings = self.answers[Topic.SYMBOL]
        return settings

    @cached_property
    def mark(self) -> Decimal:
        """The mark price.

        Raises:
            RestError: There is none.
        """
        premium = self.premium
        mark = premium.above_zero("markPrice")
        if mark is None:
            raise MalformedError(premium.path, "there is no mark price")
        return mark

    @property
    def premium(self) -> Row:
        """Mark price and funding."""
        premium: Row = self.answers[Topic.PREMIUM]
        return premium

    @cached_property
    def ladder(self) -> Ladder:
        """The ladders as they would stand around the mark price."""
        return build_ladder(self.mark, self.config.grid, self.config.instrument.spec())

    @cached_property
    def caps(self) -> Caps:
        """The limits as the roll-out ramp leaves them today."""
        first = self.past.first_ns if self.past is not None and self.past.first_ns else self.now
        return Caps.of(self.config, ramp_share(self.config.ramp, first, self.now))

    @cached_property
    def worst(self) -> Decimal:
        """Value of both legs once every rung has filled, as far as the notional limits let them, quote."""
        sides = [sum((rung.price * rung.qty for rung in self.ladder.side(leg)), Decimal(0)) for leg in Leg]
        return _capped(sum((_capped(side, self.caps.leg) for side in sides), Decimal(0)), self.caps.gross)


def _capped(value: Decimal, cap: Decimal) -> Decimal:
    return min(value, cap) if cap else value
