"""Commands and options: the contract that scripts and users rely on."""

import math
import os
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack, closing
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, NoReturn

import typer
from msgspec.structs import replace

from hedgegrid_tui import __version__
from hedgegrid_tui.arguments import plain
from hedgegrid_tui.engine.plan import (
    AS_FAST_AS_IT_GOES,
    BAD_INPUT,
    COULD_NOT_START,
    SIM_DEFAULT_SEED,
    AtStart,
    Mode,
    SessionPlan,
    StartError,
)
from hedgegrid_tui.engine.state_dir import LockedError, StateDir, default_base
from hedgegrid_tui.signals import PROCESS

if TYPE_CHECKING:
    from hedgegrid_tui.session import Look
    from strategy.config import Config

app = typer.Typer(add_completion=False, no_args_is_help=False, pretty_exceptions_enable=False)

COMMANDS: Final = ("run", "init", "check", "drill", "journal", "status", "flatten", "version")
DEFAULT_FILE: Final = Path("hedgegrid.toml")
DEFAULT_SYMBOL: Final = "BTCUSDT"
"""Of a session without a configuration of its own, which is then loaded after the first paint."""
DEFAULT_SCENARIO: Final = "lively"
DEFAULT_FPS: Final = 4
SPEED_LIMIT: Final = 100_000
OWNER_ONLY: Final = 0o077
"""What a session keeps from others of every file that it makes, those of libraries too."""

ConfigOption = Annotated[Path | None, typer.Option("--config", metavar="FILE", help="Configuration, TOML.")]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Override one key, such as grid.step_bps=2."),
]
StateOption = Annotated[Path | None, typer.Option("--state-dir", metavar="DIR", help="Where journal and lock live.")]
ModeOption = Annotated[Mode, typer.Option("--mode", help="The mode whose session it is.")]
InstrumentOption = Annotated[
    str | None, typer.Option("--instrument", metavar="SYMBOL", help="Which one; else that of the configuration.")
]


def main() -> NoReturn:
    """Entry point: `hedgegrid` alone is `hedgegrid run`."""
    arguments = sys.argv[1:]
    if not arguments or (arguments[0] not in COMMANDS and arguments[0] not in ("--help", "-h")):
        arguments = ["run", *arguments]
    found = plain(run, arguments[1:]) if arguments[0] == "run" else None
    if found is None:
        app(args=arguments, prog_name="hedgegrid")
        sys.exit(0)
    try:
        run(**found)
    except typer.Exit as done:
        sys.exit(done.exit_code)
    sys.exit(0)


@app.command()
def run(
    mode: Annotated[Mode, typer.Option(help="Where prices and fills come from.")] = Mode.SIM,
    config: ConfigOption = None,
    sets: SetOption = None,
    data: Annotated[Path | None, typer.Option(metavar="FILE", help="Recording, for replay.")] = None,
    speed: Annotated[str, typer.Option(metavar="N|max", help="Market seconds per second, for replay.")] = "1",
    seed: Annotated[int, typer.Option(metavar="N", help="Which simulated market.")] = SIM_DEFAULT_SEED,
    scenario: Annotated[str, typer.Option(metavar="NAME", help="Kind of simulated market.")] = DEFAULT_SCENARIO,
    state_dir: StateOption = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Forget an earlier session's pause and throttle.")] = False,
    theme: Annotated[str, typer.Option(metavar="NAME", help="Colours of the dashboard.")] = "hedgegrid-dark",
    fps: Annotated[
        int, typer.Option(metavar="N", min=1, max=30, help="Frames a second; fewer for a slow line.")
    ] = DEFAULT_FPS,
    read_only: Annotated[bool, typer.Option("--read-only", help="No key or command acts.")] = False,
    headless: Annotated[bool, typer.Option("--headless", help="No screen; commands from standard input.")] = False,
    json: Annotated[bool, typer.Option("--json", help="With --headless: JSON Lines on standard output.")] = False,
    seconds: Annotated[
        float | None, typer.Option("--for", metavar="SECONDS", help="Quit after so much market time.")
    ] = None,
    at_start: Annotated[
        AtStart | None,
        typer.Option("--at-start", help="What to do about own orders and positions at the venue; asked for otherwise."),
    ] = None,
    confirm: Annotated[
        str, typer.Option("--confirm", metavar="TEXT", help='For live: "LIVE BTCUSDT", else it is asked for.')
    ] = "",
    no_tmux: Annotated[bool, typer.Option("--no-tmux", help="Live over SSH without tmux or screen.")] = False,
) -> None:
    """Trade: a dashboard by default, on the simulated market by default."""
    PROCESS.install()
    os.umask(OWNER_ONLY)
    settings = _settings(config, sets) if config is not None or sets or mode.is_on_binance else None
    _check_run(mode, data, seconds, json=json, headless=headless)
    _check_account(mode, at_start, confirm, fresh=fresh)
    base = state_dir or default_base()
    look = None if headless else _look(theme, fps, base, settings, read_only=read_only)
    speed_factor = _speed(speed)
    _check_scenario(scenario)
    if settings is not None and mode.trades_an_account:
        _check_door(mode, settings, confirm, no_tmux=no_tmux, headless=headless)
    from hedgegrid_tui.engine.log_tap import LogTap
    from hedgegrid_tui.session import Session
    from strategy.journal import Journal, JournalError

    symbol = DEFAULT_SYMBOL if settings is None else settings.instrument.symbol
    with ExitStack() as held:
        try:
            state = held.enter_context(StateDir(base, mode, symbol))
            if mode is Mode.REPLAY:
                state.set_journal_aside()
            log = held.enter_context(closing(LogTap(state.log)))
            lines = Journal(state.journal)
        except (LockedError, JournalError) as error:
            _fail(str(error), COULD_NOT_START)
        except OSError as error:
            _fail(f"{error.filename or 'state folder'}: {error.strerror}; choose another --state-dir", COULD_NOT_START)
        choice = at_start or AtStart.ADOPT
        if settings is not None and mode.trades_an_account and at_start is None and not headless:
            from hedgegrid_tui.at_the_door import choose_at_start

            choice = choose_at_start(mode, settings)

        @cache
        def plan() -> SessionPlan:
            return SessionPlan(
                mode=mode,
                config=settings or _settings(None, ()),
                state_dir=state.path,
                version=__version__,
                data=data,
                speed=speed_factor,
                seed=seed,
                scenario=scenario,
                seconds=seconds,
                fresh=fresh,
                at_start=choice,
            )

        session = Session(plan, mode, symbol, lines, log)
        code = session.headless(json=json, read_only=read_only) if look is None else session.on_screen(look)
    raise typer.Exit(code)


