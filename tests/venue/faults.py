"""What may go wrong between a client and the venue, each with its own probability, and a count of what did."""

import random
from collections import Counter
from dataclasses import dataclass, field, fields, replace

MS = 1_000_000
S = 1_000_000_000


@dataclass(frozen=True)
class Faults:
    """Probabilities: of a request, an event or an answer where nothing else is said."""

    lost_request: float = 0.0
    late_request: float = 0.0
    very_late_request: float = 0.0
    """A request lands after the venue has denied knowing it; off unless a test asks for it."""
    lost_ack: float = 0.0
    late_ack: float = 0.0
    refused: float = 0.0
    """A definite refusal with one of Binance's codes."""
    unknown_live: float = 0.0
    """A 5xx answer although the request was carried out."""
    unknown_dead: float = 0.0
    """A 5xx answer, and nothing was done."""
    duplicate: float = 0.0
    replay: float = 0.0
    """Per event: an old one comes again after it."""
    fill_before_ack: float = 0.0
    fill_after_cancel: float = 0.0
    """Per cancel: a part fills first, and is told after the cancel."""
    filled_before_cancel: float = 0.0
    """Per cancel: the order fills to its end first, the cancel is refused, and the fill is told later."""
    piecemeal: float = 0.0
    lost_answer: float = 0.0
    """The answer to a question."""
    gap: float = 0.0
    """Per second: the event stream breaks."""
    jump: float = 0.0
    """Per quote: the price leaps over several rungs."""
    stale: float = 0.0
    """Per second: the feed stops while the market goes on."""
    crossed: float = 0.0
    """Per quote: bid at or above ask, in the feed only."""
    silence: float = 0.0
    """Per second: nothing at all happens for long."""
    handler_raises: float = 0.0
    """Per event: a handler of the grid raises, before or after its work."""
    send_raises: float = 0.0
    """Per command: sending raises, before or after it left."""
    restart: float = 0.0
    """Per second: a graceful stop and a new start."""
    kill: float = 0.0
    """Per second: the engine is abandoned, and a new one starts."""
    torn: float = 0.0
    """Per kill: the journal's last line is torn."""


KINDS = tuple(each.name for each in fields(Faults))
RARE = ("very_late_request",)
"""Never drawn by chance."""
USUAL = {
    "lost_request": 0.06, "late_request": 0.06, "lost_ack": 0.06, "late_ack": 0.15, "refused": 0.08,
    "unknown_live": 0.06, "unknown_dead": 0.06, "duplicate": 0.2, "replay": 0.1, "fill_before_ack": 0.3,
    "fill_after_cancel": 0.3, "filled_before_cancel": 0.2, "piecemeal": 0.6, "lost_answer": 0.2, "gap": 0.08,
    "jump": 0.03, "stale": 0.05, "crossed": 0.03, "silence": 0.02, "handler_raises": 0.05, "send_raises": 0.05,
    "restart": 0.04, "kill": 0.06, "torn": 0.5,
}  # fmt: skip
"""How often a kind happens in a run that has it."""


def one(*kinds: str) -> Faults:
    """Exactly those kinds."""
    return replace(Faults(), **{kind: USUAL.get(kind, 0.05) for kind in kinds if kind != "none"})


def draw(rng: random.Random, allowed: tuple[str, ...] = tuple(USUAL)) -> Faults:
    """A mix: sometimes none, sometimes one kind, sometimes a few, sometimes everything."""
    dice = rng.random()
    if dice < 0.1:
        return Faults()
    if dice < 0.45:
        kinds = [rng.choice(allowed)]
    elif dice < 0.8:
        kinds = rng.sample(allowed, min(len(allowed), rng.randint(2, 5)))
    else:
        kinds = list(allowed)
    scale = 1.0 if dice < 0.8 else 0.5
    return replace(Faults(), **{kind: USUAL[kind] * scale * rng.uniform(0.5, 2.0) for kind in kinds})


@dataclass
class Chance:
    """Throws the dice, and counts what was injected."""

    rng: random.Random
    faults: Faults = field(default_factory=Faults)
    injected: Counter[str] = field(default_factory=Counter)

    def happens(self, kind: str, share: float = 1.0) -> bool:
        """Whether that fault strikes now; `share` scales a rate per second."""
        chance: float = getattr(self.faults, kind) * share
        if chance <= 0 or self.rng.random() >= chance:
            return False
        self.injected[kind] += 1
        return True

    def delay(self, low_ms: int, high_ms: int) -> int:
        """A time between two bounds, ns."""
        return self.rng.randint(low_ms * 1000, high_ms * 1000) * 1000
