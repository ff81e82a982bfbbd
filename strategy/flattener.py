"""Carries out a flatten from its first cancel to its verified end, or to a bound at which it says that it is not."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final

from strategy.books import Fill
from strategy.control import Result
from strategy.domain import BPS, NS_PER_MS, NS_PER_S, ZERO, DesiredOrder, Leg, OrderKey, Role, plain
from strategy.flatten import Asked, Flatten, FlattenFacts, FlattenStep, next_step, refreshed, view
from strategy.grid import HedgeGrid
from strategy.orders import Venue
from strategy.past import NOT_FLAT
from strategy.reconcile import Action, Cancel, Submit
from strategy.snapshot import FlattenStage, FlattenView

ENTRY_PATIENCE_NS: Final = NS_PER_S
"""A flatten waits no longer for the cancels of entries before it closes what is held."""
SETTLE_NS: Final = 3 * NS_PER_S
"""For so long own books may hold what the venue does not, while trades are asked about; then it is written off."""
LAG_NS: Final = NS_PER_S
"""The venue's picture of a leg may be older than a fill that was told; one that was asked for so much later is not."""
QUOTE_STEP: Final = Decimal("0.00000001")
BPS_STEP: Final = Decimal("0.01")

PRICE_DIGITS: Final = 8

Answer = Callable[[str, Result, dict[str, Any]], None]
"""Gives the receipt of an act: its id, how it ended, and the details."""


class Flattener:
    """One flatten at a time; a further request joins the one that runs."""

    def __init__(self, grid: HedgeGrid, venue: Venue, answer: Answer) -> None:
        self.shown: FlattenView | None = None
        """Progress of the flatten that runs or ran last."""
        self._grid = grid
        self._venue = venue
        self._answer = answer
        self._running: Flatten | None = None
        grid.closing_fill = self._note_closing_fill

    def owes(self, act_id: str) -> bool:
        """Whether that act is under way."""
        return self._running is not None and act_id in self._running.acts

    @property
    def is_running(self) -> bool:
        """Whether a flatten is under way."""
        return self._running is not None

    def begin(self, act_id: str, legs: frozenset[Leg], reason: str) -> None:
        """Shut the door and close the legs, or join the flatten that runs."""
        now = self._venue.now()
        deadline = now + self._grid.config.execution.flatten_timeout_ms * NS_PER_MS
        running = self._running
        if running is None:
            market = self._venue.market()
            before = {leg: self._grid.lots.held(leg) for leg in Leg}
            mid = None if market is None else market.mid
            running = Flatten(
                legs=legs,
                started_ns=now,
                deadline_ns=deadline,
                acts={act_id: Asked(legs, deadline)},
                before=before,
                mid=mid,
                fills={},
            )
        else:
            if not legs <= running.legs:
                running.deadline_ns = deadline
            running.legs |= legs
            running.acts[act_id] = Asked(legs, deadline)
        self._running = running
        self._grid.frozen = running.legs
        names = tuple(leg for leg in Leg if leg in running.legs)
        words = f"flatten {' and '.join(names)}" + (f": {reason}" if reason else "")
        self._grid.door.set(flattening=words, legs=names)
        self._grid.converge()

    def advance(self, now: int) -> list[int]:
        """Take the procedure one step further; gives the times (ns) at which it wants to be called again."""
        running = self._running
        if running is None:
            self._look_at_the_last(now)
            return []
        facts = self._facts(running.legs)
        patience = running.started_ns + ENTRY_PATIENCE_NS
        step = next_step(facts, self._grid.held_back_closes(now), wait_for_entries=now < patience)
        running.stage = step.stage
        self._carry_out(step)
        self._settle(running, facts, step, now)
        if step.stage is FlattenStage.FLAT:
            self._end(running, facts, Result.DONE)
        elif now >= running.deadline_ns:
            running.stage = FlattenStage.NOT_FLAT
            self._end(running, facts, Result.TIMEOUT)
        else:
            self._answer_late_acts(running, facts, now)
        self.shown = view(running, facts)
        dues = (patience, running.deadline_ns, *(asked.due_ns for asked in running.acts.values()))
        return [due for due in dues if due > now] if self._running is running else []

    def _settle(self, running: Flatten, facts: Mapping[Leg, FlattenFacts], step: FlattenStep, now: int) -> None:
        """Own books alone hold something: the venue is asked about every order, and believed where it shows nothing.

        Somebody else has closed it then; or, where own books owe it, what was closed here was somebody else's. Without
        the venue's own word on the legs it stays as it is.
        """
        if step.stage is not FlattenStage.VERIFYING:
            running.verifying_ns = 0
        elif not running.verifying_ns:
            running.verifying_ns = now
            self._grid.look_again()
        else:
            since = running.verifying_ns + SETTLE_NS
            for leg, fact in facts.items():
                if fact.own_qty and self._grid.venue_watch.shows_empty(leg, since):
                    self._grid.write_off(leg)

    def _answer_late_acts(self, running: Flatten, facts: Mapping[Leg, FlattenFacts], now: int) -> None:
        """An act whose time is over is answered, though the flatten goes on for one that has joined it."""
        for act_id in [act_id for act_id, asked in running.acts.items() if asked.due_ns <= now]:
            own = {leg: facts[leg] for leg in facts if leg in running.acts[act_id].legs}
            flat = all(fact.is_flat for fact in own.values())
            if not flat:
                self._tell_late(own, now)
            self._answer(act_id, Result.DONE if flat else Result.TIMEOUT, _detail(running, own, flat=flat))
            del running.acts[act_id]

    def _tell_late(self, facts: Mapping[Leg, FlattenFacts], now: int) -> None:
        """What is not flat in time is a critical error, and an alarm until it is."""
        left = ", ".join(f"{leg} {fact.left}" for leg, fact in facts.items())
        self._grid.errors.record(now, "flatten", NOT_FLAT, f"not verified in time: {left}", critical=True)
        for leg, fact in facts.items():
            if not fact.is_flat:
                self._grid.errors.raise_alarm(NOT_FLAT, leg, f"{fact.left} held after a flatten", now)

    def _look_at_the_last(self, now: int) -> None:
        """What a flatten could not close in time is shown and alarmed until it is; late entries are withdrawn."""
        shown = self.shown
        if shown is not None and shown.stage is FlattenStage.NOT_FLAT:
            self.shown = refreshed(shown, self._facts(frozenset(shown.legs)))
        alarmed = frozenset(leg for leg in Leg if (NOT_FLAT, leg) in self._grid.errors.alarms)
        for leg, fact in self._facts(alarmed).items():
            if fact.is_flat:
                self._grid.errors.end_alarm(NOT_FLAT, leg, "flat", now)
            late = [Cancel(order.id, "flatten") for order in fact.entries if order.may_be_cancelled]
            self._grid.orders.do(late, ZERO)

    def dismiss(self) -> None:
        """Trading goes on: what the last flatten has left open is held like anything else."""
        self.shown = None
        for leg in Leg:
            self._grid.errors.end_alarm(NOT_FLAT, leg, "trading was resumed", self._venue.now())

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
                shown_qty=self._grid.venue_watch.shows(leg, self._grid.changed_ns[leg] + LAG_NS),
            )
        return facts

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
        if self._running is not None:
            qty, value = self._running.fills.get(leg, (ZERO, ZERO))
            self._running.fills[leg] = (qty + fill.qty, value + fill.qty * fill.price)

    def _end(self, running: Flatten, facts: Mapping[Leg, FlattenFacts], result: Result) -> None:
        """Alarm, unlatch, answer; what fails in between is done again by the next pass."""
        grid, now = self._grid, self._venue.now()
        flat = result is Result.DONE
        names = " and ".join(leg for leg, fact in facts.items() if flat or not fact.is_flat)
        if not flat:
            self._tell_late(facts, now)
        for leg in facts if flat else ():
            grid.errors.end_alarm(NOT_FLAT, leg, "flat, verified", now)
        words = f"{names} flat, verified" if flat else f"flatten failed: {names} NOT FLAT"
        grid.door.set(flattening=None, legs=(), paused=words)
        for act_id in running.acts:
            self._answer(act_id, result, _detail(running, facts, flat=flat))
        self._running = None
        grid.frozen = frozenset()
        grid.converge()


