"""The entry side: the ladder around its centre, what regime, throttle and funding leave of it, and its rungs' tries."""

from collections.abc import Mapping
from decimal import Decimal

from strategy.config import Config
from strategy.domain import ZERO, DesiredOrder, InstrumentSpec, Ladder, Leg, Lot, Market, OrderKey, Reason, Rung
from strategy.funding import FundingView
from strategy.ladder import build_ladder, needs_recentre
from strategy.order_index import OrderIndex
from strategy.placement import desired_entry, entry_key
from strategy.reconcile import EntryPlan, Verdict, reconcile_entries
from strategy.regime import RegimeReading
from strategy.shape import Shape, shape


class Ladders:
    """Which entries should rest now; rebuilt only when centre, regime, throttle or funding change."""

    def __init__(self, config: Config, spec: InstrumentSpec) -> None:
        self.ladder: Ladder | None = None
        self.shape: Shape | None = None
        self.gaps: dict[OrderKey, Reason] = {}
        """Why rungs have no entry, as of the latest plan."""
        self.throttle = config.placement.throttle
        self.reading = RegimeReading(needed=0)
        self.funding = FundingView()
        self._config = config
        self._spec = spec
        self._refused: dict[OrderKey, int] = {}
        """Per rung the tries that would have taken, in a row."""

    @property
    def step(self) -> Decimal:
        """Distance between rungs, quote; 0 before the first ladder."""
        return ZERO if self.ladder is None else self.ladder.step

    def centre_on(self, centre: Decimal) -> Ladder:
        """Build both sides around a centre."""
        self.ladder = build_ladder(centre, self._config.grid, self._spec)
        self._refused.clear()
        self._reshape()
        return self.ladder

    def needs_recentre(self, market: Market) -> bool:
        """Whether there is no ladder yet, or the market has left it."""
        return self.ladder is None or needs_recentre(self.ladder, market, self._config.grid)

    def set_throttle(self, share: Decimal) -> None:
        """Set the operator's share of both sides, 0 to 1."""
        self.throttle = share
        self._reshape()

    def set_regime(self, reading: RegimeReading) -> bool:
        """Take a reading; true where it changes what is wanted."""
        before, self.reading = self.reading, reading
        if before.regime is reading.regime and before.is_warm is reading.is_warm:
            return False
        self._reshape()
        return True

    def set_funding(self, view: FundingView) -> bool:
        """Take the guard's word; true where it changes what is wanted."""
        before, self.funding = self.funding, view
        if all(before.shares[leg] == view.shares[leg] for leg in Leg):
            return False
        self._reshape()
        return True

    def _reshape(self) -> None:
        if self.ladder is not None:
            shares = self.funding.shares
            placement = self._config.placement
            self.shape = shape(self.ladder, placement, self._spec, self.reading.regime, self.throttle, shares)

    def refused(self, key: OrderKey) -> bool:
        """A try would have taken; false where the rung has had its tries and should wait before it begins again."""
        tries = self._refused.get(key, 0) + 1
        if tries > self._config.execution.reprice_attempts:
            self._refused.pop(key, None)
            return False
        self._refused[key] = tries
        return True

    def rested(self, key: OrderKey) -> None:
        """A try has come to rest."""
        self._refused.pop(key, None)

    def plan(
        self, occupants: Mapping[OrderKey, Lot], index: OrderIndex, market: Market | None, verdict: Verdict
    ) -> EntryPlan:
        """The requests that bring entries to the wanted rungs, and the reason for each gap."""
        if self.ladder is None or self.shape is None:
            return EntryPlan([], {}, unfinished=False)
        reach, tick = self.ladder.step / 2, self._spec.tick_size

        def entry_for(rung: Rung) -> DesiredOrder:
            return desired_entry(rung, self._refused.get(entry_key(rung), 0), market, tick, reach)

        limit = self._config.execution.orders_per_turn
        plan = reconcile_entries(self.ladder, self.shape, occupants, index, entry_for, verdict, limit)
        self.gaps = plan.gaps
        return plan
