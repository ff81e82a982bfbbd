"""Takes the snapshot: one frozen picture of grid and desk, on the engine's loop."""

from decimal import Decimal
from typing import Final

import msgspec

from strategy.desk import Desk
from strategy.domain import ZERO, Leg, Lot, OrderKey, Role, Rung
from strategy.exposure import liquidation_price
from strategy.grid import HedgeGrid
from strategy.lots import exit_prices
from strategy.order_index import WORKING, OrderRecord, OrderStatus
from strategy.placement import entry_key, occupied
from strategy.snapshot import (
    CapsView,
    LadderSnapshot,
    LegView,
    LotView,
    MarketView,
    OrderView,
    RiskView,
    RungState,
    RungView,
    Snapshot,
)

ONE: Final = Decimal(1)


def take_picture(
    blank: Snapshot,
    seq: int,
    now: int,
    grid: HedgeGrid,
    desk: Desk,
    market: MarketView,
    warming: str = "",
    heard_ns: int = 0,
) -> Snapshot:
    """The snapshot of this moment; `blank` holds what never changes in a session."""
    mid = market.mid
    legs = {leg: _leg(grid, leg, mid, now) for leg in Leg}
    unrealised = sum((view.unrealised for view in legs.values()), ZERO)
    errors = grid.errors
    return msgspec.structs.replace(
        blank,
        seq=seq,
        ts=now,
        heard_ns=heard_ns,
        state=grid.state,
        state_reason=grid.door.reason,
        market=market,
        ladders=_ladders(grid, mid),
        regime=grid.ladders.reading,
        warming=warming,
        funding=grid.ladders.funding,
        throttle=grid.ladders.throttle,
        long=legs[Leg.LONG],
        short=legs[Leg.SHORT],
        orders=tuple(map(_order, grid.index)),
        metrics=msgspec.structs.replace(
            grid.ledger.metrics(unrealised),
            peak=grid.risk.drawdown.peak,
            errors=errors.count,
            critical_errors=errors.critical,
            max_unprotected_ns=grid.protection.longest(now),
            breaker_trips=grid.risk.breaker.trips,
            drawdown_trips=grid.risk.drawdown.trips,
        ),
        venue=grid.venue_watch.vitals,
        risk=_risk(grid, now),
        flatten=desk.flattener.shown,
        receipts=tuple(desk.receipts),
        errors=errors.latest,
    )


def _order(order: OrderRecord) -> OrderView:
    return OrderView(
        id=order.id,
        leg=order.key.leg,
        role=order.key.role,
        slot=order.key.slot,
        side=order.side,
        price=order.price,
        qty=order.qty,
        filled=order.filled,
        status=order.status,
        sent_ns=order.sent_ns,
    )


def _leg(grid: HedgeGrid, leg: Leg, mid: Decimal | None, now: int) -> LegView:
    qty = grid.lots.held(leg)
    entries = grid.index.of(leg, entries=True)
    exits = grid.index.of(leg, entries=False)
    since = grid.protection.since(leg)
    return LegView(
        leg=leg,
        qty=qty,
        average=grid.lots.cost(leg) / qty if qty else None,
        unrealised=ZERO if mid is None else grid.lots.unrealised(leg, mid),
        notional=ZERO if mid is None else qty * mid,
        tp_qty=sum((o.open_qty for o in exits if o.key.role is Role.TP and o.status in WORKING), ZERO),
        sl_qty=grid.index.working_stop_qty(leg),
        lots=len(grid.lots.of(leg)),
        open_entries=len(entries),
        open_entry_qty=sum((order.open_qty for order in entries), ZERO),
        open_entry_notional=sum((order.open_qty * order.price for order in entries if order.price), ZERO),
        open_exits=len(exits),
        ladder_share=ONE if grid.ladders.shape is None else grid.ladders.shape.shares[leg],
        unprotected_ns=0 if since is None else max(now - since, 1),
    )


