"""Commands and options: the contract that scripts and users rely on."""

import math
import sys
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Final, NoReturn

import typer

from hedgegrid_tui import __version__
from hedgegrid_tui.engine.plan import (
    AS_FAST_AS_IT_GOES,
    BAD_INPUT,
    COULD_NOT_START,
    SIM_DEFAULT_SEED,
    Mode,
    SessionPlan,
)
from hedgegrid_tui.engine.state_dir import LockedError, StateDir, default_base
from strategy.config import Config, ConfigError, PlacementPolicy, load_config, template
from strategy.regime import RegimeWatch
from strategy.snapshot import EnginePhase, EngineStatus, Snapshot

app = typer.Typer(add_completion=False, no_args_is_help=False, pretty_exceptions_enable=False)

COMMANDS: Final = ("run", "init", "check", "version")
DEFAULT_FILE: Final = Path("hedgegrid.toml")
READY: Final = (Mode.SIM, Mode.REPLAY)
SPEED_LIMIT: Final = 100_000

ConfigOption = Annotated[Path | None, typer.Option("--config", metavar="FILE", help="Configuration, TOML.")]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Override one key, such as grid.step_bps=2."),
]
StateOption = Annotated[Path | None, typer.Option("--state-dir", metavar="DIR", help="Where journal and lock live.")]


def main() -> NoReturn:
    """Entry point: `hedgegrid` alone is `hedgegrid run`."""
    arguments = sys.argv[1:]
    if not arguments or (arguments[0] not in COMMANDS and arguments[0] not in ("--help", "-h")):
        arguments = ["run", *arguments]
    app(args=arguments, prog_name="hedgegrid")
    sys.exit(0)


@app.command()
def run(
    mode: Annotated[Mode, typer.Option(help="Where prices and fills come from.")] = Mode.SIM,
    config: ConfigOption = None,
    sets: SetOption = None,
    data: Annotated[Path | None, typer.Option(metavar="FILE", help="Recording, for replay.")] = None,
    speed: Annotated[str, typer.Option(metavar="N|max", help="Market seconds per second, for replay.")] = "1",
    seed: Annotated[int, typer.Option(metavar="N", help="Which simulated market.")] = SIM_DEFAULT_SEED,
    scenario: Annotated[str, typer.Option(metavar="NAME", help="Kind of simulated market.")] = "lively",
    state_dir: StateOption = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Forget an earlier session's pause and throttle.")] = False,
    theme: Annotated[str, typer.Option(metavar="NAME", help="Colours of the dashboard.")] = "hedgegrid-dark",
    read_only: Annotated[bool, typer.Option("--read-only", help="No key or command acts.")] = False,
    headless: Annotated[bool, typer.Option("--headless", help="No screen; commands from standard input.")] = False,
    json: Annotated[bool, typer.Option("--json", help="With --headless: JSON Lines on standard output.")] = False,
    seconds: Annotated[
        float | None, typer.Option("--for", metavar="SECONDS", help="Quit after so much market time.")
    ] = None,
) -> None:
    """Trade: a dashboard by default, on the simulated market by default."""
    settings = _settings(config, sets)
    _check_run(mode, data, seconds, json=json, headless=headless)
    if not headless:
        _check_screen(theme)
    speed_factor = _speed(speed)
    _check_scenario(scenario)
    try:
        with StateDir(state_dir or default_base(), mode, settings.instrument.symbol) as state:
            plan = SessionPlan(
                mode=mode,
                config=settings,
                state_dir=state.path,
                version=__version__,
                data=data,
                speed=speed_factor,
                seed=seed,
                scenario=scenario,
                seconds=seconds,
                fresh=fresh,
            )
            code = _session(plan, state, theme=theme, read_only=read_only, headless=headless, json=json)
    except LockedError as error:
        _fail(str(error), COULD_NOT_START)
    except OSError as error:
        _fail(
            f"{error.filename or 'state folder'}: {error.strerror}; choose another --state-dir",
            COULD_NOT_START,
        )
    raise typer.Exit(code)


