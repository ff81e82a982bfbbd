"""The closes of a flatten without a node: sent at market, asked about where the answer is unclear, never done twice."""

from decimal import Decimal
from typing import Any, Final

import msgspec

from hedgegrid_tui.engine.binance.flatten.look import Found
from hedgegrid_tui.engine.binance.flatten.pace import Pace
from hedgegrid_tui.engine.binance.flatten.record import OwnOrder, Record
from hedgegrid_tui.engine.binance.rest import truth as rest_truth
from hedgegrid_tui.engine.binance.rest.client import BinanceRest, LimitedError, RestError, UnclearError, VenueError
from hedgegrid_tui.engine.binance.rest.rows import Row
from strategy.domain import ZERO, Leg, plain

NOTHING_TO_REDUCE: Final = -2022
AGAIN_S: Final = 0.25
"""Between two questions about the same order."""
REFUSED_AGAIN_S: Final = 1.0
"""After a request that was refused or not answered, before the next one."""
HANGS_S: Final = 2.0
"""A close that rests unfilled for so long is cancelled, and what is left is closed by another."""
FILLED: Final = "FILLED"
ENDED: Final = {
    "CANCELED": "canceled", "EXPIRED": "expired", "EXPIRED_IN_MATCH": "expired", "REJECTED": "rejected",
    FILLED: "filled",
}  # fmt: skip
"""The venue's words for an order that is over, and the journal's."""


class Executed(msgspec.Struct, frozen=True):
    """What the venue has said that closes have done."""

    qty: Decimal
    value: Decimal
    """Quote."""


class CloseTold(msgspec.Struct, frozen=True):
    """What an answer says of a close."""

    number: int
    """The venue's."""
    status: str
    filled: Decimal
    average: Decimal
    """Of what was filled; 0 where nothing was."""


class Pending(msgspec.Struct, frozen=True):
    """A close of which the venue has not told the end."""

    order: OwnOrder
    sent: float
    """Seconds on the pace's clock."""
    unclear: bool
    """Whether not even its arrival was told."""


