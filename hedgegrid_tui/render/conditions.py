"""What shapes the ladders now: the regime with its figures, the throttle, and the funding that comes."""

from decimal import Decimal
from typing import Final

from hedgegrid_tui.render.ages import age_ns
from hedgegrid_tui.render.numbers import fixed, signed, span_ns
from hedgegrid_tui.render.rows import Ink, Part, Row, Segment, pack
from strategy.domain import BPS, NS_PER_S, Leg, Regime
from strategy.funding import FundingView
from strategy.regime import RegimeReading
from strategy.snapshot import LegView, Snapshot

REGIMES: Final = {
    Regime.UP: Segment("↑ UP", Ink.STRONG),
    Regime.DOWN: Segment("↓ DOWN", Ink.STRONG),
    Regime.SIDEWAYS: Segment("→ SIDEWAYS"),
}
NS_PER_MINUTE: Final = 60 * NS_PER_S
SECONDS_BELOW_NS: Final = 10 * NS_PER_MINUTE
"""A countdown has seconds from here on only, so that it does not change a row each second for hours."""
BARS_OLD_AFTER_NS: Final = 3 * NS_PER_MINUTE
"""A regime whose last bar closed longer ago is not the present one; bars come once a minute."""


def regime_row(snapshot: Snapshot, width: int) -> Row:
    """Regime, distance of the EMAs, ADX, ATR; how far the warm-up is while they are cold; the throttle below one."""
    reading = snapshot.regime
    age = snapshot.ts - reading.ts if reading.ts else 0
    old = age > BARS_OLD_AFTER_NS
    parts = [
        Part(0, _regime(reading, old=old)),
        Part(0, (Segment(f"! BARS {age_ns(age)} OLD", Ink.STALE),) if old else ()),
        Part(0, (Segment(f"throttle {share_text(snapshot.throttle)}", Ink.WARN),) if snapshot.throttle < 1 else ()),
        *_figures(reading, snapshot, old=old),
        # Last, and never left out: where there is no room for all of it, its end is cut.
        Part(0, (Segment(snapshot.warming, Ink.WARN),) if snapshot.warming else ()),
    ]
    return pack(parts, width)


def _regime(reading: RegimeReading, *, old: bool) -> Row:
    if reading.is_warm:
        told = REGIMES[reading.regime]
        return (Segment("regime ", Ink.MUTED), Segment(told.text, Ink.STALE) if old else told)
    return (Segment(f"◌ warming {reading.seen}/{reading.needed}", Ink.WARN),)


def _figures(reading: RegimeReading, snapshot: Snapshot, *, old: bool) -> list[Part]:
    spread, adx, atr = reading.spread_bps, reading.adx, reading.atr
    shown = (
        (1, "EMAs", None if spread is None else f"{signed(spread, 1)} bps"),
        (2, "ADX", None if adx is None else fixed(adx, 1)),
        (3, "ATR", None if atr is None else f"{fixed(atr, snapshot.price_decimals)} {snapshot.currency}".rstrip()),
    )
    ink = Ink.STALE if old else Ink.PLAIN
    found = [
        Part(rank, (Segment(f"{label} ", Ink.MUTED), Segment(value, ink))) for rank, label, value in shown if value
    ]
    if not reading.is_warm:
        found.append(Part(4, (Segment(f"taken as {reading.regime.upper()}", Ink.MUTED),)))
    return found


def funding_row(snapshot: Snapshot, width: int) -> Row:
    """The predicted rate, when it settles by the snapshot's own time, what each leg pays or receives, what it thins."""
    view = snapshot.funding
    if view.rate is None:
        return pack([Part(0, (Segment("funding ", Ink.MUTED), Segment("not known", Ink.MUTED)))], width)
    ahead = view.next_ns is not None and view.next_ns > snapshot.ts
    parts = [
        Part(0, (Segment("funding ", Ink.MUTED), Segment(f"{signed(view.rate * 100, 4)} %"))),
        Part(1, (_due(view, snapshot.ts),)),
        *(_thinned(leg, view.shares[leg]) for leg in Leg),
        *(part for leg in (snapshot.long, snapshot.short) for part in _cost(leg, view, snapshot, ahead=ahead)),
        Part(6, (Segment(f"limit {bps_text(view.limit_bps)}", Ink.MUTED),)),
        Part(7, _interval(view)),
    ]
    return pack(parts, width)


