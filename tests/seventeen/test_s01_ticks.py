"""Item 1: every price a tick multiple, rounded by direction, in every run."""

from collections.abc import Callable
from decimal import Decimal
from typing import Final

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from hedgegrid_tui.engine.instruments import perpetual
from strategy import ladder, lots, quantise
from strategy.config import InstrumentConfig
from strategy.domain import Role, Side
from strategy.quantise import floor_to, limit_price, stop_price
from tests.strategy.venue import Mischief
from tests.strategy.world import World

TICKS: Final = ("0.1", "0.05", "0.5", "5", "0.0001")
STEPS: Final = ("0.001", "0.01", "0.005", "1", "0.25")

type Rounding = Callable[[Side, Decimal, Decimal], Decimal]

prices = st.decimals(min_value=1, max_value=1_000_000, places=8)
once = settings(max_examples=150, deadline=None, database=None, phases=[Phase.generate], report_multiple_bugs=False)


def check_s01(limit: Rounding, stop: Rounding, floor: Callable[[Decimal, Decimal], Decimal]) -> None:
    """Limits never ask for a worse deal, stops give way from the market, quantities never grow; all by under a tick."""

    @once
    @given(prices, st.sampled_from(TICKS), st.sampled_from(STEPS), st.sampled_from(Side))
    def holds(price: Decimal, tick_text: str, step_text: str, side: Side) -> None:
        tick, step = Decimal(tick_text), Decimal(step_text)
        resting, trigger, qty = limit(side, price, tick), stop(side, price, tick), floor(price, step)
        away = -1 if side is Side.BUY else 1
        assert resting % tick == trigger % tick == qty % step == 0
        assert 0 <= away * (resting - price) < tick
        assert 0 <= -away * (trigger - price) < tick
        assert 0 <= price - qty < step

    holds()


def make_price(_side: Side, price: Decimal, tick: Decimal) -> Decimal:
    """Nautilus's own rounding, which the seed's fix comes down to: to decimals, not to ticks."""
    instrument = perpetual(InstrumentConfig(tick_size=tick), 20)
    return Decimal(str(instrument.make_price(price)))


def nearest(_side: Side, price: Decimal, tick: Decimal) -> Decimal:
    """To the nearest tick, whichever side it is on."""
    return (price / tick).to_integral_value() * tick


def unrounded(_side: Side, price: Decimal, _tick: Decimal) -> Decimal:
    return price


def check_s01_run(tick: str, seed: int = 1) -> None:
    """A run with partial fills and moving ladders sends no order off tick or off step."""
    overrides = (
        f"instrument.tick_size={tick}", "grid.step_bps=7.3", "grid.levels=3", "grid.base_qty=0.0047",
        "grid.qty_scale=1.3", "grid.sl_steps=1.7", "grid.tp_steps=1.1", "grid.recentre_trigger_bps=25",
    )  # fmt: skip
    world = World(seed, mischief=Mischief(piecemeal=0.5, duplicates=0.1), overrides=overrides, acts=False)
    world.venue.on_submit = lambda _sent: None
    world.run(160)
    sent = [order.order for order in world.venue.orders.values()]
    assert {order.key.role for order in sent} >= {Role.ENTRY, Role.TP, Role.SL}
    assert len({order.price for order in sent}) > 20
    for order in sent:
        assert order.price is None or order.price % Decimal(tick) == 0, f"{order.key} at {order.price}"
        assert order.qty % Decimal("0.001") == 0, f"{order.key} of {order.qty}"


def test_s01_one_quantiser_rounds_by_direction_to_any_tick_and_step() -> None:
    check_s01(limit_price, stop_price, floor_to)


@pytest.mark.parametrize("rounding", [make_price, nearest, unrounded])
def test_s01_with_another_rounding_the_same_check_fails(rounding: Rounding) -> None:
    with pytest.raises(AssertionError):
        check_s01(rounding, stop_price, floor_to)
    with pytest.raises(AssertionError):
        check_s01(limit_price, rounding, floor_to)
    with pytest.raises(AssertionError):
        check_s01(limit_price, stop_price, lambda price, step: rounding(Side.BUY, price, step))


@pytest.mark.parametrize("tick", TICKS)
def test_s01_no_order_of_a_whole_run_is_off_tick_or_step(tick: str) -> None:
    check_s01_run(tick)


@pytest.mark.parametrize(
    ("tick", "rounding"),
    [("0.05", make_price), ("0.5", make_price), ("5", make_price), *((tick, unrounded) for tick in TICKS)],
)
@pytest.mark.parametrize("where", [(ladder, "limit_price"), (lots, "limit_price"), (lots, "stop_price")])
def test_s01_without_the_quantiser_at_one_place_the_same_run_fails(
    tick: str, rounding: Rounding, where: tuple[object, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    module, name = where
    assert getattr(module, name) is getattr(quantise, name)
    monkeypatch.setattr(module, name, rounding)
    with pytest.raises(AssertionError, match=r"^(long|short) \w+ \d+ at "):
        check_s01_run(tick)
