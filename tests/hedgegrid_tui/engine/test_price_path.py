"""The made-up market is repeatable, looks like one, and gives a default grid something to do at once."""

from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import islice, pairwise

import pytest

from hedgegrid_tui.engine.markets.price_path import STEP_MS, MarketStep, PricePath, Scenario, funding_rate

TICK = Decimal("0.10")
START = 61_800.0
FORTY_FIVE_SECONDS = 45_000 // STEP_MS


@dataclass
class Order:
    role: str
    leg: int
    price: float
    anchor: float
    works_from: int


@dataclass
class BruteGrid:
    """The default grid on plain lists; orders work late, and resting ones fill only when passed."""

    delay: int
    through: float
    centre: float = START
    orders: list[Order] = field(default_factory=list)
    lots: list[tuple[int, float]] = field(default_factory=list)
    seen: Counter[str] = field(default_factory=Counter)

    def step(self, number: int, bid: float, ask: float) -> None:
        for order in [order for order in self.orders if number >= order.works_from and self._meets(order, bid, ask)]:
            if order in self.orders:
                self._fill(order, number)
        if abs((bid + ask) / 2 / self.centre - 1) > 0.0060:
            self.centre = (bid + ask) / 2
            self.orders = [order for order in self.orders if order.role != "entry"]
        self._enter(number, bid, ask)

    def _meets(self, order: Order, bid: float, ask: float) -> bool:
        buys = (order.leg > 0) == (order.role == "entry")
        if order.role == "stop":
            return ask >= order.price if buys else bid <= order.price
        return ask <= order.price - self.through if buys else bid >= order.price + self.through

    def _fill(self, order: Order, number: int) -> None:
        self.seen[f"{order.role} {order.leg}"] += 1
        self.seen[order.role] += 1
        self.orders.remove(order)
        lot = (order.leg, order.anchor)
        if order.role != "entry":
            self.lots.remove(lot)
            self.orders = [o for o in self.orders if o.role == "entry" or (o.leg, o.anchor) != lot]
            return
        self.lots.append(lot)
        for role, steps in (("profit", 1), ("stop", -5)):
            price = order.anchor + order.leg * steps * self.centre * 0.001
            self.orders.append(Order(role, order.leg, price, order.anchor, number + self.delay))

    def _enter(self, number: int, bid: float, ask: float) -> None:
        rung = self.centre * 0.001
        for leg in (1, -1):
            for level in range(1, 9):
                price = self.centre - leg * level * rung
                crosses = price >= ask if leg > 0 else price <= bid
                taken = any(side == leg and abs(anchor - price) < rung / 2 for side, anchor in self.lots)
                placed = any(o.role == "entry" and o.leg == leg and o.price == price for o in self.orders)
                if not (crosses or taken or placed):
                    self.orders.append(Order("entry", leg, price, price, number + self.delay))


def first_steps(seed: int, scenario: Scenario, count: int) -> list[MarketStep]:
    return list(islice(PricePath(seed, scenario).steps(), count))


@pytest.mark.parametrize(("delay", "through"), [(0, 0.0), (5, 0.5)], ids=["at once", "late and queued"])
def test_lively_shows_both_legs_three_profits_and_a_stop_within_45_s_for_every_seed(delay: int, through: float) -> None:
    for seed in range(200):
        grid = BruteGrid(delay, through)
        for step in first_steps(seed, Scenario.LIVELY, FORTY_FIVE_SECONDS):
            grid.step(step.number, float(step.bid), float(step.ask))
        assert min(grid.seen["entry 1"], grid.seen["entry -1"], grid.seen["stop"]) >= 1, (seed, grid.seen)
        assert grid.seen["profit"] >= 3, (seed, grid.seen)


def test_the_brute_grid_sees_nothing_in_a_still_market() -> None:
    grid = BruteGrid(0, 0.0)
    for number in range(100):
        grid.step(number, START - 0.05, START + 0.05)
    assert not grid.seen
    assert len(grid.orders) == 16


@pytest.mark.parametrize("scenario", Scenario)
def test_the_same_seed_tells_the_same_market_again(scenario: Scenario) -> None:
    assert first_steps(7, scenario, 500) == first_steps(7, scenario, 500)
    assert first_steps(7, scenario, 500) != first_steps(8, scenario, 500)
    path = PricePath(7, scenario)
    assert path.history(100) == path.history(100)


def test_a_seed_gives_the_numbers_that_it_gave_when_it_was_recorded() -> None:
    last = first_steps(1, Scenario.LIVELY, 300)[-1]
    assert (str(last.bid), str(last.ask), str(last.mark)) == ("61596.30", "61596.40", "61584.40")


