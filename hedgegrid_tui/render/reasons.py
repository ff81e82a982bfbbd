"""Why a rung has no resting entry: a few words for its row, a sentence for the help."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from strategy.domain import Reason


class Told(NamedTuple):
    """One reason for people."""

    words: str
    """Short enough for a row of the ladder."""
    meaning: str
    """What it comes from and what ends it; keys are named as `wording.with_keys` takes them."""


REASONS: Final[Mapping[Reason, Told]] = {
    Reason.NO_MARKET: Told("no market", "no price has come yet"),
    Reason.WOULD_CROSS: Told("would cross", "the market stands beyond it: the order would take instead of rest"),
    Reason.BELOW_MIN_NOTIONAL: Told(
        "below min notional", "too small for the venue; a thinned ladder keeps fewer rungs rather than such small ones"
    ),
    Reason.OUT_OF_BOUNDS: Told("out of bounds", "beyond the venue's limits on price or quantity"),
    Reason.OCCUPIED: Told("occupied", "a lot that was entered there is still held"),
    Reason.PAUSED: Told("paused", "no entry may leave; {resume} resumes"),
    Reason.FLATTENING: Told("flattening", "a flatten runs; no entry may leave until its end"),
    Reason.MOVING: Told("moving", "its old order is being cancelled first"),
    Reason.BACKING_OFF: Told("backing off", "the venue has refused it; it waits before the next try"),
    Reason.QUEUED: Told("queued", "comes in the next turn"),
    Reason.SAME_PRICE: Told("same price", "the tick is too coarse for the step: the rung before stands there"),
    Reason.JOURNAL_FAILING: Told("journal failing", "the disk refuses lines; no entry leaves until it takes them"),
    Reason.UNRECONCILED: Told("unreconciled", "venue and own books differ; no entry leaves until they agree"),
    Reason.REGIME: Told("regime: thinned in a trend", "a trend thins the ladder, by the shares under placement"),
    Reason.THROTTLED: Told(
        "throttled by the operator", "the operator's throttle thins both ladders; {throttle} sets it"
    ),
    Reason.FUNDING: Told(
        "funding: the leg will pay", "the leg is about to pay more than the limit; ends at the settlement"
    ),
    Reason.WARMING: Told("warming: too few bars", "too few one-minute bars for the indicators, which entries wait for"),
    Reason.ORDER_LIMIT: Told(
        "order limit of the venue", "the venue takes no further order together with the exits that it needs"
    ),
    Reason.UNKNOWN_OUTCOME: Told("unknown outcome", "its order was not answered; the venue is asked what became of it"),
    Reason.BREAKER_OPEN: Told(
        "breaker open",
        "too many errors; it closes by itself after its cooldown, where there is one, or by {reset-breaker}",
    ),
    Reason.HALTED: Told(
        "halted", "losses ({reset-drawdown} resets) or a critical error ({reset-breaker} resets) have halted trading"
    ),
    Reason.STALE: Told("stale data", "the last price is too old; ends with the next one"),
    Reason.CROSSED: Told("crossed market", "bid above ask: such prices are not believed; ends with sound ones"),
    Reason.NO_EQUITY: Told("no equity", "what the account is worth is not known or nothing, so no limit can be kept"),
    Reason.ORDER_SIZE: Told("order size", "this one entry is worth more than one may be"),
    Reason.LEG_CAP: Told("leg cap", "held, in flight and resting of the leg would pass its cap"),
    Reason.GROSS_CAP: Told("gross cap", "held, in flight and resting of both legs would pass their cap"),
    Reason.LEVERAGE: Told("leverage", "both legs, every entry filled, would pass the leverage limit"),
    Reason.MARGIN: Told("margin", "both legs, every entry filled, would need more margin than the limit leaves"),
    Reason.LIQUIDATION: Told("liquidation", "once its leg fills, liquidation would be too near to its price"),
    Reason.COLLAR: Told("price collar", "its price is further from the mark than allowed"),
    Reason.SELF_TRADE: Told("self trade", "it would meet an own resting order"),
    Reason.REPEATED: Told(
        "repeated fills", "the level filled too often within the window; {reset-breaker} releases it"
    ),
    Reason.MESSAGE_BUDGET: Told(
        "message budget", "too many requests within the window; the rest is kept for exits and cancels"
    ),
    Reason.VENUE_LIMITED: Told(
        "venue limited", "the venue takes no more requests, or few; the rest is kept for exits, and entries wait"
    ),
    Reason.VENUE_DIFFERS: Told(
        "venue differs", "orders or legs at the venue are not what own books say; ends once they are the same again"
    ),
    Reason.DEAD_MAN: Told(
        "dead man's switch", "the venue has cancelled orders by itself; ends once exits stand and it is armed again"
    ),
    Reason.STREAM_DEAD: Told(
        "stream dead", "nothing tells what happens to the orders; ends once the account's stream is back"
    ),
    Reason.FILTERS_CHANGED: Told(
        "filters changed", "the venue's tick, step or bounds are not the configured ones; end, set them, start again"
    ),
}
THINNED: Final = frozenset({Reason.REGIME, Reason.THROTTLED, Reason.FUNDING})
"""The rung is left out on purpose, whatever state the door is in."""
FROM_THE_VENUE: Final = frozenset({Reason.BACKING_OFF, Reason.UNKNOWN_OUTCOME})
"""Reasons that the venue's own words belong to; beside any other they tell of something earlier."""


def in_words(reason: Reason, detail: str) -> str:
    """The reason as a row of the ladder tells it, with the venue's own words where they are the cause."""
    words = REASONS[reason].words
    return f"{words}: {detail}" if detail and reason in FROM_THE_VENUE else words
