"""A cockpit over a made-up market in a process of its own, which measures what the screen costs.

`python -m tests.cockpit_market busy|quiet RESULT WARM SECONDS FPS`: after WARM seconds it measures for SECONDS, writes
RESULT (JSON: when it began and ended on the monotonic clock, CPU seconds of screen and market) and ends.
"""

import cProfile
import json
import os
import random
import signal
import sys
import threading
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Final

from msgspec.structs import replace

from hedgegrid_tui.app import HedgeGridApp
from strategy.domain import NS_PER_S, Leg, Reason, Role
from strategy.snapshot import LadderSnapshot, LegView, MarketView, RungState, RungView, Snapshot
from tests.hedgegrid_tui import fakes

LEVELS: Final = 20
BEAT_S: Final = 0.25
"""As often as the real engine publishes."""
TICK: Final = Decimal("0.1")
EVENT_BEATS: Final = 3
"""A rung changes its state in every one of so many beats."""
LIFE: Final = (RungState.IN_FLIGHT, RungState.LIVE, RungState.HELD, RungState.GAP)


class MarketEngine(fakes.FakeEngine):
    """A fake engine that publishes from a thread of its own, four times a second, and knows what that costs."""

    def __init__(self, *, busy: bool) -> None:
        super().__init__(fakes.running(ladders=fakes.ladders(LEVELS)))
        self.cpu = 0.0
        """CPU seconds of its thread."""
        self._busy = busy
        self._random = random.Random(1)
        self._began = time.monotonic()
        self._lot = 100
        self._thread = threading.Thread(target=self._publish, name="market", daemon=True)

    def start(self) -> None:
        super().start()
        self._thread.start()

    def _publish(self) -> None:
        for snapshot in self._snapshots():
            self.snapshot = snapshot
            self.cpu = time.thread_time()
            time.sleep(BEAT_S)

    def _snapshots(self) -> Iterator[Snapshot]:
        """The next picture, and the next: a market that moves, or one that goes on at the same price."""
        beat = 0
        while True:
            beat += 1
            now = fakes.NOW + int((time.monotonic() - self._began) * NS_PER_S)
            old = self.snapshot
            market = replace(old.market, ts=now - 20_000_000, quotes=old.market.quotes + 250)
            picture = replace(old, seq=old.seq + 1, ts=now, market=market)
            yield self._moved(picture, beat) if self._busy else picture

    def _moved(self, old: Snapshot, beat: int) -> Snapshot:
        shift = TICK * self._random.randint(-60, 60)
        bid = (old.market.bid or fakes.CENTRE) + shift
        if abs(bid - fakes.CENTRE) > 4 * fakes.STEP:
            bid -= 2 * shift
        market = replace(old.market, bid=bid, ask=bid + TICK, mark=bid - TICK, trades=old.market.trades + 9)
        both = self._next_rung(old, market) if beat % EVENT_BEATS == 0 else old.ladders
        long, short = self._leg(old.long, both.long, market), self._leg(old.short, both.short, market)
        unrealised = long.unrealised + short.unrealised
        equity = old.metrics.wallet + unrealised
        metrics = replace(old.metrics, unrealised=unrealised, equity=equity, orders_submitted=old.seq + 400)
        if beat % 4 == 0:
            self._note(
                "equity", old.ts, wallet=str(metrics.wallet), unrealised=str(unrealised), equity=str(equity),
                peak=str(metrics.peak), realised="14.21", fees="-2.49", funding="-0.12",
            )  # fmt: skip
        orders = old.orders if both is old.ladders else fakes.orders(both)
        mid = market.mid or fakes.CENTRE
        both = replace(both, long=_marked(both.long, mid), short=_marked(both.short, mid))
        risk = replace(old.risk, budget=replace(old.risk.budget, used=12 + beat % 9))
        return replace(
            old, market=market, ladders=both, long=long, short=short, metrics=metrics, orders=orders, risk=risk
        )

    def _leg(self, leg: LegView, rungs: tuple[RungView, ...], market: MarketView) -> LegView:
        """What the leg holds at the market's price."""
        lots = [rung.lot for rung in rungs if rung.lot is not None]
        qty = sum((lot.qty for lot in lots), Decimal(0))
        mid = market.mid or fakes.CENTRE
        unrealised = sum(((mid - lot.entry) * lot.qty * leg.leg.sign for lot in lots), Decimal(0))
        live = sum(rung.state is RungState.LIVE for rung in rungs)
        return replace(
            leg, qty=qty, tp_qty=qty, sl_qty=qty, lots=len(lots), open_entries=live, notional=qty * mid,
            unrealised=unrealised.quantize(Decimal("0.01")), average=lots[0].entry if lots else None,
        )  # fmt: skip

    def _next_rung(self, old: Snapshot, market: MarketView) -> LadderSnapshot:
        """One rung goes on in its life: sent, resting, filled, waiting for its turn again."""
        leg = self._random.choice(tuple(Leg))
        rungs = list(old.ladders.long if leg is Leg.LONG else old.ladders.short)
        place = self._random.randrange(LEVELS)
        rung = rungs[place]
        state = LIFE[(LIFE.index(rung.state) + 1) % len(LIFE)] if rung.state in LIFE else RungState.LIVE
        sent = old.ts if state is RungState.IN_FLIGHT else rung.sent_ns if state is RungState.LIVE else 0
        lot = None
        if state is RungState.HELD:
            self._lot += 1
            lot = fakes.lot(self._lot, leg, rung.level, opened_ns=old.ts)
        if RungState.HELD in (state, rung.state):
            role = Role.ENTRY if state is RungState.HELD else Role.TP
            side = leg.entry_side if role is Role.ENTRY else leg.exit_side
            self._note(
                "fill", old.ts, id=f"HG-{len(self.journal)}", trade_id=str(len(self.journal)), leg=leg, role=role,
                lot=self._lot, side=side, price=str(market.bid), qty=str(rung.qty), fee="-0.02472", liquidity="maker",
            )  # fmt: skip
        reason = {RungState.HELD: Reason.OCCUPIED, RungState.GAP: Reason.BACKING_OFF}.get(state)
        live = rung.qty if state is RungState.LIVE else Decimal(0)
        rungs[place] = replace(rung, state=state, sent_ns=sent, lot=lot, reason=reason, live_qty=live)
        return replace(old.ladders, **{str(leg): tuple(rungs)})

    def _note(self, kind: str, ts: int, **fields: object) -> None:
        line = fakes.journal_line(len(self.journal) + 1, (fakes.NOW - ts) / NS_PER_S, kind, **fields)
        self.journal.append(line)

    def journal_lines(self, after: int) -> list[bytes]:
        """Numbered without a gap, so that no line need be decoded."""
        return self.journal[after:]


