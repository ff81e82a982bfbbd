"""The operator's desk: commands become acts on the grid, the door's state is latched, every act gets its receipt."""

from collections import deque
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final

from strategy.books import Fill
from strategy.control import Command, CommandName, Receipt, Result
from strategy.domain import NS_PER_MS, NS_PER_S, ZERO, DesiredOrder, DoorState, Leg, OrderKey, Role, plain
from strategy.flatten import Flatten, FlattenFacts, FlattenStep, next_step, refreshed, view
from strategy.grid import HedgeGrid
from strategy.journal import JournalWriter
from strategy.orders import Venue
from strategy.reconcile import Action, Cancel, Submit
from strategy.snapshot import FlattenStage, FlattenView

Reply = Callable[[Receipt], None]
"""Takes the receipt once the outcome is known."""
RECEIPTS_KEPT: Final = 20
ENTRY_PATIENCE_NS: Final = NS_PER_S
"""A flatten waits no longer for the cancels of entries before it closes what is held."""


class Desk:
    """Carries out commands and owns the door's state; used on the engine's loop only."""

    def __init__(self, grid: HedgeGrid, journal: JournalWriter, venue: Venue) -> None:
        self.reason = "started"
        """Why the door is in its state."""
        self.receipts: deque[Receipt] = deque(maxlen=RECEIPTS_KEPT)
        self.flattened: FlattenView | None = None
        """Progress of the flatten that runs or ran last."""
        self._grid = grid
        self._journal = journal
        self._venue = venue
        self._acts = 0
        self._replies: dict[str, tuple[Command, Reply]] = {}
        self._flatten: Flatten | None = None
        self._withdrawing: dict[str, tuple[int, tuple[str, ...]]] = {}
        """Cancel-entries acts that wait for the venue: deadline (ns) and the entries that were open."""
        grid.before_pass = self._advance
        grid.closing_fill = self._note_closing_fill

    def handle(self, command: Command, reply: Reply) -> None:
        """Journal the act, then carry it out; `reply` may be called at once or later, and is called once."""
        self._acts += 1
        act_id = f"{self._grid.session}-{self._acts}"
        args = {} if command.leg is None else {"leg": str(command.leg)}
        if command.share is not None:
            args["share"] = plain(command.share)
        self._replies[act_id] = (command, reply)
        self._write("act", act_id=act_id, command=command.name, args=args, by=command.origin)
        try:
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
        return act_id in self._withdrawing or (self._flatten is not None and act_id in self._flatten.acts)

    def _carry_out_act(self, act_id: str, command: Command) -> None:
        self._grid.ask_afresh()
        match command.name:
            case CommandName.PAUSE:
                self._pause(act_id)
            case CommandName.RESUME:
                self._resume(act_id)
            case CommandName.CANCEL_ENTRIES:
                self._withdraw(act_id)
            case CommandName.FLATTEN:
                self._start_flatten(act_id, frozenset(Leg) if command.leg is None else frozenset({command.leg}))
            case CommandName.SET_THROTTLE if command.share is not None:
                self._set_throttle(act_id, command.share)
            case _:
                self._answer(act_id, Result.REFUSED, reason="not available in this version")

    def set_state(self, state: DoorState, reason: str) -> None:
        """Latch the door's state and journal it."""
        self._grid.state = state
        self.reason = reason
        self._write("state", name=state, reason=reason)

    def _write(self, kind: str, **fields: Any) -> None:  # noqa: ANN401
        """A line that cannot be written is an error, but never keeps an act from its end."""
        now = self._venue.now()
        try:
            self._journal.write(kind, now, **fields)
        except Exception as error:  # noqa: BLE001
            self._grid.errors.record(now, "journal", type(error).__name__, f"{kind}: {error}", critical=True)

    def abandon(self) -> None:
        """Answer what is still owed when the session ends."""
        for act_id in tuple(self._replies):
            self._answer(act_id, Result.FAILED, reason="the session ended first")

    # -- the simple acts -----------------------------------------------------------------------------------------

    def _pause(self, act_id: str) -> None:
        match self._grid.state:
            case DoorState.RUNNING:
                self.set_state(DoorState.PAUSED, "paused by the operator")
                self._answer(act_id, Result.DONE, entries_left_resting=self._count_entries())
                self._grid.converge()
            case DoorState.PAUSED:
                self._answer(act_id, Result.DONE, reason="was paused already")
            case _:
                self._answer(act_id, Result.DONE, reason="a flatten runs; it ends paused")

    def _resume(self, act_id: str) -> None:
        match self._grid.state:
            case DoorState.RUNNING:
                self._answer(act_id, Result.DONE, reason="was running already")
            case DoorState.PAUSED:
                self.flattened = None
                self.set_state(DoorState.RUNNING, "resumed by the operator")
                self._answer(act_id, Result.DONE)
                self._grid.converge()
            case _:
                self._answer(act_id, Result.REFUSED, reason="a flatten runs; wait for its end")

    def _set_throttle(self, act_id: str, share: Decimal) -> None:
        before = self._grid.ladders.throttle
        self._grid.ladders.set_throttle(share)
        self._answer(act_id, Result.DONE, before=plain(before), now=plain(share))
        self._grid.converge()

    def _withdraw(self, act_id: str) -> None:
        if self._grid.state is DoorState.RUNNING:
            self.set_state(DoorState.PAUSED, "entries cancelled by the operator")
        entries = [order for leg in Leg for order in self._grid.index.of(leg, entries=True)]
        deadline = self._venue.now() + self._grid.config.execution.flatten_timeout_ms * NS_PER_MS
        self._withdrawing[act_id] = (deadline, tuple(order.id for order in entries))
        self._grid.converge()

    def _count_entries(self) -> int:
        return sum(len(self._grid.index.of(leg, entries=True)) for leg in Leg)

    # -- flatten -------------------------------------------------------------------------------------------------

    def _start_flatten(self, act_id: str, legs: frozenset[Leg]) -> None:
        now = self._venue.now()
        running = self._flatten
        if running is None:
            deadline = now + self._grid.config.execution.flatten_timeout_ms * NS_PER_MS
            before = {leg: self._grid.lots.held(leg) for leg in Leg}
            self._flatten = Flatten(legs=legs, started_ns=now, deadline_ns=deadline, acts=[act_id], before=before)
            self.set_state(DoorState.FLATTENING, f"flatten {' and '.join(sorted(legs))}")
        else:
            running.legs |= legs
            running.acts.append(act_id)
        self._grid.frozen = self._flatten.legs if self._flatten is not None else frozenset()
        self._grid.converge()

    def _facts(self, legs: frozenset[Leg]) -> dict[Leg, FlattenFacts]:
        index = self._grid.index
        facts = {}
        for leg in sorted(legs):
            exits = index.of(leg, entries=False)
            facts[leg] = FlattenFacts(
                entries=index.of(leg, entries=True),
                exits=tuple(order for order in exits if order.key.role is not Role.CLOSE),
                closes=tuple(order for order in exits if order.key.role is Role.CLOSE),
                venue_qty=self._venue.position(leg),
                own_qty=self._grid.lots.held(leg),
            )
        return facts

    def _advance(self) -> int | None:
        """Before each pass: take the running procedures one step further; gives the next deadline (ns)."""
        now = self._venue.now()
        self._finish_withdrawals(now)
        if self._flatten is not None:
            self._advance_flatten(self._flatten, now)
        elif self.flattened is not None and self.flattened.stage is FlattenStage.NOT_FLAT:
            self.flattened = refreshed(self.flattened, self._facts(frozenset(self.flattened.legs)))
        deadlines = [deadline for deadline, _ in self._withdrawing.values()]
        if self._flatten is not None:
            patience = self._flatten.started_ns + ENTRY_PATIENCE_NS
            deadlines += [self._flatten.deadline_ns, *([patience] if patience > now else [])]
        return min(deadlines, default=None)

    def _advance_flatten(self, flatten: Flatten, now: int) -> None:
        facts = self._facts(flatten.legs)
        patient = now < flatten.started_ns + ENTRY_PATIENCE_NS
        step = next_step(facts, self._grid.held_back_closes(now), wait_for_entries=patient)
        flatten.stage = step.stage
        self._carry_out(step)
        if step.stage is FlattenStage.FLAT:
            self._end_flatten(flatten, facts, Result.DONE)
        elif now >= flatten.deadline_ns:
            flatten.stage = FlattenStage.NOT_FLAT
            self._end_flatten(flatten, facts, Result.TIMEOUT)
        self.flattened = view(flatten, facts)

    def _carry_out(self, step: FlattenStep) -> None:
        actions: list[Action] = [Cancel(order.id, "flatten") for order in step.cancels]
        for close in step.closes:
            if close.qty < 0 and not self._grid.rules.flips_legs:
                continue  # a fill is still on its way: waiting for it never opens anything
            side = close.leg.exit_side if close.qty > 0 else close.leg.entry_side
            key = OrderKey(close.leg, Role.CLOSE, 0)
            qty = min(abs(close.qty), self._grid.spec.max_qty)
            actions.append(Submit(DesiredOrder(key=key, side=side, price=None, qty=qty, lot=None)))
        self._grid.orders.do(actions, ZERO)

    def _note_closing_fill(self, leg: Leg, fill: Fill) -> None:
        if self._flatten is not None:
            qty, value = self._flatten.fills.get(leg, (ZERO, ZERO))
            self._flatten.fills[leg] = (qty + fill.qty, value + fill.qty * fill.price)

    def _end_flatten(self, flatten: Flatten, facts: Mapping[Leg, FlattenFacts], result: Result) -> None:
        self._flatten = None
        self._grid.frozen = frozenset()
        flat = result is Result.DONE
        names = " and ".join(leg for leg, fact in facts.items() if flat or not fact.is_flat)
        if not flat:
            left = ", ".join(f"{leg} {fact.venue_qty}" for leg, fact in facts.items())
            now = self._venue.now()
            self._grid.errors.record(now, "flatten", "not-flat", f"not verified in time: {left}", critical=True)
        self.set_state(DoorState.PAUSED, f"{names} flat, verified" if flat else f"flatten failed: {names} NOT FLAT")
        detail: dict[str, Any] = {leg: self._leg_detail(leg, fact, flatten) for leg, fact in facts.items()}
        if not flat:
            detail["reason"] = "not verified in time"
        for act_id in flatten.acts:
            self._answer(act_id, result, **detail)
        self._grid.converge()

    def _leg_detail(self, leg: Leg, fact: FlattenFacts, flatten: Flatten) -> dict[str, str]:
        qty, value = flatten.fills.get(leg, (ZERO, ZERO))
        return {
            "held": plain(flatten.before[leg]),
            "closed": plain(qty),
            "average": plain(value / qty) if qty else "",
            "left": plain(fact.venue_qty),
            "open_orders": str(len(fact.entries) + len(fact.exits) + len(fact.closes)),
        }

    # -- receipts ------------------------------------------------------------------------------------------------

    def _finish_withdrawals(self, now: int) -> None:
        if not self._withdrawing:
            return
        left = self._count_entries()
        for act_id, (deadline, ids) in tuple(self._withdrawing.items()):
            if left and now < deadline:
                self._grid.orders.do([Cancel(order_id, "cancel-entries") for order_id in ids], ZERO)
                continue
            del self._withdrawing[act_id]
            if not left:
                self._answer(act_id, Result.DONE, cancelled=len(ids))
            else:
                self._answer(act_id, Result.TIMEOUT, reason=f"{left} entries are still open")

    def _answer(self, act_id: str, result: Result, **detail: Any) -> None:  # noqa: ANN401
        command, reply = self._replies.pop(act_id)
        now = self._venue.now()
        receipt = Receipt(act_id=act_id, command=command.text, result=result, detail=detail, ts=now)
        self._write("receipt", act_id=act_id, result=result, detail=detail)
        self.receipts.append(receipt)
        try:
            reply(receipt)
        except Exception as error:  # noqa: BLE001 - whoever asked may have gone
            self._grid.errors.record(now, "reply", type(error).__name__, str(error), critical=False)
