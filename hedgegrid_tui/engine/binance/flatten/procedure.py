"""Flattens an instrument at Binance over REST alone, for when no node runs: cancels, closes, verifies, and says so."""

import asyncio
import math
from collections.abc import Iterable
from decimal import Decimal
from typing import Final

import msgspec

from hedgegrid_tui.engine.binance.flatten.closes import AGAIN_S, REFUSED_AGAIN_S, Closes, Executed
from hedgegrid_tui.engine.binance.flatten.look import Found, look, told_of
from hedgegrid_tui.engine.binance.flatten.pace import OverError, Pace, Tell
from hedgegrid_tui.engine.binance.flatten.record import OwnOrder, Record
from hedgegrid_tui.engine.binance.rest import truth as rest_truth
from hedgegrid_tui.engine.binance.rest.client import BinanceRest, LimitedError, RestError, VenueError
from hedgegrid_tui.engine.binance.rest.truth import VenueOrder
from strategy.domain import Leg, Role, plain

ENTRY_PATIENCE_S: Final = 3.0
"""Longer than this closing does not wait for the cancels of entries."""
EXIT_PATIENCE_S: Final = 5.0
"""Longer than this the exits of a leg that is flat do not wait for the other leg."""
AT_ONCE: Final = 5
"""Cancels under way at a time."""
LAST_LOOK_S: Final = 6.0
"""The last look may take so long beyond the bound."""


class Wanted(msgspec.Struct, frozen=True):
    """What is asked for."""

    symbol: str
    legs: tuple[Leg, ...]
    include_foreign: bool
    """Whether orders that are not ours are cancelled too."""
    bound_s: float
    largest: Decimal
    """Of one close at market, base."""
    arrives_s: float
    """A request that has not arrived so long after it was sent is refused as too old."""


class Outcome(msgspec.Struct, frozen=True):
    """What came of it."""

    found: Found | None
    """The last look, taken after everything that was sent; None where the venue did not answer it."""
    flat: bool
    """Whether that look shows the asked legs flat and no order of ours on them."""
    closed: dict[Leg, Executed]
    why: str
    """Why it ended before it was flat; empty where it is."""
    first: Found | None = None
    """What was there when it began; None where it never got an answer."""
    seen: Found | None = None
    """What was seen last where the last look was not answered; things may have changed since."""


