"""Findings that need no key: reach, clock, instrument, request limits, funding."""

from typing import Final

from hedgegrid_tui.engine.binance.preflight.answers import Topic
from hedgegrid_tui.engine.binance.preflight.finding import Finding, fails, passes, to_write, warns
from hedgegrid_tui.engine.binance.preflight.scene import Scene
from hedgegrid_tui.engine.binance.rest.errors import clean
from hedgegrid_tui.engine.binance.rest.rows import Row
from strategy.domain import NS_PER_MS, PERCENT

SLOW_MS: Final = 500
"""A round trip that takes longer is told: every order takes as long."""
AHEAD_MS: Final = 1_000
"""Signed requests from further in the future are refused. Source: Binance, "General Info", "Timing Security"."""
USUAL_HOURS: Final = 8
"""From one settlement to the next, where fundingInfo does not name the instrument."""
MINUTES: Final = 60
MINUTE_MS: Final = 60_000
SET_THE_CLOCK: Final = "set this machine's clock: sudo timedatectl set-ntp true (or: sudo chronyc makestep)"


def reach(scene: Scene) -> Finding:
    """Whether the venue answers, and how fast."""
    _ = scene.answers[Topic.CLOCK]
    took = scene.answers.round_trip_ms or 0
    if took > SLOW_MS:
        cure = "a nearer machine or a better line; fills and refusals will be known as late"
        return warns("reach", f"Binance answers in {took} ms", cure)
    return passes("reach", f"Binance answers in {took} ms")


def clock(scene: Scene) -> Finding:
    """How far this machine's clock is from the venue's."""
    _ = scene.answers[Topic.CLOCK]
    offset, window = scene.answers.offset_ms, scene.config.binance.recv_window_ms
    way = "behind" if offset > 0 else "ahead of"
    words = f"{abs(offset)} ms {way} Binance's"
    if offset > window or offset < -AHEAD_MS:
        bounds = f"at most {AHEAD_MS} ms ahead or {window} ms behind"
        return fails("clock", f"{words}: signed requests are refused ({bounds})", SET_THE_CLOCK)
    if offset > window / 2 or offset < -AHEAD_MS / 2:
        return warns("clock", words, SET_THE_CLOCK)
    return passes("clock", words)


def instrument(scene: Scene) -> Finding:
    """Whether the instrument trades, and is what the configuration says."""
    wanted = scene.config.instrument
    if not scene.is_listed:
        words = f"{scene.symbol} is not in Binance's list of USDT-M futures"
        return fails("instrument", words, "name one of them as [instrument] symbol, with its base and quote")
    venue = scene.filters
    if (venue.contract, venue.quote, venue.base) != ("PERPETUAL", wanted.quote, wanted.base):
        words = f"{scene.symbol} is {clean(venue.contract)}, {clean(venue.base)} against {clean(venue.quote)}"
        cure = "name a perpetual as [instrument] symbol, with its base and quote"
        return fails("instrument", words, cure)
    if venue.status != "TRADING":
        cure = f"wait until Binance lets {scene.symbol} trade again; `hedgegrid flatten` closes what is held"
        return fails("instrument", f"{scene.symbol} has the status {clean(venue.status)}, it must be TRADING", cure)
    return passes("instrument", f"{scene.symbol} perpetual is trading, against {venue.quote}")


def requests(scene: Scene) -> Finding:
    """The venue's limits on orders in a time, against the configuration's message budget."""
    limits, venue = scene.config.limits, scene.filters
    told = {10: venue.orders_10s, 60: venue.orders_1m}
    own = f"{limits.max_messages} in {limits.message_window_s} s"
    for window, most in told.items():
        if most is not None and limits.max_messages > most and limits.message_window_s <= window:
            # Cancels count here and not at the venue, so that a larger number is no fault yet.
            words = f"{own} may be sent, Binance takes {most} orders in {window} s"
            return warns("requests", words, to_write("limits", max_messages=most))
    shown = ", ".join(f"{most:,} in {window} s" for window, most in told.items() if most is not None)
    return passes("requests", f"{own}; Binance takes {shown or 'any number'}")


def funding(scene: Scene) -> Finding:
    """Interval, next settlement and predicted rate, against the funding guard."""
    rows: list[Row] = scene.answers[Topic.FUNDING]
    own = (row for row in rows if row.text("symbol") == scene.symbol)
    hours = next((row.integer("fundingIntervalHours") for row in own), USUAL_HOURS)
    ahead = max(0, scene.premium.integer("nextFundingTime") - scene.now // NS_PER_MS) // MINUTE_MS
    rate = scene.premium.decimal("lastFundingRate") * PERCENT
    words = f"every {hours} h, next in {ahead // MINUTES} h {ahead % MINUTES:02} m, predicted {rate:+.4f} %"
    guard = scene.config.funding
    if guard.paying_share < 1 and guard.window_minutes >= hours * MINUTES:
        told = f"{words}; the guard's window of {guard.window_minutes} minutes never ends"
        return warns("funding", told, to_write("funding", window_minutes=hours * MINUTES // 4))
    return passes("funding", words)
