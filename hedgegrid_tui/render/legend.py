"""What the screen means, section by section, in plain words, for the help; keys are named by what they do.

Texts name keys as `wording.with_keys` takes them.
"""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from hedgegrid_tui.render.reasons import REASONS
from hedgegrid_tui.render.view import PanelId
from strategy.domain import DoorState, Regime, Role
from strategy.order_index import OrderStatus
from strategy.snapshot import FlattenStage, RungState


class Section(NamedTuple):
    """One part of the help: a term and its meaning on each line."""

    title: str
    lines: tuple[tuple[str, str], ...]


PANELS: Final[Mapping[PanelId, str]] = {
    PanelId.LADDER: (
        "every rung of both ladders by price: short ones above, long ones below, the market moving in between, with"
        " your average entries, liquidation prices and fills of the last minute at their place"
    ),
    PanelId.LEGS: (
        "both positions: quantity at its average entry, what stops cover, open profit, what counts against the cap,"
        " what is held once every entry fills, where the account would be liquidated; beside it the money"
    ),
    PanelId.RISK: "every limit with what is used of it, the breaker, losses against their levels, what has been denied",
    PanelId.CHART: "equity over time and how far it is below its peak; {range-shorter} {range-longer} change its range",
    PanelId.ORDERS: "every open order by price around the market: what for, how much, where it stands, how old it is",
    PanelId.FILLS: "the session's fills, newest at the bottom; a fee below zero is a cost",
    PanelId.EVENTS: "acts and receipts, states, alarms, errors, funding, newest at the bottom; ! marks grave ones",
    PanelId.ERRORS: "errors that were contained; critical ones stay in view until {acknowledge} acknowledges them",
    PanelId.VITALS: "whether all of it is alive: ages, lags, regime, funding, counts; beside it the engine's log",
}

LADDER: Final[Mapping[str, str]] = {
    "rung": "▲ L3 is the third long rung below the centre, ▼ S3 the third short one above it; ◆ it filled lately",
    "price": "where its entry rests, or would; of a lot that belongs to no rung, its average entry",
    "bps": "distance from the middle of bid and ask in hundredths of a percent: of the price, the TP, the stop",
    "qty": "what the ladder wants there, or what is held; 0.001/0.002 means that a part of it is open or held",
    "state": "how its entry stands: see States of a rung; stop and TP warnings stand here too",
    "age": "since its entry was sent, or since its lot was opened",
    "TP": "price of the lot's take-profit; in its place - where none works at the venue",
    "stop": "trigger price of the lot's stop; ✗ NO STOP where none works at the venue",
    "PnL": "what the lot would earn or lose at the middle of the market, before fees",
    "why": "why nothing rests there, what is not covered, or what has just filled",
}

RUNGS: Final[Mapping[RungState, str]] = {
    RungState.LIVE: "● an entry rests at the venue",
    RungState.IN_FLIGHT: "◐ an entry is on its way, the venue has not answered yet",
    RungState.CANCELLING: "◌ the venue has been asked to cancel it",
    RungState.HELD: "■ it has filled; the lot is held with its own take-profit and stop",
    RungState.GAP: "○ nothing rests there; the reason stands behind it",
}

ORDERS: Final[Mapping[OrderStatus, str]] = {
    OrderStatus.SUBMITTED: "◐ in-flight: sent, not answered yet",
    OrderStatus.ACCEPTED: "● live: rests at the venue",
    OrderStatus.CANCELLING: "◌ cancelling: the venue has been asked to cancel it",
    OrderStatus.RESIZING: "◌ resizing: the venue has been asked to change its quantity",
    OrderStatus.UNKNOWN: "✗ UNKNOWN: nobody has said what became of it; it may be live, and the venue is asked",
}

ROLES: Final[Mapping[Role, str]] = {
    Role.ENTRY: "entry L3: opens a lot at that rung; it rests and never takes",
    Role.TP: "TP #11: take-profit of lot 11, a limit order that only reduces",
    Role.SL: "stop #11: stop of lot 11, at market once the price passes its trigger; only reduces",
    Role.CLOSE: "close all, close #11: closes a leg or a lot at market; only reduces",
}

STATES: Final[Mapping[DoorState, str]] = {
    DoorState.RUNNING: "► entries may leave",
    DoorState.PAUSED: "‖ no entry leaves, exits work on; {resume} resumes",
    DoorState.BREAKER_OPEN: (
        "⊘ too many errors: entries are taken back, exits work on; closes after its cooldown, where there is one, or"
        " by {reset-breaker}"
    ),
    DoorState.HALTED: (
        "■ losses ({reset-drawdown} resets) or a critical error ({reset-breaker} resets) have halted trading; it is"
        " paused then, and {resume} resumes"
    ),
    DoorState.FLATTENING: "▼ legs are being closed; nothing else leaves until the end is verified at the venue",
}