@app.command()
def init(file: Annotated[Path, typer.Argument(metavar="FILE")] = DEFAULT_FILE) -> None:
    """Write a commented configuration; never overwrites."""
    from strategy.config import template

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
    state_dir: StateOption = None,
    json: Annotated[bool, typer.Option("--json", help="The venue's checks as JSON Lines.")] = False,
) -> None:
    """Validate the configuration, print what would be traded, check the venue; 3 where no session could start."""
    from hedgegrid_tui.describe import describe

    settings = _settings(config, sets)
    for line in () if json else describe(settings):
        typer.echo(line)
    if not mode.is_on_binance:
        return
    from hedgegrid_tui.checks import check_venue
    from strategy.journal import JournalError
    from strategy.past import read_past

    journal = StateDir(state_dir or default_base(), mode, settings.instrument.symbol).journal
    try:
        past = read_past(journal) if mode.trades_an_account else None
    except JournalError as error:
        _fail(str(error), COULD_NOT_START)
    raise typer.Exit(check_venue(settings, mode, os.environ, past, json=json))


@app.command()
def drill(
    only: Annotated[list[str] | None, typer.Option("--only", metavar="STEP", help="Only it; may be repeated.")] = None,
    rehearsals: Annotated[
        int, typer.Option(metavar="N", min=1, max=10_000, help="How often the flatten is rehearsed.")
    ] = 1,
    sets: SetOption = None,
    json: Annotated[bool, typer.Option("--json", help="JSON Lines: each step, then the whole.")] = False,
) -> None:
    """Rehearse the emergency on a simulated market of its own; 1 where a step fails."""
    from hedgegrid_tui.drill import drill as rehearse

    try:
        code = rehearse(only or (), rehearsals, sets or (), json=json)
    except ValueError as error:
        _fail(str(error), BAD_INPUT)
    except OSError as error:
        _fail(f"{error.filename or 'temporary folder'}: {error.strerror}; set TMPDIR to another", COULD_NOT_START)
    raise typer.Exit(code)


@app.command()
def journal(
    state_dir: StateOption = None,
    mode: ModeOption = Mode.SIM,
    instrument: InstrumentOption = None,
    config: ConfigOption = None,
    kind: Annotated[
        list[str] | None, typer.Option("--kind", metavar="KIND", help="Only lines of it; may be repeated.")
    ] = None,
    since: Annotated[str, typer.Option(metavar="TIME", help="ISO time, clock time today (UTC), or 15m, 2h, 3d.")] = "",
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as it grows; Ctrl-C ends.")] = False,
    json: Annotated[bool, typer.Option("--json", help="The lines as they are.")] = False,
) -> None:
    """Read what was pressed, seen and answered; 1 where a line is missing or broken."""
    from hedgegrid_tui import audit, journal_tail

    state = _state(state_dir, mode, instrument, config)
    try:
        now = journal_tail.latest_ts(state.journal) if mode is Mode.REPLAY else time.time_ns()
        code = audit.run(state.journal, audit.wanted(kind or (), since, now), raw=json, follow=follow)
    except journal_tail.AuditError as error:
        _fail(str(error), BAD_INPUT)
    raise typer.Exit(code)