def _session(plan: SessionPlan, state: StateDir, *, theme: str, read_only: bool, headless: bool, json: bool) -> int:
    from hedgegrid_tui.engine.host import EngineHost
    from hedgegrid_tui.engine.log_tap import LogTap
    from strategy.control import Ending
    from strategy.journal import Journal, JournalError

    if plan.mode is Mode.REPLAY:
        state.set_journal_aside()
    try:
        journal = Journal(state.journal)
    except JournalError as error:
        _fail(str(error), COULD_NOT_START)
    tap = LogTap(state.log)
    host = EngineHost(plan, journal, tap)
    try:
        if headless:
            from hedgegrid_tui.headless import Headless

            return Headless(host, plan.mode, json=json, read_only=read_only).run()
        from hedgegrid_tui.app import HedgeGridApp

        dashboard = HedgeGridApp(host, read_only=read_only, theme=theme)
        dashboard.run()
        flat = host.stop(Ending.LEAVE)
        print(_last_words(host.status, host.snapshot, flat, state), file=sys.stderr)
        return host.exit_code
    finally:
        host.stop(Ending.LEAVE)
        journal.close()
        tap.close()


def _last_words(status: EngineStatus, last: Snapshot, flat: str, state: StateDir) -> str:
    if status.phase is EnginePhase.FAILED:
        return f"hedgegrid: {status.detail}"
    held = f"long {last.long.qty}, short {last.short.qty}, {last.open_entries} entries and {last.open_exits} exits"
    words = "flat" if flat == "flat" else f"{flat.replace('_', ' ')}: {held} resting"
    return f"hedgegrid: ended {words}; journal: {state.journal}"


@app.command()
def init(file: Annotated[Path, typer.Argument(metavar="FILE")] = DEFAULT_FILE) -> None:
    """Write a commented configuration; never overwrites."""
    try:
        with file.open("x", encoding="utf-8") as target:
            target.write(template())
    except FileExistsError:
        _fail(f"{file}: exists already; name another file", BAD_INPUT)
    except OSError as error:
        _fail(f"{file}: cannot be written ({error.strerror}); name another file", BAD_INPUT)
    typer.echo(f"{file}: written; `hedgegrid check --config {file}` shows what it would trade")


@app.command()
def check(
    config: ConfigOption = None,
    mode: Annotated[Mode, typer.Option(help="The mode to check for.")] = Mode.SIM,
    sets: SetOption = None,
) -> None:
    """Validate the configuration and print what would be traded."""
    settings = _settings(config, sets)
    _check_mode(mode)
    for line in describe(settings):
        typer.echo(line)


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(f"hedgegrid {__version__}")


def describe(settings: Config) -> list[str]:
    """What a configuration trades, in plain words."""
    grid, instrument = settings.grid, settings.instrument
    quantities = [grid.base_qty * grid.qty_scale**level for level in range(grid.levels)]
    fees = instrument.maker_fee * 2 * 10_000
    reach, target, stop = (grid.step_bps * steps for steps in (grid.levels, grid.tp_steps, grid.sl_steps))
    total = sum(quantities)
    cheapest = instrument.min_notional / grid.base_qty
    base, quote = instrument.base, instrument.quote
    filters = f"tick {instrument.tick_size}, step {instrument.step_size} {base}"
    sizes = f"{quantities[0]} to {quantities[-1]:f} {base} a rung, {total:f} a side"
    return [
        f"instrument   {instrument.symbol} perpetual, {filters}, minimum notional {instrument.min_notional} {quote}",
        f"ladder       {grid.levels} rungs a side, {grid.step_bps} bps apart, out to {reach} bps; {sizes}",
        f"exits        take-profit {target} bps ({target - fees:f} after maker fees), stop {stop} bps from the entry",
        f"re-centre    {grid.recentre_trigger_bps} bps from the centre",
        *_shaping(settings),
        f"note         the first rung meets the minimum notional from a price of {cheapest:.2f} {quote} up",
    ]