def _detail(flatten: Flatten, facts: Mapping[Leg, FlattenFacts], *, flat: bool) -> dict[str, Any]:
    detail: dict[str, Any] = {leg: _leg_detail(leg, fact, flatten) for leg, fact in facts.items()}
    return detail if flat else {**detail, "reason": "not verified in time"}


def _leg_detail(leg: Leg, fact: FlattenFacts, flatten: Flatten) -> dict[str, str]:
    """One leg's receipt; slippage is what closing cost against the middle of the market when it began."""
    qty, value = flatten.fills.get(leg, (ZERO, ZERO))
    average = value / qty if qty else None
    detail = {
        "held": plain(flatten.before[leg]),
        "closed": plain(qty),
        "average": "" if average is None else plain(round(average, PRICE_DIGITS) if _is_long(average) else average),
        "left": plain(fact.left),
        "open_orders": str(len(fact.entries) + len(fact.exits) + len(fact.closes)),
    }
    if qty and flatten.mid:
        slippage = leg.sign * (flatten.mid * qty - value)
        detail["slippage"] = plain(slippage.quantize(QUOTE_STEP))
        detail["slippage_bps"] = plain((slippage / (flatten.mid * qty) * BPS).quantize(BPS_STEP))
    return detail


def _is_long(value: Decimal) -> bool:
    exponent = value.as_tuple().exponent
    return isinstance(exponent, int) and -exponent > PRICE_DIGITS
