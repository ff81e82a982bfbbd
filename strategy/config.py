"""Every parameter with its unit, bounds and default; unknown keys are refused with the nearest known one."""

import difflib
import hashlib
import json
import tomllib
from collections.abc import Iterator, Sequence
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from annotated_types import Ge, Gt, Le
from pydantic import BaseModel, ConfigDict, ValidationError, field_validator, model_validator
from pydantic.fields import FieldInfo

from strategy.domain import BPS, InstrumentSpec
from strategy.risk_config import (
    BreakerConfig,
    DrawdownConfig,
    LimitsConfig,
    RampConfig,
    SessionConfig,
    WatchdogConfig,
)
from strategy.section import Positive, Section, key
from strategy.venue_config import KEY_WORDS, BinanceConfig, is_private, names_a_secret

MIN_STEP_BPS: Final = Decimal(2)
"""Below this a round trip cannot come near its fees (maker twice: 4 bps)."""
FILTER_DECIMALS: Final = 9
"""Of the venue's filters: fewer than Nautilus can keep, more than any venue has."""
LARGEST_FILE: Final = 1 << 20
"""Bytes; nothing is read beyond."""
PROBLEMS_TOLD: Final = 20
"""Further ones are counted only."""
PARSER_WORDS: Final = 200
"""Characters of what the parser says that a message repeats."""


class ConfigError(ValueError):
    """A configuration that cannot be used; the text names key, value, rule and cure, one line a problem."""


class InstrumentConfig(Section):
    """What is traded, and the venue's filters for it."""

    title = "What is traded; the filters are Binance's own for BTCUSDT."

    symbol: str = key("BTCUSDT", "name", "Binance USDT-M perpetual", pattern=r"^[A-Z0-9]{5,20}$")
    base: str = key("BTC", "name", "base currency", pattern=r"^[A-Z0-9]{2,12}$")
    quote: str = key("USDT", "name", "quote currency", pattern=r"^(USDT|USDC)$")
    tick_size: Positive = key(Decimal("0.10"), "quote", "price increment", decimal_places=FILTER_DECIMALS)
    step_size: Positive = key(Decimal("0.001"), "base", "quantity increment", decimal_places=FILTER_DECIMALS)
    min_qty: Positive = key(Decimal("0.001"), "base", "least order quantity", decimal_places=FILTER_DECIMALS)
    max_qty: Positive = key(Decimal(1000), "base", "largest order quantity", decimal_places=FILTER_DECIMALS)
    min_notional: Decimal = key(Decimal(100), "quote", "least value of an opening order", ge=0)
    max_open_orders: int = key(200, "orders", "plain orders that may be open, MAX_NUM_ORDERS", ge=4, le=10_000)
    max_stop_orders: int = key(
        100, "orders", "conditional orders that may be open, MAX_NUM_ALGO_ORDERS", ge=4, le=10_000
    )
    maker_fee: Decimal = key(Decimal("0.0002"), "fraction", "fee of a resting fill", ge=-1, le=1)
    taker_fee: Decimal = key(Decimal("0.0005"), "fraction", "fee of a taking fill", ge=-1, le=1)

    @model_validator(mode="after")
    def _symbol_ends_in_quote(self) -> "InstrumentConfig":
        if self.symbol != self.base + self.quote:
            raise ValueError(f"symbol {self.symbol} must be base {self.base} followed by quote {self.quote}")
        return self

    @model_validator(mode="after")
    def _an_order_is_possible(self) -> "InstrumentConfig":
        if self.tick_size > MAX_TICK:
            raise ValueError(f"tick_size {self.tick_size} must be at most {MAX_TICK}; lower it")
        for name in ("step_size", "min_qty"):
            least = getattr(self, name)
            if least > self.max_qty:
                raise ValueError(f"{name} {least} must be at most max_qty {self.max_qty}; lower it")
        return self

    def spec(self) -> InstrumentSpec:
        """The filters as the strategy uses them; price bounds are the venue's 1 to 10^6 ticks at the least."""
        return InstrumentSpec(
            symbol=self.symbol,
            tick_size=self.tick_size,
            step_size=self.step_size,
            min_qty=self.min_qty,
            max_qty=self.max_qty,
            min_price=self.tick_size,
            max_price=MAX_PRICE,
            min_notional=self.min_notional,
            max_open_orders=self.max_open_orders,
            max_stop_orders=self.max_stop_orders,
        )


