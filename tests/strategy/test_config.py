"""Every parameter, its bounds, and messages that name key, value, rule and cure."""

import contextlib
import tomllib
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strategy import config as config_module
from strategy.config import Config, ConfigError, GridConfig, load_config, template
from strategy.domain import BPS

SECTIONS = {name: tuple(type(getattr(Config(), name)).model_fields) for name in Config.model_fields}
KEYS = [f"{section}.{key}" for section, keys in SECTIONS.items() for key in keys]


def toml(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "hedgegrid.toml"
    path.write_text(text, encoding="utf-8")
    return path


def refusal(*overrides: str, path: Path | None = None) -> str:
    with pytest.raises(ConfigError) as caught:
        load_config(path, overrides)
    return str(caught.value)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("grid.step_bps=0.5", "grid.step_bps = 0.5: must be at least 2 (fees alone cost 4 bps a round trip)"),
        ("grid.step_bps=1001", "grid.step_bps = 1001: must be at most 1000"),
        ("grid.step_bps=nan", "grid.step_bps = NaN: must be a finite number"),
        ("grid.step_bps=inf", "grid.step_bps = Infinity: must be a finite number"),
        ("grid.levels=0", "grid.levels = 0: must be at least 1"),
        ("grid.levels=101", "grid.levels = 101: must be at most 100"),
        ("grid.levels=2.5", "grid.levels = 2.5: must be a whole number"),
        ("grid.base_qty=0", "grid.base_qty = 0: must be more than 0"),
        ("grid.qty_scale=0.4", "grid.qty_scale = 0.4: must be at least 0.5"),
        ("grid.qty_scale=4", "grid.qty_scale = 4: must be at most 3"),
        ("grid.tp_steps=0.1", "grid.tp_steps = 0.1: must be at least 0.5"),
        ("grid.sl_steps=201", "grid.sl_steps = 201: must be at most 200"),
        ("grid.recentre_trigger_bps=1", "grid.recentre_trigger_bps = 1: must be at least 2"),
        ("grid.recentre_trigger_bps=5001", "grid.recentre_trigger_bps = 5001: must be at most 5000"),
        ("instrument.tick_size=0", "instrument.tick_size = 0: must be more than 0"),
        ("instrument.min_notional=-1", "instrument.min_notional = -1: must be at least 0"),
        ("instrument.maker_fee=2", "instrument.maker_fee = 2: must be at most 1"),
        ("instrument.taker_fee=-2", "instrument.taker_fee = -2: must be at least -1"),
        ("instrument.symbol=btc", "instrument.symbol = btc: must match ^[A-Z0-9]{5,20}$"),
        ("instrument.quote=EUR", "instrument.quote = EUR: must match ^(USDT|USDC)$"),
        ("execution.orders_per_turn=0", "execution.orders_per_turn = 0: must be at least 1"),
        ("execution.orders_per_turn=201", "execution.orders_per_turn = 201: must be at most 200"),
        ("execution.attach_bound_ms=49", "execution.attach_bound_ms = 49: must be at least 50"),
        ("execution.retry_first_ms=60001", "execution.retry_first_ms = 60001: must be at most 60000"),
        ("execution.retry_last_ms=3600001", "execution.retry_last_ms = 3600001: must be at most 3600000"),
        ("execution.flatten_timeout_ms=499", "execution.flatten_timeout_ms = 499: must be at least 500"),
        ("account.starting_balance=-5", "account.starting_balance = -5: must be more than 0"),
        ("account.leverage=126", "account.leverage = 126: must be at most 125"),
        ("grid.stepbps=3", "grid.stepbps = 3: unknown key; did you mean grid.step_bps?"),
        ("gird.step_bps=3", "gird = {...}: unknown key; did you mean grid?"),
        (
            "account.zzz=3",
            (
                "account.zzz = 3: unknown key; known: account.starting_balance, account.leverage, "
                "account.maintenance_margin_pct"
            ),
        ),
        (
            "q.w=3",
            (
                "q = {...}: unknown key; known: instrument, grid, regime, placement, funding, execution, limits, "
                "breaker, drawdown, watchdog, session, ramp, account, binance"
            ),
        ),
        ("grid.levels=[1]", "grid.levels = [1]: must be a valid integer"),
        ("grid.tp_steps=" + "x" * 80, f"grid.tp_steps = {'x' * 57}...: must be a valid decimal"),
        ("grid", "--set grid: must be SECTION.KEY=VALUE, such as grid.step_bps=2"),
        ("grid.a.b=1", "--set grid.a.b=1: must be SECTION.KEY=VALUE, such as grid.step_bps=2"),
        (".levels=1", "--set .levels=1: must be SECTION.KEY=VALUE, such as grid.step_bps=2"),
    ],
)
def test_a_bound_that_is_broken_is_named_with_key_value_rule_and_cure(override: str, message: str) -> None:
    assert refusal(override) == message


def test_s14_every_key_has_a_meaning_and_a_unit() -> None:
    for section in Config.model_fields:
        for key, field in type(getattr(Config(), section)).model_fields.items():
            assert field.description, key
            assert field.json_schema_extra["unit"], key


