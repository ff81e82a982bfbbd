"""`hedgegrid flatten`: shows what is at the venue, asks, flattens it over REST without a node, and tells the truth."""

import asyncio
import contextlib
import os
import signal
import sys
import textwrap
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from hedgegrid_tui import __version__, flatten_words
from hedgegrid_tui.engine.binance.flatten.books import Books
from hedgegrid_tui.engine.binance.flatten.look import Cost, Found, costs, look
from hedgegrid_tui.engine.binance.flatten.procedure import FlattenAtVenue, Outcome, Wanted
from hedgegrid_tui.engine.binance.flatten.record import Record
from hedgegrid_tui.engine.binance.rest import truth as rest_truth
from hedgegrid_tui.engine.binance.rest.client import BinanceRest, LimitedError, RestError, VenueError
from hedgegrid_tui.engine.binance.rest.credentials import CredentialError, Credentials, load_credentials
from hedgegrid_tui.engine.binance.rest.endpoints import endpoints
from hedgegrid_tui.engine.plan import BAD_INPUT, COULD_NOT_START, NOT_FLAT_AS_ASKED, OUTCOME_UNKNOWN, Mode
from hedgegrid_tui.engine.state_dir import Holder, LockedError, StateDir, holder_of
from hedgegrid_tui.flatten_notebook import Notebook, open_notebook
from strategy.config import Config, ConfigError
from strategy.control import Result
from strategy.domain import NS_PER_MS, Leg, plain

LEGS: Final = {"long": (Leg.LONG,), "short": (Leg.SHORT,), "both": tuple(Leg)}
VENUES: Final = (Mode.TESTNET, Mode.LIVE)
LEAST_BOUND_S: Final = 30.0
LONGEST_WINDOW_MS: Final = 5_000
"""A close that is older on arrival is refused; the shorter, the sooner an unanswered one is known to have failed."""
CLOCKS_MS: Final = 1_500
"""So much longer a request may be taken: the venue accepts times that are a second ahead of its own."""
OVERLOADED: Final = 500
"""From this HTTP status on a refusal is for a moment, not for what was asked."""
LOOKS: Final = 3
"""Tries of the first look, before it is said that the venue cannot be reached."""
LONGEST_FIRST_WAIT_S: Final = 60.0
"""A rate limit that lasts longer ends the first look."""
SOURCE_OF_HELP: Final = "Binance itself: Futures, Positions, Close All"


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """The command's options."""

    mode: Mode
    config: Config
    base: Path
    """Of state folders."""
    leg: str = "both"
    include_foreign: bool = False
    yes: bool = False
    force: bool = False
    as_json: bool = False


class Scene(NamedTuple):
    """The first look, and what goes with it."""

    found: Found
    wanted: Wanted
    costs: Mapping[Leg, Cost]


class _RefusedError(Exception):
    """It ends before anything was done."""

    def __init__(self, words: str, code: int) -> None:
        super().__init__(words)
        self.code = code


def flatten(
    wish: Wish, environ: Mapping[str, str] | None = None, ask: Callable[[str], str] | None = None
) -> int:  # fmt: skip
    """Carry out the command; gives its exit status. `ask` takes the prompt and gives what was typed."""
    command: _Command | None = None
    try:
        command = _Command(wish, os.environ if environ is None else environ, ask)
        return command.run()
    except _RefusedError as refused:
        words, code = str(refused), refused.code
    except KeyboardInterrupt:
        words, code = "interrupted; nothing was done", BAD_INPUT
        if command is not None and command.acts:
            words, code = "interrupted; what is at the venue is not known", OUTCOME_UNKNOWN
    for line in words.splitlines():
        _print(f"hedgegrid: {line}", sys.stderr)
    return code