MAX_PRICE: Final = Decimal(1_000_000_000)
MAX_TICK: Final = Decimal(100)
"""The simulated market has no room for a coarser one, and no venue has it."""


class GridConfig(Section):
    """The shape of both ladders and of every lot's exits."""

    title = "The shape of both ladders and of every lot's exits."

    step_bps: Decimal = key(
        Decimal(10),
        "bps of the centre",
        "distance between rungs",
        ge=MIN_STEP_BPS,
        le=1000,
        allow_inf_nan=False,
    )
    levels: int = key(8, "rungs", "rungs on each side", ge=1, le=100)
    base_qty: Positive = key(Decimal("0.002"), "base", "quantity of the first rung")
    qty_scale: Decimal = key(
        Decimal(1), "factor", "quantity of each further rung against the one before", ge=Decimal("0.5"), le=3
    )
    tp_steps: Decimal = key(Decimal(1), "steps", "take-profit distance from the entry", ge=Decimal("0.5"), le=100)
    sl_steps: Decimal = key(Decimal(5), "steps", "stop distance from the entry", ge=Decimal("0.5"), le=200)
    recentre_trigger_bps: Decimal = key(
        Decimal(60),
        "bps of the centre",
        "re-centre when the market is further than this from the centre",
        ge=2,
        le=5000,
    )

    @model_validator(mode="after")
    def _long_ladder_stays_above_zero(self) -> "GridConfig":
        if self.step_bps * (self.levels + self.sl_steps) >= BPS:
            raise ValueError(
                f"step_bps {self.step_bps} x (levels {self.levels} + sl_steps {self.sl_steps}) reaches below a price "
                "of zero; lower one of them"
            )
        if self.step_bps * (self.tp_steps - 1) >= BPS:
            raise ValueError(
                f"step_bps {self.step_bps} x (tp_steps {self.tp_steps} - 1) puts a short take-profit below a price of "
                "zero; lower one of them"
            )
        return self


class ExecutionConfig(Section):
    """How orders are sent, retried and verified."""

    title = "How orders are sent, retried and verified."

    orders_per_turn: int = key(10, "orders", "at most so many new entries a pass, the rest in the next", ge=1, le=200)
    attach_bound_ms: int = key(1000, "ms", "a held quantity without a stop for longer is an alarm", ge=50, le=60_000)
    retry_first_ms: int = key(500, "ms", "wait after a rejected entry; doubles with each further one", ge=50, le=60_000)
    retry_last_ms: int = key(60_000, "ms", "longest wait after a rejected entry", ge=50, le=3_600_000)
    flatten_timeout_ms: int = key(10_000, "ms", "a flatten that is not verified by then has failed", ge=500, le=600_000)
    reprice_attempts: int = key(
        3, "attempts", "tries nearer to the book after a post-only rejection, before the rung waits", ge=0, le=20
    )
    ask_after_ms: int = key(
        2000, "ms", "without an answer for so long, the venue is asked what became of a request", ge=200, le=60_000
    )
    ask_attempts: int = key(5, "attempts", "unanswered questions before an order counts as lost", ge=1, le=100)


class RegimeConfig(Section):
    """How a trend is told from a market that goes sideways."""

    title = "How a trend is told from a market that goes sideways; one-minute bars."

    fast_bars: int = key(21, "bars", "period of the fast EMA", ge=2, le=500)
    slow_bars: int = key(55, "bars", "period of the slow EMA", ge=3, le=1000)
    enter_bps: Decimal = key(
        Decimal(8), "bps of the slow EMA", "spread of the EMAs at which a trend may begin", ge=0, le=1000
    )
    leave_bps: Decimal = key(
        Decimal(4), "bps of the slow EMA", "spread of the EMAs below which a trend ends", ge=0, le=1000
    )
    adx_bars: int = key(14, "bars", "period of ADX", ge=2, le=200)
    adx_trend: Decimal = key(Decimal(25), "ADX", "a trend may begin at or above this", ge=0, le=100)
    adx_calm: Decimal = key(Decimal(20), "ADX", "a trend ends below this", ge=0, le=100)
    atr_bars: int = key(14, "bars", "period of the ATR that is shown", ge=1, le=200)
    require_warm: bool = key(False, "true or false", "entries wait until the indicators are warm")

    @model_validator(mode="after")
    def _bands_are_not_inverted(self) -> "RegimeConfig":
        if self.fast_bars >= self.slow_bars:
            raise ValueError(f"fast_bars {self.fast_bars} must be less than slow_bars {self.slow_bars}; lower it")
        if self.leave_bps > self.enter_bps:
            raise ValueError(f"leave_bps {self.leave_bps} must be at most enter_bps {self.enter_bps}; lower it")
        if self.adx_calm > self.adx_trend:
            raise ValueError(f"adx_calm {self.adx_calm} must be at most adx_trend {self.adx_trend}; lower it")
        return self