def _risk(grid: HedgeGrid, now: int) -> RiskView:
    risk = grid.risk
    wallet = grid.ledger.wallet
    equity = wallet + grid.unrealised(grid.market)
    legs, caps = grid.exposures(), risk.caps
    gross = sum((each.worst for each in legs.values()), ZERO)
    liquidation = {leg: liquidation_price(leg, legs, wallet, caps.maintenance) for leg in Leg}
    return RiskView(
        latched=tuple(state.value for state, _ in grid.door.latches.states),
        halts=grid.door.latches.halts,
        breaker=risk.breaker.view(now),
        drawdown=risk.drawdown.view(equity),
        caps=CapsView(
            share=caps.share,
            ramp_day=risk.ramp_day(now),
            ramp_days=risk.ramp_days,
            leg_cap=caps.leg,
            gross_cap=caps.gross,
            long_worst=legs[Leg.LONG].worst,
            short_worst=legs[Leg.SHORT].worst,
            leverage=gross / equity if equity > 0 else ZERO,
            max_leverage=caps.leverage,
            long_liquidation=liquidation[Leg.LONG],
            short_liquidation=liquidation[Leg.SHORT],
        ),
        budget=risk.budget.view(now),
        denials=tuple((reason.value, count) for reason, count in grid.denials.most_common()),
        repeated=tuple(f"{key.leg} {key.slot}" for key in risk.repeats.latched),
        alarms=tuple(grid.errors.alarms.values()),
    )


def _ladders(grid: HedgeGrid, mid: Decimal | None) -> LadderSnapshot:
    lots = {lot.number: _lot(grid, lot, mid) for lot in grid.lots}
    ladder = grid.ladder
    if ladder is None:
        return LadderSnapshot(strays=tuple(lots.values()))
    occupants = occupied(ladder, grid.lots)

    shape = grid.ladders.shape
    wanted = {} if shape is None else {entry_key(rung): rung for leg in Leg for rung in shape.wanted[leg]}

    def side(leg: Leg) -> tuple[RungView, ...]:
        rungs = (wanted.get(entry_key(rung), rung) for rung in ladder.side(leg))
        return tuple(_rung(grid, rung, occupants.get(entry_key(rung)), lots) for rung in rungs)

    long, short = side(Leg.LONG), side(Leg.SHORT)
    on_rungs = {rung.lot.number for rung in (*long, *short) if rung.lot is not None}
    strays = tuple(lot for number, lot in lots.items() if number not in on_rungs)
    return LadderSnapshot(centre=ladder.centre, step=ladder.step, long=long, short=short, strays=strays)


def _lot(grid: HedgeGrid, lot: Lot, mid: Decimal | None) -> LotView:
    target, stop = exit_prices(lot, grid.config.grid, grid.spec)

    def working(role: Role) -> Decimal:
        orders = grid.index.at(OrderKey(lot.leg, role, lot.number))
        return sum((order.open_qty for order in orders if order.status in WORKING), ZERO)

    return LotView(
        number=lot.number,
        leg=lot.leg,
        level=lot.level,
        qty=lot.qty,
        entry=lot.average,
        take_profit=target,
        stop=stop,
        tp_qty=working(Role.TP),
        sl_qty=working(Role.SL),
        unrealised=ZERO if mid is None else lot.leg.sign * (mid * lot.qty - lot.cost),
        opened_ns=lot.opened_ns,
    )


def _rung(grid: HedgeGrid, rung: Rung, occupant: Lot | None, lots: dict[int, LotView]) -> RungView:
    key = entry_key(rung)
    orders = grid.index.at(key)
    reason = grid.gaps.get(key)
    if orders and any(order.status is OrderStatus.CANCELLING for order in orders):
        state = RungState.CANCELLING
    elif orders:
        working = all(order.status in WORKING for order in orders)
        state = RungState.LIVE if working else RungState.IN_FLIGHT
    elif occupant is not None:
        state = RungState.HELD
    else:
        state = RungState.GAP
    return RungView(
        leg=rung.leg,
        level=rung.level,
        price=rung.price,
        qty=rung.qty,
        state=state,
        live_qty=sum((order.open_qty for order in orders), ZERO),
        reason=reason if state is not RungState.LIVE else None,
        detail=grid.refusals.get(key, ""),
        lot=None if occupant is None else lots[occupant.number],
        sent_ns=orders[-1].sent_ns if orders else 0,
    )