class Closes:
    """The closes of one flatten; a leg has at most one that has not ended."""

    def __init__(
        self, rest: BinanceRest, symbol: str, largest: Decimal, arrives_s: float, record: Record, pace: Pace
    ) -> None:  # fmt: skip
        self._rest = rest
        self._symbol = symbol
        self._largest = largest
        self._arrives_s = arrives_s
        """A close that the venue does not know for so long after it was sent has never arrived."""
        self._record = record
        self._pace = pace
        self._pending: dict[Leg, Pending] = {}
        self.numbers: dict[str, str] = {}
        """Their ids by the venue's numbers."""
        self.executed: dict[str, Decimal] = {}
        """What each has filled in all, as far as the venue has said so, by id."""
        self._closed: dict[str, tuple[Leg, Executed]] = {}

    def is_pending(self, leg: Leg) -> bool:
        """Whether one of the leg has not ended."""
        return leg in self._pending

    def totals(self) -> dict[Leg, Executed]:
        """What they have done, per leg."""
        total: dict[Leg, Executed] = {}
        for leg, part in self._closed.values():
            known = total.get(leg, Executed(ZERO, ZERO))
            total[leg] = Executed(known.qty + part.qty, known.value + part.value)
        return total

    async def advance(self, leg: Leg, found: Found) -> bool:
        """Bring the leg nearer to zero; whether anything was sent or is under way."""
        if leg in self._pending:
            await self._ask_about(leg)
            if found.qty(leg):
                return True  # what it has done the next look shows
            pending = self._pending.pop(leg, None)  # whatever becomes of it, it can open nothing
            return pending is not None and any(order.client_id == pending.order.id for order in found.orders)
        qty = found.qty(leg)
        if not qty:
            return False
        piece = min(qty, self._largest)
        rest_of_it = f" of {plain(qty)}" if piece < qty else ""
        self._pace.tell(f"closing {plain(piece)}{rest_of_it} at market", leg)
        await self._send(leg, self._record.new_close(leg, piece))
        return True

    async def _send(self, leg: Leg, order: OwnOrder) -> None:
        try:
            row = await rest_truth.market_close(self._rest, self._symbol, leg, order.qty, order.id, urgent=False)
            answer = _close_told(row)
        except LimitedError as error:
            self._record.order(order, "rejected", error.words)
            await self._pace.wait_out(error)
        except VenueError as error:
            self._record.order(order, "rejected", error.words)
            if error.code == NOTHING_TO_REDUCE:
                self._pace.tell("Binance says that nothing is left to close; looking again", leg)
            else:
                self._pace.tell(f"the close was refused: {error.words}", leg)
                await self._pace.pause(REFUSED_AGAIN_S)
        except UnclearError as error:
            self._record.order(order, "unknown", error.words)
            self._pending[leg] = Pending(order, self._pace.now(), unclear=True)
            self._pace.tell("no clear answer to the close; asking Binance what became of it", leg)
            await self._ask_about(leg)
        except RestError as error:
            self._record.order(order, "rejected", f"never sent: {error.words}")
            self._pace.say_once(f"the close could not be sent: {error.words}; trying again")
            await self._pace.pause(REFUSED_AGAIN_S)
        else:
            self._take_answer(leg, order, answer)

    async def _ask_about(self, leg: Leg) -> None:
        """Ask for the close by its own id; nothing is sent again on that leg before an answer."""
        pending = self._pending[leg]
        try:
            told = await rest_truth.find_order(self._rest, self._symbol, pending.order.id)
        except LimitedError as error:
            await self._pace.wait_out(error)
        except RestError:
            await self._pace.pause(REFUSED_AGAIN_S)
        else:
            if told is None:
                self._note_absent(leg, pending)
                await self._pace.pause(AGAIN_S)
            else:
                answer = CloseTold(told.id, told.status, told.filled, told.average or ZERO)
                self._take_answer(leg, pending.order, answer)
                await self._hasten(leg)

    def _note_absent(self, leg: Leg, pending: Pending) -> None:
        """The order may still be on its way, until it is too old to be taken."""
        if self._pace.now() - pending.sent >= self._arrives_s:
            del self._pending[leg]
            self._record.order(pending.order, "rejected", "never arrived")
            self._pace.tell("the close never arrived at Binance", leg)

    def _take_answer(self, leg: Leg, order: OwnOrder, told: CloseTold) -> None:
        self.numbers[str(told.number)] = order.id
        self.executed[order.id] = told.filled
        if told.filled:
            self._closed[order.id] = leg, Executed(told.filled, told.filled * told.average)
        if told.status not in ENDED:
            known = self._pending.get(leg)
            sent = self._pace.now() if known is None else known.sent
            self._pending[leg] = Pending(order, sent, unclear=False)
            return
        known = self._pending.pop(leg, None)
        if told.filled:
            after_all = "; it was carried out after all" if known is not None and known.unclear else ""
            self._pace.tell(f"closed {plain(told.filled)} at {plain(told.average.normalize())}{after_all}", leg)
        if told.status != FILLED:
            self._record.order(order, ENDED[told.status], "")

    async def _hasten(self, leg: Leg) -> None:
        """Cancel one that rests: a close at market does not come back to life by itself."""
        pending = self._pending.get(leg)
        if pending is None or self._pace.now() - pending.sent < HANGS_S:
            return
        self._record.order(pending.order, "cancel", "it hangs")
        self._pace.tell("the close hangs; cancelling it", leg)
        try:
            await rest_truth.cancel_order(self._rest, self._symbol, pending.order.id, urgent=False)
        except LimitedError as error:
            await self._pace.wait_out(error)
        except RestError:
            """What became of it the next question tells."""


def _close_told(cells: dict[str, Any]) -> CloseTold:
    """Read the answer to a close.

    Raises:
        UnclearError: It is not as documented.
    """
    row = Row("/fapi/v1/order", cells)
    average = row.above_zero("avgPrice") or ZERO
    return CloseTold(row.integer("orderId"), row.text("status"), row.decimal("executedQty"), average)