class PlacementPolicy(StrEnum):
    """What a trend does to the ladders."""

    THROTTLED_COUNTER = "throttled-counter"
    CORE_AND_SCALP = "core-and-scalp"


class PlacementConfig(Section):
    """How much of each ladder is placed."""

    title = "How much of each ladder is placed; a share scales levels as well as quantities."

    policy: PlacementPolicy = key(
        PlacementPolicy.THROTTLED_COUNTER,
        "throttled-counter or core-and-scalp",
        "in a trend, thin the side that stands against it, or both sides",
    )
    counter_share: Decimal = key(Decimal("0.5"), "share", "of the ladder against the trend, both policies", ge=0, le=1)
    core_share: Decimal = key(Decimal("0.75"), "share", "of the ladder with the trend, core-and-scalp only", ge=0, le=1)
    throttle: Decimal = key(
        Decimal(1), "share", "of both ladders at the start; set-throttle changes it in a session", ge=0, le=1
    )


class FundingConfig(Section):
    """When the leg that is about to pay funding enters less."""

    title = "When the leg that is about to pay funding enters less."

    window_minutes: int = key(30, "minutes", "before a settlement in which the guard looks", ge=0, le=480)
    max_cost_bps: Decimal = key(
        Decimal(1), "bps of notional", "predicted cost of one settlement above which entries shrink", ge=0, le=1000
    )
    paying_share: Decimal = key(Decimal("0.5"), "share", "of the paying leg's ladder that stays", ge=0, le=1)


class AccountConfig(Section):
    """The simulated account of `sim` and `replay`."""

    title = "The account; its balance is that of the modes sim and replay."

    starting_balance: Positive = key(Decimal(10_000), "quote", "wallet at the start")
    leverage: int = key(20, "factor", "leverage of the simulated account", ge=1, le=125)
    maintenance_margin_pct: Decimal = key(
        Decimal("0.5"), "% of notional", "maintenance margin, for the distance to liquidation", ge=0, le=50
    )


