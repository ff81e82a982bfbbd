"""Rules between keys: what contradicts itself is refused, with the keys, their values and the cure."""

import pytest

from strategy.config import ConfigError, load_config, template


@pytest.mark.parametrize(
    ("sets", "words"),
    [
        (("regime.fast_bars=55",), "regime = {...}: fast_bars 55 must be less than slow_bars 55; lower it"),
        (("regime.leave_bps=9",), "regime = {...}: leave_bps 9 must be at most enter_bps 8; lower it"),
        (("regime.adx_calm=26",), "regime = {...}: adx_calm 26 must be at most adx_trend 25; lower it"),
        (
            ("instrument.max_stop_orders=10", "instrument.max_open_orders=20", "grid.levels=6"),
            "instrument.max_open_orders 20 and max_stop_orders 10 leave room for 10; lower grid.levels to 5",
        ),
        (
            ("limits.message_reserve=15", "grid.levels=8"),
            "limits.message_reserve 15 must be at least 16, one cancel for each rung of grid.levels 8 on both sides",
        ),
        (
            ("limits.message_reserve=40", "limits.max_messages=40"),
            "limits.message_reserve 40 must be less than max_messages 40: nothing would be left for entries; lower it",
        ),
        (
            ("watchdog.escalate_after_ms=999", "execution.attach_bound_ms=1000"),
            "watchdog.escalate_after_ms 999 must be at least execution.attach_bound_ms 1000; raise it",
        ),
        (
            ("drawdown.total_pause_pct=30",),
            "drawdown = {...}: total_pause_pct 30 must be at most total_halt_pct 25; lower it",
        ),
        (("drawdown.day_warn_pct=9",), "drawdown = {...}: day_warn_pct 9 must be at most day_pause_pct 8; lower it"),
    ],
)
def test_settings_that_contradict_each_other_are_refused_with_the_cure(sets: tuple[str, ...], words: str) -> None:
    with pytest.raises(ConfigError) as raised:
        load_config(None, sets)
    assert words in str(raised.value)


@pytest.mark.parametrize(
    "sets",
    [
        ("regime.fast_bars=54",),
        ("regime.leave_bps=8",),
        ("regime.adx_calm=25",),
        ("instrument.max_stop_orders=12", "instrument.max_open_orders=12", "grid.levels=6"),
        ("limits.message_reserve=16", "grid.levels=8", "limits.max_messages=17"),
        ("watchdog.escalate_after_ms=1000", "execution.attach_bound_ms=1000"),
        ("drawdown.total_pause_pct=0", "drawdown.total_warn_pct=25"),
        ("drawdown.day_warn_pct=8",),
    ],
)
def test_settings_just_inside_the_rule_are_taken(sets: tuple[str, ...]) -> None:
    load_config(None, sets)


@pytest.mark.parametrize("bound", ["more than 0", "at least 2; at most 1000", "at least 0; at most 1"])
def test_the_template_says_the_bounds_of_its_keys(bound: str) -> None:
    assert bound in template()


def test_a_rung_larger_than_the_largest_order_is_refused_with_the_cure() -> None:
    sets = ("grid.levels=3", "grid.base_qty=0.3", "grid.qty_scale=2", "instrument.max_qty=1.1")
    with pytest.raises(ConfigError) as raised:
        load_config(None, sets)
    assert "makes a rung larger than instrument.max_qty 1.1; lower grid.base_qty" in str(raised.value)
    load_config(None, (*sets[:3], "instrument.max_qty=1.2"))
    with pytest.raises(ConfigError):
        load_config(None, ("grid.base_qty=1.2", "grid.qty_scale=0.5", "instrument.max_qty=1.1"))