@app.command()
def status(
    state_dir: StateOption = None,
    mode: ModeOption = Mode.SIM,
    instrument: InstrumentOption = None,
    config: ConfigOption = None,
    json: Annotated[bool, typer.Option("--json", help="One object on standard output.")] = False,
) -> None:
    """Print what a running or stopped session last knew, from its journal."""
    from hedgegrid_tui import journal_tail, status_words
    from hedgegrid_tui.status import as_json, read_status

    state = _state(state_dir, mode, instrument, config)
    try:
        found = read_status(state)
    except journal_tail.AuditError as error:
        _fail(str(error), BAD_INPUT)
    for line in [as_json(found)] if json else status_words.as_text(found):
        typer.echo(line)
    if found.problem:
        _fail(found.problem, found.exit_code)


@app.command()
def flatten(
    mode: Annotated[Mode, typer.Option("--mode", help="testnet or live.")],
    config: ConfigOption = None,
    sets: SetOption = None,
    state_dir: StateOption = None,
    leg: Annotated[str, typer.Option(metavar="long|short|both", help="Which leg.")] = "both",
    include_foreign: Annotated[
        bool, typer.Option("--include-foreign", help="Cancel orders that are not ours too.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Without the typed confirmation, for scripts.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Even beside a running session.")] = False,
    json: Annotated[bool, typer.Option("--json", help="JSON Lines on standard output.")] = False,
) -> None:
    """Cancel and close at the venue without a node; shows what it found and asks first."""
    from hedgegrid_tui.flatten_command import Wish
    from hedgegrid_tui.flatten_command import flatten as flatten_now

    wish = Wish(
        mode=mode,
        config=_settings(config, sets),
        base=state_dir or default_base(),
        leg=leg,
        include_foreign=include_foreign,
        yes=yes,
        force=force,
        as_json=json,
    )
    raise typer.Exit(flatten_now(wish))


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(f"hedgegrid {__version__}")


def _settings(config: Path | None, sets: Sequence[str] | None) -> "Config":
    from strategy.config import ConfigError, load_config

    try:
        return load_config(config, sets or ())
    except ConfigError as error:
        _fail(str(error), BAD_INPUT)


def _state(base: Path | None, mode: Mode, instrument: str | None, config: Path | None) -> StateDir:
    """Where a session of that mode and instrument keeps its state."""
    symbol = instrument or _settings(config, ()).instrument.symbol
    if not symbol.isalnum():
        _fail(f"--instrument {symbol}: must be a symbol such as BTCUSDT", BAD_INPUT)
    return StateDir(base or default_base(), mode, symbol)


def _check_account(mode: Mode, at_start: AtStart | None, confirm: str, *, fresh: bool) -> None:
    """What goes with a session on an account, and what does not."""
    if at_start is not None and not mode.trades_an_account:
        _fail(f"--at-start {at_start}: is for testnet and live; --mode {mode} starts with an empty venue", BAD_INPUT)
    if confirm and mode is not Mode.LIVE:
        _fail(f"--confirm: is for --mode live, not for {mode}", BAD_INPUT)
    if fresh and mode is Mode.LIVE:
        _fail("--fresh: not in live; end a latched state by its own key, and start without it", BAD_INPUT)


def _check_door(mode: Mode, settings: "Config", confirm: str, *, no_tmux: bool, headless: bool) -> None:
    """Let in what has a key, and real money only where somebody has confirmed it."""
    from hedgegrid_tui.at_the_door import RefusedError, let_in

    try:
        let_in(mode, settings, os.environ, confirm, no_tmux=no_tmux, asks=not headless)
    except RefusedError as error:
        _fail(str(error), BAD_INPUT)
    except (StartError, ValueError) as error:
        _fail(str(error), COULD_NOT_START)


def _check_run(mode: Mode, data: Path | None, seconds: float | None, *, json: bool, headless: bool) -> None:
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


def _look(theme: str, fps: int, memory: Path, settings: "Config | None", *, read_only: bool) -> "Look":
    """How the dashboard looks, with what the trader's own files say of it; what is wrong there is told."""
    from hedgegrid_tui import keymap, theming
    from hedgegrid_tui.session import Look
    from hedgegrid_tui.settings import config_dir
    from hedgegrid_tui.terminal import say, why_no_screen

    reason = why_no_screen()
    if reason is not None:
        _fail(f"{reason}; use --headless without one", BAD_INPUT)
    own = config_dir()
    try:
        themes = theming.load(own / "themes", theming.terminal_colours())
    except theming.ThemeError as error:
        _fail(str(error), BAD_INPUT)
    unknown = theming.refusal(theme, themes)
    if unknown is not None:
        _fail(f"--theme {theme}: {unknown}", BAD_INPUT)
    keys = keymap.load(own / "keys.toml")
    for complaint in (*themes.complaints, *keys.complaints):
        say(complaint)
    look = Look(theme=theme, themes=themes, keymap=keys, fps=fps, memory=memory, read_only=read_only)
    if settings is None:
        return look
    watchdog = settings.watchdog
    return replace(look, stuck_after_s=watchdog.loop_stall_ms / 1000, alarm_repeat_s=float(watchdog.alarm_repeat_s))


def _check_scenario(name: str) -> None:
    if name == DEFAULT_SCENARIO:
        return
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
