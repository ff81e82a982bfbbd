"""After a step: venue, own books and journal say the same; nothing is naked, nothing is doubled."""

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any, Final

from hedgegrid_tui.engine.drill.stage import LOOK_S, Stage
from strategy.domain import NS_PER_MS, ZERO, Leg, Role
from strategy.journal import JournalError
from strategy.past import ENDED, Past, read_past

REST_S: Final = 2.0
"""For so long what is on its way may keep the books apart."""


def audit(stage: Stage) -> tuple[str, ...]:
    """What is wrong once everything has come to rest; empty where nothing is."""
    deadline = time.monotonic() + REST_S
    while (problems := stage.host.do(lambda: tuple(_problems(stage)))) and time.monotonic() < deadline:
        time.sleep(LOOK_S)
    return problems


def _problems(stage: Stage) -> Iterator[str]:
    """Runs on the engine's loop: nothing moves between the looks at venue, books and journal."""
    grid, venue = stage.host.strategy.grid, stage.host.venue
    if grid is None:
        yield "the strategy has no books"
        return
    try:
        past = read_past(stage.journal)
    except JournalError as error:
        yield str(error)
        return
    orders = venue.open_orders()
    for leg in Leg:
        held = venue.held(leg)
        said = {"own books": grid.lots.held(leg), "the journal": past.lots.held(leg)}
        yield from (f"{leg}: the venue holds {held}, {who} {qty}" for who, qty in said.items() if qty != held)
        for role in (Role.SL, Role.TP):
            working = sum((order.qty for order in orders if (order.key.leg, order.key.role) == (leg, role)), ZERO)
            if working != held:
                yield f"{leg}: {held} held, {working} in {role} orders at the venue"
    counts = Counter(order.key for order in orders if order.key.role is Role.ENTRY)
    yield from (f"{count} entries at {key}" for key, count in counts.items() if count > 1)
    yield from doubled(stage.journal_lines())
    naked, bound = (
        grid.protection.longest(stage.host.strategy.now()),
        stage.config.execution.attach_bound_ms * NS_PER_MS,
    )
    if naked > bound:
        yield f"a held quantity was without a stop for {naked / NS_PER_MS:.0f} ms, at most {bound // NS_PER_MS}"
    yield from _journal_problems(stage, past, {order.id for order in orders})


def doubled(lines: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Every moment in a journal at which an entry was sent to a rung that had one, in flight or resting."""
    at: dict[tuple[str, int], str] = {}
    left: dict[str, Decimal] = {}
    for line in lines:
        if line.get("role") != Role.ENTRY or line["kind"] not in ("order", "fill"):
            continue
        order_id = line["id"]
        if line["kind"] == "fill":
            left[order_id] = left.get(order_id, ZERO) - Decimal(line["qty"])
        elif line["event"] == "updated":
            left[order_id] = Decimal(line["qty"])
        elif line["event"] in ENDED:
            left[order_id] = ZERO
        elif line["event"] == "submit":
            rung = line["leg"], line["level"]
            if left.get(at.get(rung, ""), ZERO) > 0:
                yield f"line {line['seq']}: a second entry was sent to {line['leg']} {line['level']}"
            at[rung], left[order_id] = order_id, Decimal(line["qty"])


def _journal_problems(stage: Stage, past: Past, open_ids: set[str]) -> Iterator[str]:
    strategy = stage.host.strategy
    if set(past.orders) != open_ids:
        yield f"open orders in the journal and at the venue differ: {', '.join(sorted(set(past.orders) ^ open_ids))}"
    known = set() if strategy.grid is None else {order.id for order in strategy.grid.index}
    if known != open_ids:
        yield f"open orders in the books and at the venue differ: {', '.join(sorted(known ^ open_ids))}"
    state = strategy.snapshot.state if strategy.grid is None else strategy.grid.state
    if past.state is not state:
        yield f"the door is {state}, the journal says {past.state}"