def _marked(rungs: tuple[RungView, ...], mid: Decimal) -> tuple[RungView, ...]:
    """What the lots earn at the market's price."""
    return tuple(
        rung
        if (lot := rung.lot) is None
        else replace(rung, lot=replace(lot, unrealised=(mid - lot.entry) * lot.qty * lot.leg.sign))
        for rung in rungs
    )


def measure(engine: MarketEngine, result: Path, warm: float, seconds: float) -> None:
    """Wait, measure, write down, end."""
    time.sleep(warm)
    began, cpu, market = time.monotonic(), time.process_time(), engine.cpu
    time.sleep(seconds)
    told = {"began": began, "ended": time.monotonic(), "cpu": time.process_time() - cpu, "market": engine.cpu - market}
    result.write_text(json.dumps(told), encoding="utf-8")
    os.kill(os.getpid(), signal.SIGTERM)


def main() -> None:
    """Run one market below the real app."""
    kind, result, warm, seconds, fps = sys.argv[1:6]
    engine = MarketEngine(busy=kind == "busy")
    app = HedgeGridApp(engine, fps=float(fps))
    watch = (engine, Path(result), float(warm), float(seconds))
    threading.Thread(target=measure, args=watch, daemon=True).start()
    profile = cProfile.Profile() if os.environ.get("COCKPIT_PROFILE") else None
    if profile is None:
        app.run_to_its_end()
    else:
        profile.runcall(app.run_to_its_end)
        profile.dump_stats(os.environ["COCKPIT_PROFILE"])
    if app.crash is not None or app.faults:
        sys.exit(f"the cockpit failed: {app.crash!r}, {app.faults} faults")


if __name__ == "__main__":
    main()