class Config(Section):
    """The whole configuration, read once."""

    model_config = ConfigDict(hide_input_in_errors=True)  # somebody may write a key into it

    title = "HedgeGrid"

    instrument: InstrumentConfig = InstrumentConfig()
    grid: GridConfig = GridConfig()
    regime: RegimeConfig = RegimeConfig()
    placement: PlacementConfig = PlacementConfig()
    funding: FundingConfig = FundingConfig()
    execution: ExecutionConfig = ExecutionConfig()
    limits: LimitsConfig = LimitsConfig()
    breaker: BreakerConfig = BreakerConfig()
    drawdown: DrawdownConfig = DrawdownConfig()
    watchdog: WatchdogConfig = WatchdogConfig()
    session: SessionConfig = SessionConfig()
    ramp: RampConfig = RampConfig()
    account: AccountConfig = AccountConfig()
    binance: BinanceConfig = BinanceConfig()

    @model_validator(mode="after")
    def _every_rung_has_room_for_its_exits(self) -> "Config":
        filters, rungs = self.instrument, 2 * self.grid.levels
        room = min(filters.max_open_orders, filters.max_stop_orders)
        if rungs > room:
            raise ValueError(
                f"grid.levels {self.grid.levels} on both sides may hold {rungs} lots, each with a take-profit and a "
                f"stop at the venue; instrument.max_open_orders {filters.max_open_orders} and max_stop_orders "
                f"{filters.max_stop_orders} leave room for {room}; lower grid.levels to {room // 2}"
            )
        return self

    @model_validator(mode="after")
    def _outermost_rung_is_an_order(self) -> "Config":
        grid, most = self.grid, self.instrument.max_qty
        largest = grid.base_qty * max(Decimal(1), grid.qty_scale ** (grid.levels - 1))
        if largest > most:
            raise ValueError(
                f"grid.base_qty {grid.base_qty} x qty_scale {grid.qty_scale}^{grid.levels - 1} makes a rung larger "
                f"than instrument.max_qty {most}; lower grid.base_qty, grid.qty_scale or grid.levels"
            )
        return self

    @model_validator(mode="after")
    def _reserve_cancels_every_entry(self) -> "Config":
        limits, rungs = self.limits, 2 * self.grid.levels
        if limits.message_reserve < rungs:
            raise ValueError(
                f"limits.message_reserve {limits.message_reserve} must be at least {rungs}, one cancel for each rung "
                f"of grid.levels {self.grid.levels} on both sides; raise it"
            )
        if limits.message_reserve >= limits.max_messages:
            raise ValueError(
                f"limits.message_reserve {limits.message_reserve} must be less than max_messages "
                f"{limits.max_messages}: nothing would be left for entries; lower it"
            )
        return self

    @model_validator(mode="after")
    def _escalation_comes_after_the_alarm(self) -> "Config":
        if self.watchdog.escalate_after_ms < self.execution.attach_bound_ms:
            raise ValueError(
                f"watchdog.escalate_after_ms {self.watchdog.escalate_after_ms} must be at least "
                f"execution.attach_bound_ms {self.execution.attach_bound_ms}; raise it"
            )
        return self

    @field_validator("*", mode="before")
    @classmethod
    def _sections_are_tables(cls, value: Any) -> Any:  # noqa: ANN401
        if not isinstance(value, dict | BaseModel):
            raise ValueError("must be a table of keys")  # noqa: TRY004 - pydantic collects ValueErrors
        return value

    def digest(self) -> str:
        """Sha256 of the parsed configuration, hex."""
        return hashlib.sha256(json.dumps(self.model_dump(mode="json"), sort_keys=True).encode()).hexdigest()


def load_config(path: Path | None = None, overrides: Sequence[str] = ()) -> Config:
    """Read a TOML file (or the defaults) and apply `KEY=VALUE` overrides.

    Raises:
        ConfigError: A file that cannot be read, or keys and values that break a rule.
    """
    data = {} if path is None else _read(path)
    for override in overrides:
        _apply(data, override)
    try:
        return Config.model_validate(data)
    except ValidationError as error:
        raise ConfigError("\n".join(_problems(error))) from error


def _read(path: Path) -> dict[str, Any]:
    cure = "`hedgegrid init` writes a correct file"
    try:
        with path.open("rb") as file:
            text = file.read(LARGEST_FILE + 1)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}); name an existing file") from error
    if len(text) > LARGEST_FILE:
        raise ConfigError(f"{path}: is larger than any configuration, {LARGEST_FILE} bytes; {cure}")
    try:
        return tomllib.loads(text.decode("utf-8-sig"), parse_float=Decimal)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: is not TOML ({str(error)[:PARSER_WORDS]}); {cure}") from error
    except RecursionError as error:
        raise ConfigError(f"{path}: is not TOML (nested too deeply); {cure}") from error
    except (ArithmeticError, ValueError) as error:  # what tomllib lets through of Decimal and int
        raise ConfigError(f"{path}: is not TOML (a number in it is beyond all bounds); {cure}") from error


def _apply(data: dict[str, Any], override: str) -> None:
    key, equals, text = override.partition("=")
    parts = [part.strip() for part in key.split(".")]
    if not equals or len(parts) != 2 or not all(parts):
        private = equals and is_private(parts, text)
        told, cure = (f"{key}=***", f"; {KEY_WORDS}") if private else (override, "")
        raise ConfigError(f"--set {told}: must be SECTION.KEY=VALUE, such as grid.step_bps=2{cure}")
    section = data.setdefault(parts[0], {})
    if not isinstance(section, dict):
        raise ConfigError(f"{parts[0]} = {section}: must be a table of keys")
    section[parts[1]] = _value(text.strip())


def _value(text: str) -> Any:  # noqa: ANN401
    try:
        return tomllib.loads(f"value = {text}", parse_float=Decimal)["value"]
    except (ArithmeticError, ValueError, RecursionError):
        return text