STAGES: Final[Mapping[FlattenStage, str]] = {
    FlattenStage.CANCELLING_ENTRIES: "1 cancel entries: nothing may add to the legs any more",
    FlattenStage.CLOSING: "2 close: what is held goes at market",
    FlattenStage.VERIFYING: "3 verify: the venue is asked until it shows that nothing is held",
    FlattenStage.CANCELLING_EXITS: "4 cancel exits: take-profits and stops that are left over go",
    FlattenStage.FLAT: "✓ FLAT: verified at the venue",
    FlattenStage.NOT_FLAT: "✗ NOT FLAT: not verified in time; look at the venue, or {flatten} again",
}

ALARMS: Final[Mapping[str, str]] = {
    "unprotected": (
        "a held quantity has had no working stop for too long; it is restored, or closed at market. Watch it; {flatten}"
        " closes the leg at once"
    ),
    "mismatch": "venue and own books hold different quantities; no entry leaves until they agree. Look at the venue",
    "nothing-left": "the venue says that there is nothing left to close where the own books hold something",
    "stale-feed": "no price has come for too long; no entry leaves, exits stay at the venue. Ends with the next price",
    "silent-stream": "a request waits and the venue says nothing on any order. Look at connection and venue",
    "stuck-loop": "the engine stood still for so long and goes on now; in that time it answered nothing",
    "entries-open": "entries could not be cancelled in time and may fill. Cancel again by {cancel-entries}, or there",
    "not-flat": "something is held after a flatten. Close it at the venue, or press {flatten} again",
    "drawdown-total-warn": "equity is so far below its peak that it warns; nothing else happens",
    "drawdown-total-pause": "equity is so far below its peak that entries are paused; {resume} resumes",
    "drawdown-total-halt": "equity is so far below its peak that both legs are closed and trading is halted",
    "drawdown-day-warn": "equity is so far below the day's first (UTC) that it warns; nothing else happens",
    "drawdown-day-pause": "equity is so far below the day's first that entries are paused; {resume} resumes",
    "drawdown-day-halt": "equity is so far below the day's first that both legs are closed and trading is halted",
    "repeated": "followed by a level: it filled too often within the window and waits for {reset-breaker}",
    "venue-limited": (
        "the venue's budget of requests is used up to the part that is kept for exits, or it has said to wait; ends"
        " by itself"
    ),
    "banned": "the venue takes no request at all from this address for a while, cancels and closes included",
    "venue-differs": (
        "orders or legs at the venue are not what own books say, both numbers are told; no entry leaves until they are"
        " the same. Look at the venue"
    ),
    "venue-unseen": "orders and legs at the venue could not be looked at several times in a row; the age is told",
    "dead-man": (
        "the venue has cancelled every order that its countdown reaches, take-profits too, perhaps stops; exits are"
        " restored first, and no entry leaves until they stand and the switch is armed again"
    ),
    "dead-man-late": (
        "the dead-man's switch could not be renewed and has less than half of its time left; once it is over, the"
        " venue cancels every order, take-profits too, perhaps stops"
    ),
    "stream-dead": "nothing tells what happens to the orders until the account's stream is back; no entry leaves",
    "filters-changed": (
        "the venue has another tick, step or bound than the configuration; no entry leaves. End, set it, start again"
    ),
    "clock-skew": "clocks differ by more than half of what signed requests may; set this machine's clock (NTP)",
    "liquidated": "the venue has closed a leg, or part of it, by force. Look at the venue before anything else",
    "engine stuck": "the engine's loop does not turn: nothing here is new, and no key is heard",
    "engine silent": "the engine winds down and has said nothing for some seconds",
    "engine failed": "the engine has ended by an error; nothing watches the venue now, look there",
}
"""By the alarm's name; what ends in a level or a number stands without it."""

REGIMES: Final[Mapping[Regime, str]] = {
    Regime.UP: "↑ a rising trend: the short ladder is thinned, the long one too where it is so configured",
    Regime.DOWN: "↓ a falling trend: the long ladder is thinned, the short one too where it is so configured",
    Regime.SIDEWAYS: "→ no trend; also what is taken as long as there are too few bars",
}