class FlattenAtVenue:
    """One flatten, step by step; each step follows from a fresh look, so that repeating one changes nothing.

    `stop` set: it ends after the step that runs. Used on one loop.
    """

    def __init__(self, rest: BinanceRest, wanted: Wanted, record: Record, tell: Tell, stop: asyncio.Event) -> None:
        self._rest = rest
        self._wanted = wanted
        self._record = record
        self._pace = Pace(wanted.bound_s, tell, stop)
        self._closes = Closes(rest, wanted.symbol, wanted.largest, wanted.arrives_s, record, self._pace)
        self._quiet = self._pace.started + record.unanswered_s(wanted.arrives_s)
        """From then on nothing arrives any more that a session has sent whose end this follows."""
        self._asked: set[str] = set()
        """Orders whose cancel has a line in the journal."""
        self._numbers: dict[str, str] = {}
        self._first: Found | None = None
        self._seen: Found | None = None

    @property
    def numbers(self) -> dict[str, str]:
        """Our ids by the venue's numbers of orders, of all that was seen."""
        return self._numbers | self._closes.numbers

    @property
    def executed(self) -> dict[str, Decimal]:
        """What the closes have filled in all, where the venue has said so, by id."""
        return self._closes.executed

    async def run(self) -> Outcome:
        """Until it is flat, the time is over, or it is told to stop.

        Flat is what two looks in a row show, a moment apart: the venue's answers may lag behind its books.
        """
        why, found, shown = "", None, False
        try:
            while found is None:
                self._pace.check()
                looked = await self._look()
                if await self._step(looked):
                    shown = False
                elif shown and self._pace.now() >= self._quiet:
                    found = looked
                else:
                    await self._pace.pause(max(AGAIN_S, self._quiet - self._pace.now()))
                    shown = True
        except OverError as over:
            why = str(over)
            found = await self._last_look()
        flat = found is not None and self._is_flat(found)
        return Outcome(
            found, flat, self._closes.totals(), "" if flat else why, self._first, None if found else self._seen
        )

    # -- steps ---------------------------------------------------------------------------------------------------------

    async def _step(self, found: Found) -> bool:
        """What the look asks for; false where nothing is left to do."""
        wanted = self._wanted
        entries = found.own(wanted.legs, Role.ENTRY)
        if wanted.include_foreign:
            entries += tuple(order for order in found.foreign(wanted.legs) if not order.reduces)
        entries += tuple(o for o in found.own(wanted.legs, Role.CLOSE) if not self._closes.is_pending(o.leg))
        noun = "entry" if len(entries) == 1 else "entries"
        if entries and self._has_time(ENTRY_PATIENCE_S):
            await self._cancel(entries, noun, ENTRY_PATIENCE_S)
            return True
        busy = False
        for leg in wanted.legs:
            self._pace.check()
            busy |= await self._closes.advance(leg, found)
        if entries:
            await self._cancel(entries, noun, 0.0 if busy else math.inf)
        flat = [leg for leg in wanted.legs if not found.qty(leg)]
        exits = found.own(flat, Role.TP, Role.SL)
        if wanted.include_foreign:
            exits += tuple(order for order in found.foreign(flat) if order.reduces)
        if exits and not (busy and self._has_time(EXIT_PATIENCE_S)):
            await self._cancel(exits, "exit" if len(exits) == 1 else "exits")
        elif busy:
            await self._pace.pause(AGAIN_S)
        return bool(entries or busy or exits)

    def _has_time(self, patience_s: float) -> bool:
        return self._pace.now() < self._pace.started + patience_s

    def _is_flat(self, found: Found) -> bool:
        wanted = self._wanted
        return found.is_flat(wanted.legs) and not (wanted.include_foreign and found.foreign(wanted.legs))

    async def _look(self) -> Found:
        """Ask until there is an answer."""
        while True:
            try:
                return self._note(await look(self._rest, self._wanted.symbol))
            except LimitedError as error:
                await self._pace.wait_out(error)
            except RestError as error:
                self._pace.say_once(f"Binance does not tell what is there: {error.words}; asking again")
                await self._pace.pause(REFUSED_AGAIN_S)
            self._pace.check()

    async def _last_look(self) -> Found | None:
        """Once more, whatever the time is; a rate limit or a silence leaves it unknown."""
        await asyncio.sleep(self._quiet - self._pace.now())
        for _ in range(2):
            try:
                async with asyncio.timeout(LAST_LOOK_S):
                    return self._note(await look(self._rest, self._wanted.symbol))
            except LimitedError:
                return None
            except (RestError, TimeoutError):
                continue
        return None

    def _note(self, found: Found) -> Found:
        self._seen = found
        self._first = self._first or found
        self._numbers |= {str(order.id): order.client_id for order in found.orders if not order.algo}
        return found

    # -- cancels -------------------------------------------------------------------------------------------------------

    async def _cancel(self, orders: Iterable[VenueOrder], noun: str, patience_s: float = math.inf) -> None:
        """Ask for the cancellation of each; what the answers leave open the next look shows, a moment later.

        `patience_s` after the start no more are asked for than a few: cancels without an answer must not use up the
        time that closing has.
        """
        waiting = sorted(orders, key=lambda order: order.client_id in self._asked)
        new = [order for order in waiting if order.client_id not in self._asked]
        if new:
            self._pace.tell(f"cancelling {len(new)} {noun}", None)
        done: list[bool] = []
        while waiting and (not done or self._has_time(patience_s)):
            self._pace.check()
            batch, waiting = waiting[:AT_ONCE], waiting[AT_ONCE:]
            answers = await asyncio.gather(*map(self._cancel_one, batch))
            done += [answer is True for answer in answers]
            limits = [answer for answer in answers if isinstance(answer, LimitedError)]
            if limits:
                await self._pace.wait_out(max(limits, key=lambda error: error.retry_after_s))
        if any(done):
            self._pace.tell(f"{sum(done)} {noun} cancelled", None)
        if not all(done):
            await self._pace.pause(AGAIN_S)

    async def _cancel_one(self, order: VenueOrder) -> bool | LimitedError:
        self._write_cancel(order, "cancel", "")
        try:
            done = await rest_truth.cancel(self._rest, order, urgent=False)
        except LimitedError as error:
            return error
        except VenueError as error:
            self._pace.say_once(f"a cancel was refused: {error.words}")
            return False
        except RestError as error:
            self._pace.say_once(f"a cancel was not answered: {error.words}; looking what became of it")
            return False
        if done:
            self._write_cancel(order, "canceled", "flatten")
        return done

    def _write_cancel(self, order: VenueOrder, event: str, reason: str) -> None:
        if event == "cancel":
            if order.client_id in self._asked:
                return
            self._asked.add(order.client_id)
        told = told_of(order)
        if told is None:
            words = f"{order.side} {plain(order.qty)} {order.kind}"
            self._record.foreign(event, order.client_id, order.leg, words)
        else:
            own = OwnOrder(order.client_id, told, order.side, order.price, order.qty)
            self._record.order(own, event, reason)