def _problems(error: ValidationError) -> Iterator[str]:
    problems = error.errors(include_url=False)
    for problem in problems[:PROBLEMS_TOLD]:
        path = [str(part) for part in problem["loc"]]
        key = ".".join(_shown(part) for part in path)
        if not path:
            yield str(problem["ctx"]["error"])
        elif is_private(path, problem["input"]):
            yield f"{key} = ***: {_private_rule(path, problem)}"
        elif problem["type"] == "extra_forbidden":
            yield f"{key} = {_shown(problem['input'])}: unknown key; {_nearest(path)}"
        else:
            yield f"{key} = {_shown(problem['input'])}: {_rule(key, problem)}"
    if len(problems) > PROBLEMS_TOLD:
        yield f"and {len(problems) - PROBLEMS_TOLD} more"


def _shown(value: Any) -> str:  # noqa: ANN401
    """The value in few characters, none of which steers a terminal."""
    if isinstance(value, dict | BaseModel):
        return "{...}"
    try:
        text = str(value)
    except (ValueError, RecursionError):  # an integer of too many digits, a list of too many lists
        return "..."
    text = text if len(text) <= 60 else f"{text[:57]}..."
    return text if text.isprintable() else repr(text)


def _private_rule(path: Sequence[str], problem: Any) -> str:  # noqa: ANN401
    if problem["type"] == "string_pattern_mismatch":
        return f"must be a variable's name; {KEY_WORDS}"
    if problem["type"] == "extra_forbidden":
        return f"unknown key; {KEY_WORDS if names_a_secret(path[-1]) else _nearest(path)}"
    return _rule(".".join(path), problem)


def _rule(key: str, problem: Any) -> str:  # noqa: ANN401
    context = problem.get("ctx", {})
    bound = next((context[name] for name in ("ge", "gt", "le", "lt") if name in context), None)
    words = {
        "greater_than_equal": f"must be at least {bound}",
        "greater_than": f"must be more than {bound}",
        "less_than_equal": f"must be at most {bound}",
        "less_than": f"must be less than {bound}",
        "finite_number": "must be a finite number",
        "int_from_float": "must be a whole number",
        "decimal_type": "must be a number",
        "decimal_max_places": f"must have at most {context.get('decimal_places')} decimals",
        "string_pattern_mismatch": f"must match {context.get('pattern')}",
    }
    rule = words.get(problem["type"])
    if rule is None:
        rule = str(context["error"]) if "error" in context else problem["msg"].lower().replace("input should", "must")
    if key == "grid.step_bps" and problem["type"] == "greater_than_equal":
        rule += " (fees alone cost 4 bps a round trip)"
    return rule


def _nearest(path: Sequence[str]) -> str:
    section = Config.model_fields.get(path[0])
    if len(path) == 1 or section is None:
        known, prefix = list(Config.model_fields), ""
    else:
        known, prefix = list(_fields(section)), f"{path[0]}."
    close = difflib.get_close_matches(_shown(path[-1]), known, n=1, cutoff=0.4)
    return f"did you mean {prefix}{close[0]}?" if close else f"known: {', '.join(prefix + name for name in known)}"


def _fields(section: FieldInfo) -> dict[str, FieldInfo]:
    model: Any = section.annotation
    fields: dict[str, FieldInfo] = model.model_fields
    return fields


def template() -> str:
    """A commented TOML file with every key at its default."""
    lines = ["# HedgeGrid configuration. Every key is optional; what stands here are the defaults."]
    for name, section in Config.model_fields.items():
        lines += ["", f"# {section.default.title}", f"[{name}]"]
        for key_name, field in _fields(section).items():
            extra = field.json_schema_extra
            unit = extra["unit"] if isinstance(extra, dict) else ""
            lines.append(f"# {field.description} ({unit}{_bounds(field)})")
            lines.append(f"{key_name} = {_toml(field.default)}")
    return "\n".join(lines) + "\n"


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else str(value)


def _bounds(field: FieldInfo) -> str:
    marks = field.metadata
    low = next(
        (f"{'at least' if isinstance(m, Ge) else 'more than'} {_edge(m)}" for m in marks if isinstance(m, Ge | Gt)),
        "",
    )
    high = next((f"at most {m.le}" for m in marks if isinstance(m, Le)), "")
    return "".join(f"; {part}" for part in (low, high) if part)


def _edge(mark: Ge | Gt) -> object:
    return mark.ge if isinstance(mark, Ge) else mark.gt