TOP: Final = (
    ("mode", "SIMULATED, REPLAY, PAPER, TESTNET or LIVE: only LIVE moves real money"),
    (
        "state",
        "whether entries may leave; + tells what is latched beneath it, (restored) that an earlier session did it",
    ),
    ("PnL", "equity now less equity at the start: realised, open, fees and funding"),
    (
        "protected",
        (
            "a working stop at the venue covers all that is held; what it does not is shown UNPROTECTED; "
            "`? ... as last heard`: an alarm says why it may be otherwise"
        ),
    ),
    ("feed", "time since the last market event; it is old from five seconds on, and an alarm later"),
    ("bar", "█ held, ▒ in flight and resting, ░ free under the leg's cap"),
    ("ladder %", "what regime, throttle and funding leave of a leg's ladder, shown below 100 %"),
    ("throttle", "your share of both ladders, shown below 100 %; it outlives a restart"),
    (
        "regime",
        (
            "EMAs: how far the fast average is above the slow one, ADX for the strength, ATR for the range of a minute;"
            " warming n/m until there are enough one-minute bars"
        ),
    ),
    (
        "funding",
        (
            "predicted rate, time to the settlement, what each leg pays or receives of its notional; ! tells what the"
            " guard leaves of the ladder that pays"
        ),
    ),
    ("stale", "what is last known and not known to be true any more stands in an ink of its own, with its age"),
)

FIGURES: Final = (
    ("if all fill", "quantity and average entry once every entry that rests or is in flight has filled"),
    ("liquidation", "estimated price at which the account is liquidated once every entry of that leg has filled"),
    ("per hour", "realised profit, fees and funding an hour of this session; - in its first minutes"),
    ("win rate", "round trips whose last fill earned more than its own fee, of all round trips"),
    ("cap used", "held, in flight and resting against the limit; a ramp shows how far a roll-out has come"),
    ("losses", "equity below its peak and below the day's first (UTC), with the levels that warn, pause and halt"),
    ("breaker", "errors within its window against the number that opens it"),
    ("denied", "how often the gate has said no to an order, for which reason"),
    ("requests", "orders, changes and cancels sent within the window; a part is kept for exits and cancels"),
    ("venue's last word", "time since the venue last said something of any order"),
    (
        "account's stream",
        "time since it last said anything, and was found alive; one that has ended is shown DEAD",
    ),
    (
        "dead-man's switch",
        (
            "seconds until the venue cancels orders by itself unless this session says that it lives: entries and"
            " take-profits for certain; whether it reaches stops, Binance does not say"
        ),
    ),
    ("compared with venue", "time since orders and legs at the venue were last held against own books"),
    (
        "weight, orders",
        (
            "what this address has used of the venue's budget of requests in the present minute, and this account of"
            " its budgets of orders, as the last answer told"
        ),
    ),
    ("round trip", "from a request to the venue's answer"),
    ("venue's clock", "how far the venue's clock is ahead of this machine's, or behind it"),
    ("loop lag", "how much later than due the engine took its latest turn"),
    ("screen frame", "what it took to draw this screen"),
    ("stray", "a held lot that belongs to no rung of the present ladder; its exits work all the same"),
    ("lot", "the filled and still held part of one entry; #11 is its number"),
)

GLYPHS: Final = (
    ("▲ ▼", "long and short; before money won and lost, with its sign"),
    ("✓ ! ✗", "in order, look at it, act"),
    ("…", "something has no room here; ↑ 12 and ↓ 3 count lines above and below"),
    ("-", "not known yet"),
    ("►", "the panel in hand, and in a list the line that {open} opens"),
)


def sections() -> tuple[Section, ...]:
    """All of it but the keys, in the order in which a new trader asks."""
    return (
        Section("The top of the screen", TOP),
        Section("Panels", tuple((f"{{panel-{panel}}} {panel}", text) for panel, text in PANELS.items())),
        Section("Columns of the ladder", tuple(LADDER.items())),
        Section("States of a rung", _told(RUNGS)),
        Section("Why nothing rests at a rung", tuple((str(reason), told.meaning) for reason, told in REASONS.items())),
        Section("States of the door", tuple((_plain(state), text) for state, text in STATES.items())),
        Section("Stages of a flatten", tuple((_plain(stage), text) for stage, text in STAGES.items())),
        Section("Alarms", tuple(ALARMS.items())),
        Section("Orders", (*_told(ROLES), *_told(ORDERS))),
        Section("Regime", _told(REGIMES)),
        Section("Figures", FIGURES),
        Section("Signs", GLYPHS),
    )


def _told(meanings: Mapping[Any, str]) -> tuple[tuple[str, str], ...]:
    return tuple((str(name), text) for name, text in meanings.items())


def _plain(name: str) -> str:
    return name.replace("_", " ").replace("-", " ")