def _shaping(settings: Config) -> list[str]:
    """What thins the ladders, and when."""
    regime, placement, funding = settings.regime, settings.placement, settings.funding
    averages = f"EMA {regime.fast_bars} and EMA {regime.slow_bars}"
    trend = f"{regime.enter_bps} bps between {averages} with ADX {regime.adx_trend}"
    calm = f"{regime.leave_bps} bps or ADX {regime.adx_calm}"
    meanwhile = "entries wait for them" if regime.require_warm else "sideways until then"
    core = placement.core_share if placement.policy is PlacementPolicy.CORE_AND_SCALP else Decimal(1)
    shares = f"{_percent(placement.counter_share)} of the side against it, {_percent(core)} of the other"
    cost = f"a leg that will pay more than {funding.max_cost_bps} bps keeps {_percent(funding.paying_share)}"
    guard = f"in the {funding.window_minutes} minutes before a settlement {cost} of its ladder"
    off = not funding.window_minutes or funding.paying_share == 1
    return [
        f"regime       up or down from {trend}, sideways below {calm}",
        f"warm-up      {RegimeWatch(regime).reading.needed} one-minute bars; {meanwhile}",
        f"placement    {placement.policy}: in a trend {shares}; throttle {_percent(placement.throttle)}",
        f"funding      {'the guard is off' if off else guard}",
    ]


def _percent(share: Decimal) -> str:
    return f"{(share * 100).normalize():f} %"


def _settings(config: Path | None, sets: Sequence[str] | None) -> Config:
    try:
        return load_config(config, sets or ())
    except ConfigError as error:
        _fail(str(error), BAD_INPUT)


def _check_mode(mode: Mode) -> None:
    if mode not in READY:
        _fail(f"--mode {mode}: not in this version; use sim or replay", BAD_INPUT)


def _check_run(mode: Mode, data: Path | None, seconds: float | None, *, json: bool, headless: bool) -> None:
    _check_mode(mode)
    if mode is Mode.REPLAY and data is None:
        _fail("--mode replay: needs --data FILE", BAD_INPUT)
    if mode is not Mode.REPLAY and data is not None:
        _fail(f"--data {data}: is for --mode replay", BAD_INPUT)
    if data is not None and not data.is_file():
        what = "is a folder" if data.is_dir() else "no such file"
        _fail(f"--data {data}: {what}; name one recording", BAD_INPUT)
    if seconds is not None and not (math.isfinite(seconds) and seconds > 0):
        _fail(f"--for {seconds}: must be more than 0", BAD_INPUT)
    if json and not headless:
        _fail("--json: goes with --headless", BAD_INPUT)


def _check_screen(theme: str) -> None:
    from hedgegrid_tui.terminal import why_no_screen
    from hedgegrid_tui.theming import themes

    reason = why_no_screen()
    if reason is not None:
        _fail(f"{reason}; use --headless without one", BAD_INPUT)
    if theme not in themes():
        _fail(f"--theme {theme}: unknown; known: {', '.join(sorted(themes()))}", BAD_INPUT)


def _check_scenario(name: str) -> None:
    from hedgegrid_tui.engine.markets.price_path import Scenario

    if name not in tuple(Scenario):
        _fail(f"--scenario {name}: unknown; known: {', '.join(Scenario)}", BAD_INPUT)


def _speed(text: str) -> float:
    if text == "max":
        return AS_FAST_AS_IT_GOES
    try:
        speed = float(text)
    except ValueError:
        speed = math.nan
    if not 0 < speed <= SPEED_LIMIT:
        _fail(f"--speed {text}: must be `max` or a number above 0, at most {SPEED_LIMIT}", BAD_INPUT)
    return speed


def _fail(message: str, code: int) -> NoReturn:
    for line in message.splitlines():
        print(f"hedgegrid: {line}", file=sys.stderr)
    sys.exit(code)