@pytest.mark.parametrize("scenario", Scenario)
def test_prices_and_quantities_are_exact_multiples_and_the_spread_is_positive(scenario: Scenario) -> None:
    for step in first_steps(3, scenario, 2_000):
        assert step.bid % TICK == step.ask % TICK == step.mark % TICK == 0
        assert TICK <= step.ask - step.bid <= 5 * TICK
        assert step.bid_size > 0
        assert step.ask_size > 0
        for trade in step.trades:
            assert trade.price == (step.ask if trade.buyer_is_aggressor else step.bid)
            assert trade.qty > 0
            assert trade.qty % Decimal("0.001") == 0


def test_the_spread_is_mostly_one_tick_and_sometimes_wider() -> None:
    spreads = Counter(step.ask - step.bid for step in first_steps(3, Scenario.LIVELY, 5_000))
    assert spreads[TICK] > 4_000
    assert set(spreads) == {TICK * n for n in range(1, 6)}


@pytest.mark.parametrize("scenario", [scenario for scenario in Scenario if scenario is not Scenario.GAP])
def test_no_step_moves_the_price_by_more_than_15_bps(scenario: Scenario) -> None:
    for seed in range(10):
        mids = list(islice(PricePath(seed, scenario).mids(), 6_000))
        assert max(abs(after / before - 1) for before, after in pairwise(mids)) <= 0.0015


def test_gap_jumps_once_by_about_one_and_a_half_per_cent_after_about_30_s() -> None:
    for seed in range(20):
        mids = list(islice(PricePath(seed, Scenario.GAP).mids(), 3_000))
        jumps = [n for n, (before, after) in enumerate(pairwise(mids), 1) if abs(after / before - 1) > 0.0015]
        assert len(jumps) == 1
        assert 290 <= jumps[0] <= 310
        assert 0.0138 < abs(mids[jumps[0]] / mids[jumps[0] - 1] - 1) < 0.0162


def test_trends_go_their_way_and_calm_stays() -> None:
    for seed in range(20):
        ends = {s: list(islice(PricePath(seed, s).mids(), 6_000))[-1] / 618_000 - 1 for s in Scenario}
        assert ends[Scenario.TREND_UP] > 0.02
        assert ends[Scenario.TREND_DOWN] < -0.02
        assert abs(ends[Scenario.CALM]) < 0.01


@pytest.mark.parametrize("scenario", Scenario)
def test_a_day_of_market_time_stays_within_a_third_of_the_start(scenario: Scenario) -> None:
    steps = 1_000_000 if scenario is Scenario.LIVELY else 200_000
    mids = list(islice(PricePath(5, scenario).mids(), steps))
    assert 618_000 * 0.67 < min(mids) <= max(mids) < 618_000 * 1.33


def test_lively_has_waves_of_a_third_of_a_per_cent_within_each_two_minutes() -> None:
    mids = list(islice(PricePath(2).mids(), 36_000))
    for at in range(0, 36_000, 1_200):
        window = mids[at : at + 1_200]
        assert max(window) / min(window) - 1 > 0.003


@pytest.mark.parametrize("scenario", Scenario)
def test_history_ends_at_the_start_price_and_each_bar_opens_where_the_last_closed(scenario: Scenario) -> None:
    bars = PricePath(4, scenario).history(300)
    assert len(bars) == 300
    assert bars[-1].close == 61_800
    assert all(before.close == after.open for before, after in pairwise(bars))
    for bar in bars:
        assert 0 < bar.low <= min(bar.open, bar.close) <= max(bar.open, bar.close) <= bar.high
        assert all(value % TICK == 0 for value in (bar.open, bar.high, bar.low, bar.close))
        assert bar.volume > 0


def test_a_longer_history_only_adds_older_bars() -> None:
    path = PricePath(4)
    assert path.history(300)[-100:] == path.history(100)


def test_history_of_a_trend_leads_up_to_it() -> None:
    assert PricePath(4, Scenario.TREND_UP).history(200)[0].open < 60_000
    assert PricePath(4, Scenario.TREND_DOWN).history(200)[0].open > 63_000


def test_another_instrument_gets_its_own_ticks_and_lots() -> None:
    path = PricePath(1, start=Decimal("0.12345"), tick=Decimal("0.00001"), lot=Decimal(1))
    for step in islice(path.steps(), 1_000):
        assert step.bid % Decimal("0.00001") == 0
        assert step.bid_size % 1 == 0
        assert Decimal("0.11") < step.bid < Decimal("0.14")


def test_a_start_of_too_few_ticks_is_refused() -> None:
    with pytest.raises(ValueError, match="start 5: must be at least 100 ticks"):
        PricePath(start=Decimal(5), tick=Decimal(1))


@pytest.mark.parametrize(
    ("premium", "rate"),
    [
        (0.0, "0.00010000"),
        (0.0004, "0.00010000"),
        (0.001, "0.00050000"),
        (-0.001, "-0.00050000"),
        (0.0006, "0.00010000"),
    ],
)
def test_the_funding_rate_follows_binances_formula(premium: float, rate: str) -> None:
    assert str(funding_rate(premium)) == rate
