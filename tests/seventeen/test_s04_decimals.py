"""Item 4: Decimal from the configuration file to the venue's order and back; no float on the way."""

import ast
import tomllib
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from nautilus_trader.model.objects import Price

from strategy import config as config_module
from strategy.config import Config, GridConfig, InstrumentConfig, load_config
from strategy.domain import Ladder, Leg, plain
from strategy.ladder import build_ladder
from strategy.order_factory import exact
from tests.seventeen.bench import bench
from tests.seventeen.sources import brain, with_line

once = settings(max_examples=200, deadline=None, database=None, phases=[Phase.generate], report_multiple_bugs=False)
FLOATING: Final = {"as_double", "as_f64_c", "fsum", "isclose", "from_float"}
ALLOWED_FLOATS: Final = {("config.py", 0.4)}
"""How near a mistyped key must come to a known one: text, not money."""


# -- the source --------------------------------------------------------------------------------------------------------


def floats_in(name: str, tree: ast.Module) -> Iterator[str]:
    """Where a number would go through binary floating point."""
    for node in ast.walk(tree):
        where = f"{name}:{getattr(node, 'lineno', 0)}"
        if isinstance(node, ast.Constant) and isinstance(node.value, float):
            if (name, node.value) not in ALLOWED_FLOATS:
                yield f"{where}: the literal {node.value}"
        elif isinstance(node, ast.Name) and node.id == "float":
            yield f"{where}: float"
        elif isinstance(node, ast.Attribute) and node.attr in FLOATING:
            yield f"{where}: {node.attr}"
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names = [alias.name for alias in node.names] + [getattr(node, "module", None) or ""]
            yield from (f"{where}: imports {each}" for each in names if each in ("math", "numpy", "statistics"))


def check_s04_source(trees: Mapping[str, ast.Module]) -> None:
    """No float by name, by literal, by Nautilus's own conversion or by a library of floats."""
    found = [each for name, tree in trees.items() for each in floats_in(name, tree)]
    assert not found, found


def test_s04_the_brain_holds_no_float() -> None:
    check_s04_source(brain())


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("grid.py", "return float(price)"),
        ("ladder.py", "return float((mid - level * step).quantize(step))"),
        ("lots.py", "return price * 1.0005"),
        ("market_watch.py", "return price.as_double()"),
        ("shape.py", "from math import floor; return floor(qty / step) * step"),
        ("books.py", "return sum(map(float, [price]))"),
        ("ledger.py", "return price.map(float)"),
    ],
)
def test_s04_with_a_float_in_the_source_the_same_check_fails(name: str, line: str) -> None:
    with pytest.raises(AssertionError, match=name):
        check_s04_source(with_line(name, line))


# -- the configuration -------------------------------------------------------------------------------------------------


def decimal_keys() -> list[tuple[str, str]]:
    """Every key that takes a number with a fraction."""
    whole = Config()
    sections = {name: getattr(whole, name) for name in Config.model_fields}
    return [
        (section, key)
        for section, values in sections.items()
        for key in type(values).model_fields
        if isinstance(getattr(values, key), Decimal)
    ]


def check_s04_toml(folder: Path) -> None:
    """What stands in the file is what the configuration holds, digit by digit, for every key with a fraction."""
    keys = decimal_keys()
    assert len(keys) > 15
    for section, key in keys:
        text = plain(getattr(getattr(Config(), section), key))
        digits = text + ("" if "." in text else ".") + "000000000000000000000001"
        path = folder / "one.toml"
        path.write_text(f"[{section}]\n{key} = {digits}\n", encoding="utf-8")
        for found in values_of(path, section, key, digits):
            assert isinstance(found, Decimal)
            assert plain(found) == digits, f"{section}.{key}: {digits} became {found}"


def values_of(path: Path, section: str, key: str, digits: str) -> Iterator[Any]:
    """The value by each way in; some defaults stand at their bound, where the refusal must show the digits."""
    for given_path, options in ((path, []), (None, [f"{section}.{key}={digits}"])):
        refusal, value = "", None
        try:
            value = getattr(getattr(load_config(given_path, options), section), key)
        except config_module.ConfigError as error:
            refusal = str(error)
        if value is not None:
            yield value
        else:
            assert digits in refusal, f"{section}.{key}: {digits} became {refusal}"


def test_s04_every_number_of_a_file_or_an_option_is_kept_to_its_last_digit(tmp_path: Path) -> None:
    check_s04_toml(tmp_path)


def test_s04_with_toml_numbers_read_as_floats_the_same_check_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Floating:
        TOMLDecodeError = tomllib.TOMLDecodeError

        @staticmethod
        def loads(text: str, **_options: object) -> dict[str, Any]:
            return tomllib.loads(text)

    monkeypatch.setattr(config_module, "tomllib", Floating)
    with pytest.raises(AssertionError, match="became"):
        check_s04_toml(tmp_path)