def _due(view: FundingView, now: int) -> Segment:
    if view.next_ns is None:
        return Segment("settlement not known", Ink.MUTED)
    if view.next_ns <= now:
        return Segment("settlement is past", Ink.MUTED)
    return Segment(f"in {countdown(view.next_ns - now)}", Ink.WARN if any_thinned(view) else Ink.PLAIN)


def countdown(nanoseconds: int) -> str:
    """Time that is left: whole minutes, with seconds in its last ten."""
    if nanoseconds < SECONDS_BELOW_NS:
        return age_ns(nanoseconds)
    hours, minutes = divmod(nanoseconds // NS_PER_MINUTE, 60)
    return f"{hours} h {minutes:02} m" if hours else f"{minutes} m"


def regime_in_brief(snapshot: Snapshot, *, strength: bool) -> Row:
    """Regime and distance of the EMAs for a narrow row, with the strength where there is room."""
    reading = snapshot.regime
    old = bool(reading.ts) and snapshot.ts - reading.ts > BARS_OLD_AFTER_NS
    told = _regime(reading, old=old)[-1]
    if old:
        return (told, Segment(f" ! {age_ns(snapshot.ts - reading.ts)} old", Ink.STALE))
    adx = f" · ADX {fixed(reading.adx, 1)}" if strength and reading.adx is not None else ""
    spread = f" · {signed(reading.spread_bps, 1)} bps" if reading.spread_bps is not None else ""
    return (told, Segment(f"{spread}{adx}", Ink.MUTED))


def funding_in_brief(snapshot: Snapshot, *, pays: bool) -> Row:
    """Rate and countdown for a narrow row, with the leg that pays where there is room."""
    view = snapshot.funding
    if view.rate is None:
        return (Segment("not known", Ink.MUTED),)
    due = _due(view, snapshot.ts)
    who = f" · {view.paying.upper()} pays" if pays and view.paying is not None else ""
    return (Segment(f"{signed(view.rate * 100, 4)} % "), due, Segment(who, Ink.MUTED))


def any_thinned(view: FundingView) -> bool:
    """Whether the guard thins a leg."""
    return any(share < 1 for share in view.shares.values())


def _thinned(leg: Leg, share: Decimal) -> Part:
    return Part(0, (Segment(f"! {leg.upper()} cut to {share_text(share)}", Ink.WARN),) if share < 1 else ())


def _cost(leg: LegView, view: FundingView, snapshot: Snapshot, *, ahead: bool) -> list[Part]:
    """One leg's cost; the amount on what it holds is signed as it will change the wallet."""
    cost = view.cost_long_bps if leg.leg is Leg.LONG else view.cost_short_bps
    if cost is None or not ahead:
        return []
    pays = leg.leg is view.paying
    does = "pays" if pays else "receives" if cost else "pays nothing"
    ink = Ink.LONG if leg.leg is Leg.LONG else Ink.SHORT
    words = (Segment(f"{leg.leg.upper()} ", ink), Segment(f"{does} {bps_text(abs(cost))}" if cost else does))
    amount = -cost / BPS * leg.notional
    held = (Segment(f"≈ {signed(amount)} {snapshot.currency}".rstrip(), Ink.MUTED),) if leg.notional and cost else ()
    return [Part(2 if pays else 3, words), Part(4 if pays else 5, held)]


def _interval(view: FundingView) -> Row:
    minutes = view.interval_minutes
    return (Segment(f"every {span_ns(minutes * NS_PER_MINUTE)}", Ink.MUTED),) if minutes else ()


def share_text(share: Decimal) -> str:
    """A share from 0 to 1 in percent, such as 50 %."""
    return f"{fixed(share * 100, 1).removesuffix('.0')} %"


def bps_text(value: Decimal) -> str:
    """Basis points, such as 1.00 bps."""
    return f"{fixed(value, 2)} bps"