class _Command:
    """One run of it, on the main thread."""

    def __init__(self, wish: Wish, environ: Mapping[str, str], ask: Callable[[str], str] | None) -> None:
        if wish.mode not in VENUES:
            raise _RefusedError(f"--mode {wish.mode}: has nothing at Binance; use testnet or live", BAD_INPUT)
        if wish.leg not in LEGS:
            raise _RefusedError(f"--leg {wish.leg}: must be long, short or both", BAD_INPUT)
        if not wish.yes and ask is None and (sys.stdin is None or not sys.stdin.isatty()):
            raise _RefusedError("needs a terminal for its confirmation; --yes goes without one", BAD_INPUT)
        self.acts = False
        """Whether anything may have been sent."""
        self._wish = wish
        self._config = wish.config
        self._symbol = wish.config.instrument.symbol
        self._quote = wish.config.instrument.quote
        self._legs = LEGS[wish.leg]
        self._ask = ask or self._ask_terminal
        self._window_ms = min(self._config.binance.recv_window_ms, LONGEST_WINDOW_MS)
        self._phrase = f"FLATTEN {self._symbol}"
        self._credentials, self._endpoints = self._access(environ)

    def _access(self, environ: Mapping[str, str]) -> tuple[Credentials, Any]:
        try:
            where = endpoints(self._wish.mode, self._config.binance)
            return load_credentials(self._config.binance, environ, self._wish.mode), where
        except ConfigError as error:
            raise _RefusedError(str(error), BAD_INPUT) from None
        except CredentialError as error:
            raise _RefusedError(str(error), COULD_NOT_START) from None

    def run(self) -> int:
        """Look, ask, act, tell."""
        with ExitStack() as held, asyncio.Runner() as runner:
            alone = self._lock(held)
            scene = runner.run(self._first_look())
            self._show(scene)
            if not (self._wish.yes or self._is_done(scene)):
                self._confirm()
            notebook = open_notebook(StateDir(self._wish.base, self._wish.mode, self._symbol), alone=alone)
            held.callback(notebook.close)
            self._say(notebook.words)
            return runner.run(self._act(scene, notebook))

    # -- before anything is done ---------------------------------------------------------------------------------------

    def _lock(self, held: ExitStack) -> bool:
        """Take the state folder; false where a session has it and it is to be done all the same."""
        state = StateDir(self._wish.base, self._wish.mode, self._symbol)
        try:
            held.enter_context(state)
        except LockedError:
            if not self._wish.force:
                raise _RefusedError(_holder_words(holder_of(state.lock)), COULD_NOT_START) from None
            self._say("a session runs beside this: unless it is paused or ended, it may send orders again")
            return False
        except OSError as error:
            self._say(f"{error.filename or state.lock}: {error.strerror}; whether a session runs there is not known")
            return False
        return True

    async def _first_look(self) -> Scene:
        """What is there now; a venue that does not answer is asked a few times."""
        async with self._client() as rest:
            for last in (False,) * (LOOKS - 1) + (True,):
                try:
                    return await self._scene(rest)
                except LimitedError as error:
                    if last or error.retry_after_s > LONGEST_FIRST_WAIT_S:
                        raise self._unreachable(error) from None
                    self._say(f"Binance asks to wait {error.retry_after_s:.0f} s (HTTP {error.status}); waiting")
                    await asyncio.sleep(error.retry_after_s)
                except rest_truth.OneWayError as error:
                    words = f"{error.words}, which is all that this closes; nothing was done"
                    raise _RefusedError(f"{words}; close it at {SOURCE_OF_HELP}", COULD_NOT_START) from None
                except RestError as error:
                    if last or (isinstance(error, VenueError) and error.status < OVERLOADED):
                        raise self._unreachable(error) from None
                    self._say(f"Binance does not tell what is there: {error.words}; asking again")
                    await asyncio.sleep(1.0)
        raise AssertionError  # the last look has returned or raised

    async def _scene(self, rest: BinanceRest) -> Scene:
        found = await look(rest, self._symbol)
        wanted = Wanted(
            symbol=self._symbol,
            legs=self._legs,
            include_foreign=self._wish.include_foreign,
            bound_s=max(LEAST_BOUND_S, self._config.execution.flatten_timeout_ms / 1000),
            largest=await self._largest(rest),
            arrives_s=(self._window_ms + CLOCKS_MS) / 1000,
        )
        return Scene(found, wanted, await costs(rest, self._symbol, found, self._config.instrument.taker_fee))

    async def _largest(self, rest: BinanceRest) -> Decimal:
        """Of one close at market; the configuration's bound alone where the venue does not tell its own."""
        bound = self._config.instrument.max_qty
        try:
            filters = await rest_truth.exchange_filters(rest, self._symbol)
        except RestError as error:
            self._say(f"Binance does not tell its filters: {error.words}; pieces of at most {plain(bound)}")
            return bound
        largest, step = min(filters.market_max_qty, bound), filters.step_size
        if step > 0:
            largest = largest // step * step
        return largest if largest > 0 else bound

    def _unreachable(self, error: RestError) -> _RefusedError:
        return _RefusedError(f"{error}; nothing was done", COULD_NOT_START)

    def _show(self, scene: Scene) -> None:
        name = f"{self._wish.mode} {self._symbol}, key {self._credentials.masked}"
        if self._wish.as_json:
            self._emit("found", **flatten_words.fields(scene.found))
            return
        self._print(f"{name}: what is there")
        for line in flatten_words.there(scene.found, self._quote):
            self._print(line)
        self._print(f"flatten {' and '.join(self._legs)}")
        for line in flatten_words.plan(scene.found, scene.wanted, scene.costs, self._quote):
            self._print(line)

    def _is_done(self, scene: Scene) -> bool:
        """Whether nothing would be sent, so that nothing needs a confirmation."""
        found, wanted = scene.found, scene.wanted
        return found.is_flat(self._legs) and not (wanted.include_foreign and found.foreign(self._legs))

    def _confirm(self) -> None:
        typed = self._ask(f"Type {self._phrase} to do it: ")
        if typed.strip() != self._phrase:
            raise _RefusedError(f"not confirmed: {self._phrase} was not typed; nothing was done", BAD_INPUT)

    def _ask_terminal(self, prompt: str) -> str:
        _print(prompt, sys.stderr if self._wish.as_json else sys.stdout, end="")
        try:
            return sys.stdin.readline()
        except (OSError, ValueError):
            return ""  # a terminal that is gone, or bytes that are no text

    # -- the act -------------------------------------------------------------------------------------------------------

    async def _act(self, scene: Scene, notebook: Notebook) -> int:
        self.acts, stop = True, asyncio.Event()
        record = Record(notebook.writer, notebook.past)
        args = {} if len(self._legs) > 1 else {"leg": str(self._legs[0])}
        if self._wish.include_foreign:
            args["include"] = "foreign"
        record.begin(
            self._wish.mode, self._symbol, __version__, self._config.digest(), self._legs, args,
            torn=notebook.torn,
        )  # fmt: skip
        async with self._client() as rest:
            run = FlattenAtVenue(rest, scene.wanted, record, self._tell, stop)
            task = asyncio.ensure_future(run.run())
            with self._signals(stop, task):
                outcome = await self._outcome(task, record)
                first = outcome.first or scene.found
                if outcome.found is not None:
                    books = Books(rest, self._symbol, self._quote, record, run.numbers, run.executed)
                    now = time.time_ns() + rest.clock_offset_ms * NS_PER_MS
                    problem = await books.settle(first, outcome.found, self._legs, notebook.since_ns, now)
                    if problem:
                        self._tell(f"the journal's fills may be incomplete: {problem}", None)
                return self._end(outcome, scene.wanted, record, first)

    async def _outcome(self, task: "asyncio.Future[Outcome]", record: Record) -> Outcome:
        """The truth is owed whatever breaks."""
        try:
            return await task
        except asyncio.CancelledError:
            why = "broken off by the operator"
        except Exception as error:  # noqa: BLE001
            why = f"an error of its own, {type(error).__name__}: {error}"
            record.error(type(error).__name__, str(error))
        return Outcome(None, flat=False, closed={}, why=why)

    @contextlib.contextmanager
    def _signals(self, stop: asyncio.Event, task: "asyncio.Future[Outcome]") -> Iterator[None]:
        """Ctrl-C or SIGTERM: the first ends it after the step that runs, the second at once; a hang-up is no reason."""
        loop = asyncio.get_running_loop()

        def end() -> None:
            if stop.is_set():
                task.cancel()
            else:
                self._tell("stopping after the step that runs; once more breaks it off", None)
                stop.set()

        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, end)
        loop.add_signal_handler(signal.SIGHUP, lambda: None)
        try:
            yield
        finally:
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                loop.remove_signal_handler(number)

    # -- what came of it -----------------------------------------------------------------------------------------------

    def _end(self, outcome: Outcome, wanted: Wanted, record: Record, first: Found) -> int:
        found, names = outcome.found, " and ".join(self._legs)
        if outcome.flat:
            code, words, result = 0, f"{names} flat, verified", Result.DONE
        elif found is not None:
            open_legs = " and ".join(leg for leg in self._legs if not found.is_flat((leg,))) or "orders"
            code, words, result = NOT_FLAT_AS_ASKED, f"flatten failed: {open_legs} NOT FLAT", Result.TIMEOUT
        else:
            code, words, result = OUTCOME_UNKNOWN, "flatten ended: what is at the venue is not known", Result.FAILED
        flat = "unknown" if found is None else "flat" if found.is_flat(Leg) else "not_flat"
        legs = {str(leg): flatten_words.detail(leg, outcome, first) for leg in self._legs}
        detail: dict[str, Any] = legs if outcome.flat else {**legs, "reason": outcome.why}
        left = {leg: None if found is None else found.qty(leg) for leg in self._legs}
        record.end(result, detail, words, flat, code, left)
        if self._wish.as_json:
            told = "flat" if outcome.flat else "unknown" if found is None else "not_flat"
            foreign = None if found is None else len(found.foreign(Leg))
            self._emit("summary", mode=self._wish.mode, instrument=self._symbol, flat=told, legs=legs,
                       orders_not_ours=foreign, why=outcome.why, exit_code=code)  # fmt: skip
            return code
        for line in flatten_words.result(outcome, wanted):
            self._print(line)
        return code

    # -- output --------------------------------------------------------------------------------------------------------

    def _tell(self, words: str, leg: Leg | None) -> None:
        if self._wish.as_json:
            self._emit("progress", ts=time.time_ns(), leg=leg, words=words)
            return
        head = f"{datetime.now(UTC):%H:%M:%S}Z {leg or '':5} "
        for line in textwrap.wrap(words, flatten_words.WIDTH, initial_indent=head, subsequent_indent=" " * len(head)):
            self._print(line)

    def _say(self, words: str) -> None:
        """Something beside the flatten itself."""
        if self._wish.as_json:
            _print(f"hedgegrid: {words}", sys.stderr)
        else:
            for line in textwrap.wrap(words, flatten_words.WIDTH, break_long_words=False, break_on_hyphens=False):
                self._print(line)

    def _emit(self, kind: str, **fields: Any) -> None:  # noqa: ANN401
        self._print(msgspec.json.encode({"type": kind, **fields}).decode())

    def _print(self, line: str) -> None:
        _print(line, sys.stdout)

    @contextlib.asynccontextmanager
    async def _client(self) -> AsyncIterator[BinanceRest]:
        section = self._config.binance
        rest = BinanceRest(
            self._endpoints,
            self._credentials,
            timeout_s=section.http_timeout_ms / 1000,
            recv_window_ms=self._window_ms,
        )
        try:
            yield rest
        finally:
            await rest.close()


def _holder_words(holder: Holder | None) -> str:
    if holder is not None and holder.command.split()[1:2] == ["flatten"]:
        return f"another flatten runs already: {holder}; wait for its end; --force acts beside it"
    who = "" if holder is None else f": {holder}"
    return f"a session runs{who}; press its flatten key (F), or send it `flatten`; --force acts beside it"


def _print(line: str, stream: Any, end: str = "\n") -> None:  # noqa: ANN401
    """A terminal that is gone does not keep a flatten from its end, nor does one that lacks a character."""
    try:
        try:
            print(line, file=stream, flush=True, end=end)
        except UnicodeEncodeError:
            print(line.encode("ascii", "backslashreplace").decode(), file=stream, flush=True, end=end)
    except (OSError, ValueError):
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())  # what it has buffered would fail again