# -- arithmetic --------------------------------------------------------------------------------------------------------


def exact_rungs(centre: Decimal, grid: GridConfig, tick: Decimal) -> list[Fraction]:
    """Each rung's price in unlimited precision."""
    step = Fraction(centre) * Fraction(grid.step_bps) / 10_000
    found = []
    for sign in (-1, 1):
        for level in range(1, grid.levels + 1):
            ticks = (Fraction(centre) + sign * level * step) / Fraction(tick)
            found.append((ticks // 1 if sign < 0 else -(-ticks // 1)) * Fraction(tick))
    return found


def check_s04_ladder(build: Callable[..., Ladder]) -> None:
    """Every rung stands where unlimited precision puts it."""

    @once
    @given(
        st.integers(10**9, 10**13).map(lambda n: Decimal(n) / 10**8),
        st.integers(20, 1000).map(lambda n: Decimal(n) / 10),
        st.sampled_from(["0.1", "0.05", "0.5", "0.0001", "0.00000001"]),
    )
    def holds(centre: Decimal, step_bps: Decimal, tick: str) -> None:
        grid = GridConfig(step_bps=step_bps, levels=3)
        ladder = build(centre, grid, InstrumentConfig(tick_size=Decimal(tick)).spec())
        prices = [Fraction(rung.price) for leg in Leg for rung in ladder.side(leg)]
        assert prices == exact_rungs(centre, grid, Decimal(tick))

    holds()


def floating_ladder(centre: Decimal, grid: GridConfig, spec: Any) -> Ladder:
    """The seed's: as floats, and back."""
    return build_ladder(Decimal(float(centre)), GridConfig(step_bps=Decimal(float(grid.step_bps)), levels=3), spec)


def hundredths(centre: Decimal, grid: GridConfig, spec: Any) -> Ladder:
    """The seed's fix: 0.01 whatever the tick."""
    return build_ladder(centre, grid, InstrumentConfig(tick_size=Decimal("0.01")).spec())


def test_s04_each_rung_is_where_unlimited_precision_puts_it() -> None:
    check_s04_ladder(build_ladder)


@pytest.mark.parametrize("build", [floating_ladder, hundredths])
def test_s04_with_floats_or_hundredths_the_same_check_fails(build: Callable[..., Ladder]) -> None:
    with pytest.raises(AssertionError):
        check_s04_ladder(build)


def check_s04_there_and_back(to_price: Callable[[Decimal], Price]) -> None:
    """A price goes to Nautilus and comes back as it was, with all of its digits."""

    @once
    @given(st.integers(1, 10**6) | st.integers(10**16, 10**17), st.integers(5, 8))
    def holds(units: int, decimals: int) -> None:
        price = Decimal(units).scaleb(-decimals)
        back = exact(to_price(price))
        assert plain(back) == plain(price)

    holds()


def test_s04_a_price_comes_back_from_nautilus_as_it_went() -> None:
    check_s04_there_and_back(lambda price: Price.from_str(plain(price)))


def test_s04_with_a_price_made_of_a_float_the_same_check_fails() -> None:
    with pytest.raises(AssertionError):
        check_s04_there_and_back(lambda price: Price(float(price), -int(price.as_tuple().exponent)))


# -- a whole run -------------------------------------------------------------------------------------------------------


def test_s04_every_number_that_the_engine_sees_and_the_journal_keeps_is_exact() -> None:
    with bench("grid.levels=2", "grid.base_qty=0.0047", "grid.step_bps=7.3", "instrument.maker_fee=0.00021") as found:
        found.quote("60001.3", 3)
        found.quote(59_900, 3)
        fills = found.journal.of("fill")
        assert fills
        for line in fills:
            paid = Fraction(line["price"]) * Fraction(line["qty"]) * Fraction("0.00021")
            assert abs(-Fraction(line["fee"]) - paid) <= Fraction(1, 10**8)
        grid = found.strategy.grid
        assert grid is not None
        for leg in Leg:
            mine = [line for line in fills if line["leg"] is leg and line["role"] == "entry"]
            assert grid.lots.held(leg) == sum((Decimal(line["qty"]) for line in mine), Decimal(0))
        step = Fraction("60001.3") * Fraction("7.3") / 10_000
        longs = [line["price"] for line in found.journal.of("order", event="submit", leg=Leg.LONG, role="entry")]
        assert longs[:2] == [f"{(Fraction('60001.3') - level * step) // Fraction(1, 10) / 10:.2f}" for level in (1, 2)]