def test_every_problem_gets_its_line() -> None:
    lines = refusal("grid.levels=0", "grid.step_bps=1", "grid.nope=1").splitlines()
    assert [line.partition(" = ")[0] for line in lines] == ["grid.step_bps", "grid.levels", "grid.nope"]


def test_a_symbol_is_its_base_followed_by_its_quote() -> None:
    assert "symbol ETHUSDT must be base BTC followed by quote USDT" in refusal("instrument.symbol=ETHUSDT")
    other = load_config(None, ["instrument.symbol=ETHUSDC", "instrument.base=ETH", "instrument.quote=USDC"])
    assert other.instrument.spec().symbol == "ETHUSDC"


def test_a_long_ladder_never_reaches_below_a_price_of_zero() -> None:
    message = refusal("grid.step_bps=1000", "grid.levels=5", "grid.sl_steps=5")
    assert "step_bps 1000 x (levels 5 + sl_steps 5) reaches below a price of zero; lower one of them" in message
    assert load_config(None, ["grid.step_bps=1000", "grid.levels=4", "grid.sl_steps=5"]).grid.levels == 4


def test_no_take_profit_of_a_short_lot_reaches_below_a_price_of_zero() -> None:
    try:
        grid = load_config(None, ["grid.step_bps=1000", "grid.levels=1", "grid.sl_steps=1", "grid.tp_steps=100"]).grid
    except ConfigError:
        return
    assert 1 + (1 - grid.tp_steps) * grid.step_bps / BPS > 0


def test_s04_toml_numbers_become_decimals_without_a_detour(tmp_path: Path) -> None:
    text = "[grid]\nstep_bps = 10.10\nbase_qty = 0.1000000000000000000001\n[instrument]\ntick_size = 0.10\n"
    config = load_config(toml(tmp_path, text))
    assert str(config.grid.step_bps) == "10.10"
    assert str(config.grid.base_qty) == "0.1000000000000000000001"
    assert str(config.instrument.spec().tick_size) == "0.10"
    assert str(load_config(None, ["grid.base_qty=0.30"]).grid.base_qty) == "0.30"


def test_an_override_wins_over_the_file(tmp_path: Path) -> None:
    path = toml(tmp_path, "[grid]\nlevels = 3\ntp_steps = 2\n")
    grid = load_config(path, ["grid.levels=4", " grid . sl_steps = 7 "]).grid
    assert (grid.levels, grid.tp_steps, grid.sl_steps) == (4, Decimal(2), Decimal(7))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"levels = = 3", "is not TOML"),
        (b"\xff\xfe", "is not TOML"),
        (b"[grid]\nstep_bps = 1e99999999999999999999", "is not TOML"),
        (b"grid = 3", "grid = 3: must be a table of keys"),
    ],
)
def test_a_file_that_is_no_configuration_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "hedgegrid.toml"
    path.write_bytes(content)
    assert message in refusal(path=path)


def test_an_override_into_what_is_no_table_is_refused(tmp_path: Path) -> None:
    assert refusal("grid.levels=3", path=toml(tmp_path, "grid = 3")) == "grid = 3: must be a table of keys"


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    assert refusal(path=tmp_path / "none.toml").endswith(
        "none.toml: cannot be read (No such file or directory); name an existing file"
    )


def test_the_template_is_read_back_as_the_defaults(tmp_path: Path) -> None:
    text = template()
    assert load_config(toml(tmp_path, text)) == load_config() == Config()
    assert {f"{section}.{key}" for section, keys in tomllib.loads(text).items() for key in keys} == set(KEYS)
    assert "# distance between rungs (bps of the centre; at least 2; at most 1000)" in text
    assert "# price increment (quote; more than 0)" in text


def test_the_digest_changes_with_any_value_only() -> None:
    assert load_config().digest() == Config().digest()
    assert load_config(None, ["grid.levels=9"]).digest() != Config().digest()
    assert len(Config().digest()) == 64


def test_a_section_object_is_taken_as_it_is() -> None:
    assert Config(grid=GridConfig(levels=2)).grid.levels == 2


def test_the_venues_filters_are_those_of_the_instrument() -> None:
    spec = Config().instrument.spec()
    assert (spec.min_price, spec.max_price, spec.symbol) == (Decimal("0.10"), config_module.MAX_PRICE, "BTCUSDT")


values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.decimals() | st.text(max_size=8) | st.floats(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
sections = st.sampled_from(list(SECTIONS))
section_values = values | st.dictionaries(st.sampled_from([key for keys in SECTIONS.values() for key in keys]), values)


@given(st.dictionaries(sections | st.text(max_size=6), section_values, max_size=4))
def test_any_table_is_either_a_configuration_or_a_config_error(data: dict[str, Any]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(config_module, "_apply", lambda target, _override: target.update(data))
        with contextlib.suppress(ConfigError):
            assert isinstance(load_config(None, ["x"]), Config)


@given(st.sampled_from(KEYS) | st.text(max_size=12), st.text(max_size=12))
def test_any_override_is_either_taken_or_a_config_error(key: str, value: str) -> None:
    with contextlib.suppress(ConfigError):
        assert isinstance(load_config(None, [f"{key}={value}"]), Config)
