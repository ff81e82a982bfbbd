"""The desk: commands of operator and controls become acts on the grid, and every act gets its receipt."""

from collections import deque
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

from strategy.control import Command, CommandName, Origin, Receipt, Result
from strategy.domain import NS_PER_MS, NS_PER_S, ZERO, DoorState, Leg, plain
from strategy.flattener import Flattener
from strategy.grid import HedgeGrid
from strategy.latches import Halt
from strategy.orders import Venue
from strategy.reconcile import Cancel

Reply = Callable[[Receipt], None]
"""Takes the receipt once the outcome is known."""
RECEIPTS_KEPT: Final = 20
FROM_OUTSIDE: Final = (Origin.OPERATOR, Origin.SYSTEM)
"""Whoever is no control of its own."""
ENTRIES_OPEN: Final = "entries-open"
"""Name of the alarm of entries that a cancel-entries could not take back in time."""


class Desk:
    """Carries out commands and answers them; used on the engine's loop only."""

    def __init__(self, grid: HedgeGrid, venue: Venue) -> None:
        self.receipts: deque[Receipt] = deque(maxlen=RECEIPTS_KEPT)
        self.flattener = Flattener(grid, venue, lambda act_id, result, detail: self._answer(act_id, result, **detail))
        self._grid = grid
        self._venue = venue
        self._acts = 0
        self._replies: dict[str, tuple[Command, Reply]] = {}
        self._withdrawing: dict[str, tuple[int, tuple[str, ...]]] = {}
        """Cancel-entries acts that wait for the venue: deadline (ns) and the entries that were open."""
        self._left_open: list[str] = []
        """Entries that a cancel-entries could not take back in time."""
        grid.before_pass = self._advance

    def handle(self, command: Command, reply: Reply) -> None:
        """Journal the act, then carry it out; `reply` may be called at once or later, and is called once."""
        self._acts += 1
        act_id = f"{self._grid.session}-{self._acts}"
        args = {} if command.leg is None else {"leg": str(command.leg)}
        if command.share is not None:
            args["share"] = plain(command.share)
        if command.reason:
            args["reason"] = command.reason
        self._replies[act_id] = (command, reply)
        try:
            self._write("act", act_id=act_id, command=command.name, args=args, by=command.origin)
            self._carry_out_act(act_id, command)
        except Exception as error:
            if act_id in self._replies and not self._is_under_way(act_id):
                self._answer(act_id, Result.FAILED, reason=f"{type(error).__name__}: {error}")
            raise

    def owes(self, reply: Reply) -> bool:
        """Whether that answer is still to come."""
        return any(each is reply for _, each in self._replies.values())

    def _is_under_way(self, act_id: str) -> bool:
        """Whether the act goes on by itself and is answered at its end."""
        return act_id in self._withdrawing or self.flattener.owes(act_id)

    def _carry_out_act(self, act_id: str, command: Command) -> None:
        if command.origin in FROM_OUTSIDE:
            self._grid.ask_afresh()
        match command.name:
            case CommandName.PAUSE:
                self._pause(act_id, command.reason or f"paused by the {command.origin}", command.origin)
            case CommandName.RESUME:
                self._resume(act_id)
            case CommandName.CANCEL_ENTRIES:
                self._withdraw(act_id, command.origin)
            case CommandName.FLATTEN:
                legs = frozenset(Leg) if command.leg is None else frozenset({command.leg})
                self.flattener.begin(act_id, legs, command.reason)
            case CommandName.RESET_BREAKER:
                self._reset_breaker(act_id)
            case CommandName.RESET_DRAWDOWN:
                self._reset_drawdown(act_id)
            case CommandName.SET_THROTTLE if command.share is not None:
                self._set_throttle(act_id, command.share)
            case _:
                self._answer(act_id, Result.REFUSED, reason="not available in this version")

    def _write(self, kind: str, **fields: Any) -> None:  # noqa: ANN401
        self._grid.errors.write(self._venue.now(), kind, **fields)

    def abandon(self) -> None:
        """Answer what is still owed when the session ends."""
        for act_id in tuple(self._replies):
            self._answer(act_id, Result.FAILED, reason="the session ended first")

    # -- the simple acts -----------------------------------------------------------------------------------------

    def _pause(self, act_id: str, reason: str, by: Origin) -> None:
        door = self._grid.door
        if door.latches.paused is not None and by is Origin.OPERATOR:
            self._answer(act_id, Result.DONE, reason="was paused already")
            return
        if door.latches.paused is None:
            door.set(paused=reason)
        gravest = {} if door.state is DoorState.PAUSED else {"reason": f"{door.state} as well: {door.reason}"}
        self._answer(act_id, Result.DONE, entries_left_resting=self._count_entries(), **gravest)
        self._grid.converge()

    def _resume(self, act_id: str) -> None:
        door = self._grid.door
        match door.state:
            case DoorState.RUNNING:
                self._answer(act_id, Result.DONE, reason="was running already")
            case DoorState.PAUSED:
                self.flattener.dismiss()
                door.set("resumed by the operator", paused=None)
                self._answer(act_id, Result.DONE)
                self._grid.converge()
            case DoorState.BREAKER_OPEN:
                self._answer(act_id, Result.REFUSED, reason=f"the breaker is open; {self._until()}")
            case DoorState.HALTED:
                self._answer(act_id, Result.REFUSED, reason=f"halted; {self._cure()} first")
            case _:
                self._answer(act_id, Result.REFUSED, reason="a flatten runs; wait for its end")

    def _until(self) -> str:
        until = self._grid.risk.breaker.until_ns
        if not until:
            return "reset-breaker first"
        return f"it closes in {max(0, until - self._venue.now()) // NS_PER_S} s, or by reset-breaker"

    def _cure(self) -> str:
        halts = self._grid.door.latches.halts
        names = {Halt.DRAWDOWN: CommandName.RESET_DRAWDOWN, Halt.CRITICAL: CommandName.RESET_BREAKER}
        return " and ".join(names[halt] for halt in halts)

    def _reset_breaker(self, act_id: str) -> None:
        grid, risk = self._grid, self._grid.risk
        was_open, was_halted = risk.breaker.is_open, Halt.CRITICAL in grid.door.latches.halts
        levels = risk.release_levels(self._venue.now())
        if not (was_open or was_halted or levels):
            risk.breaker.close()
            self._answer(act_id, Result.DONE, reason="nothing was latched; errors count anew")
            return
        if was_open or grid.door.latches.breaker is not None:
            risk.close_breaker("the breaker was reset by the operator")
        risk.end_halt(Halt.CRITICAL, "the halt was ended by reset-breaker")
        self._answer(act_id, Result.DONE, breaker_closed=was_open, halt_ended=was_halted, levels_released=levels)
        grid.converge()

    def _reset_drawdown(self, act_id: str) -> None:
        grid = self._grid
        market = self._venue.market()
        if market is None and any(grid.lots.held(leg) for leg in Leg):
            self._answer(act_id, Result.REFUSED, reason="there is no price yet to value what is held")
            return
        equity = grid.ledger.wallet + grid.unrealised(market)
        before = grid.risk.drawdown.peak
        was_halted = Halt.DRAWDOWN in grid.door.latches.halts
        grid.risk.reset_drawdown(self._venue.now(), equity)
        grid.risk.end_halt(Halt.DRAWDOWN, "the halt was ended by reset-drawdown")
        self._answer(act_id, Result.DONE, peak_before=plain(before), peak=plain(equity), halt_ended=was_halted)
        grid.converge()

    def _set_throttle(self, act_id: str, share: Decimal) -> None:
        before = self._grid.ladders.throttle
        self._grid.ladders.set_throttle(share)
        self._answer(act_id, Result.DONE, before=plain(before), now=plain(share))
        self._grid.converge()

    def _withdraw(self, act_id: str, by: Origin) -> None:
        if by in FROM_OUTSIDE and self._grid.door.latches.paused is None:
            self._grid.door.set(paused=f"entries cancelled by the {by}")
        entries = [order for leg in Leg for order in self._grid.index.of(leg, entries=True)]
        deadline = self._venue.now() + self._grid.config.execution.flatten_timeout_ms * NS_PER_MS
        self._withdrawing[act_id] = (deadline, tuple(order.id for order in entries))
        self._grid.converge()

    def _advance(self) -> int | None:
        """Before each pass: what controls ask for, and the running procedures; gives the next deadline (ns)."""
        now, risk = self._venue.now(), self._grid.risk
        if risk.cool_down(now):
            self._grid.converge()
        while risk.pending:
            self._order(risk.pending.pop(0))
        self._keep_latched_promises()
        self._finish_withdrawals(now)
        deadlines = [deadline for deadline, _ in self._withdrawing.values()]
        deadlines += self.flattener.advance(now)
        if risk.breaker.until_ns:
            deadlines.append(risk.breaker.until_ns)
        return min(deadlines, default=None)

    def _order(self, command: Command) -> None:
        """Carry out what a control asks for; what fails here must not keep the pass from its exits."""
        try:
            self.handle(command, lambda _receipt: None)
        except Exception as error:  # noqa: BLE001 - recorded; what is latched is tried again by the next pass
            words = f"{command.text}: {error}"
            now = self._venue.now()
            self._grid.errors.record(now, "desk", type(error).__name__, words, critical=True, counts=True)

    def _keep_latched_promises(self) -> None:
        """What is latched is so in fact, whatever failed: breaker open, flatten under way, entries taken back."""
        self._grid.risk.latch_open_breaker()
        latches = self._grid.door.latches
        if latches.legs and not self.flattener.is_running:
            leg = latches.legs[0] if len(latches.legs) == 1 else None
            reason = "latched, and not verified yet"
            self._order(Command(CommandName.FLATTEN, leg, origin=Origin.SYSTEM, reason=reason))
        if latches.withdraws:
            entries = (order for leg in Leg for order in self._grid.index.of(leg, entries=True))
            known = [Cancel(order.id, self._grid.state) for order in entries if order.may_be_cancelled]
            self._grid.orders.do(known, ZERO)

    def _count_entries(self) -> int:
        return sum(len(self._grid.index.of(leg, entries=True)) for leg in Leg)

    # -- receipts ------------------------------------------------------------------------------------------------

    def _finish_withdrawals(self, now: int) -> None:
        index, errors = self._grid.index, self._grid.errors
        self._left_open = [order_id for order_id in self._left_open if index.get(order_id) is not None]
        if not self._left_open:
            errors.end_alarm(ENTRIES_OPEN, None, "none of them is open", now)
        late = (index.get(order_id) for order_id in self._left_open)
        landed = [Cancel(order.id, "cancel-entries") for order in late if order is not None and order.may_be_cancelled]
        self._grid.orders.do(landed, ZERO)
        for act_id, (deadline, ids) in tuple(self._withdrawing.items()):
            left = [order_id for order_id in ids if index.get(order_id) is not None]
            if left and now < deadline:
                self._grid.orders.do([Cancel(order_id, "cancel-entries") for order_id in left], ZERO)
                continue
            if not left:
                self._answer(act_id, Result.DONE, cancelled=len(ids))
            else:
                words = f"{len(left)} entries are still open"
                self._left_open += left
                if errors.raise_alarm(ENTRIES_OPEN, None, words, now):
                    errors.record(now, "desk", ENTRIES_OPEN, words, critical=True)
                self._answer(act_id, Result.TIMEOUT, reason=words)
            del self._withdrawing[act_id]

    def _answer(self, act_id: str, result: Result, **detail: Any) -> None:  # noqa: ANN401
        """Give an act its receipt; one that has had it gets no other."""
        if act_id not in self._replies:
            return
        command, reply = self._replies[act_id]
        now = self._venue.now()
        receipt = Receipt(act_id=act_id, command=command.text, result=result, detail=detail, ts=now)
        self._write("receipt", act_id=act_id, result=result, detail=detail)
        self.receipts.append(receipt)
        del self._replies[act_id]
        try:
            reply(receipt)
        except Exception as error:  # noqa: BLE001 - whoever asked may have gone
            self._grid.errors.record(now, "reply", type(error).__name__, str(error), critical=False)
