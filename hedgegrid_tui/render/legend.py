"""What the words and glyphs of the screen mean, for the help."""

from typing import Final

from hedgegrid_tui.render.reasons import REASONS

LEGEND: Final = (
    (
        "state",
        (
            "► RUNNING · ‖ PAUSED: P resumes · ⊘ BREAKER OPEN: too many errors, closes after its cooldown or by B ·"
            " ■ HALTED: by losses, D resets, or by a critical error, B resets; then P resumes · ▼ FLATTENING. They are"
            " latched each by itself and outlive a restart; the gravest is shown, + tells what is latched beneath it"
        ),
    ),
    (
        "alarm",
        (
            "an alarm or a critical error rings the bell, once and then every half minute, until a acknowledges it;"
            " ENGINE STUCK: the engine's loop does not turn, so that nothing here is new and no key is heard"
        ),
    ),
    ("caps", "held, in flight and resting against the limit; a roll-out ramp shows below 100 % of the limit"),
    ("losses", "equity below its peak and below the day's first (UTC), with the levels that warn, pause and halt"),
    ("requests", "orders, changes and cancels sent within the window; a part is kept for exits and cancels"),
    ("liquid.", "estimated price at which the account is liquidated once every entry of that leg has filled"),
    (
        "rung",
        "● live at the venue · ◐ in-flight: no answer yet · ◌ cancelling · ■ held: filled · ○ gap, and why",
    ),
    ("gap", "why a rung has no order; the journal and scripts use the same words with hyphens:"),
    *(("", f"{reason}: {told.meaning}") for reason, told in REASONS.items()),
    (
        "regime",
        (
            "UP, DOWN or SIDEWAYS from one-minute bars: spread of the fast EMA over the slow one, ADX for the strength,"
            " ATR for the range of a minute; warming n/m until there are enough bars, and taken as SIDEWAYS meanwhile"
        ),
    ),
    ("throttle", "the operator's share of both ladders, shown below 100 %; it outlives a restart"),
    ("ladder", "what regime, throttle and funding together leave of a leg's ladder, shown below 100 %"),
    (
        "funding",
        (
            "predicted rate, time to the settlement, what each leg pays or receives in bps of its notional; ≈ is the"
            " amount on what it holds now, signed as the wallet changes; ! tells what the guard leaves of a ladder"
        ),
    ),
    (
        "restored",
        "the pause comes from an earlier session, no key has been pressed here: P lets entries out again",
    ),
    ("stray", "a held lot that belongs to no rung of the present ladder; its exits work all the same"),
    ("bps", "distance from the middle of bid and ask, in hundredths of a percent"),
    (
        "protected",
        "share of the held quantity that a stop working at the venue covers; less is shown UNPROTECTED",
    ),
    ("PnL", "equity now less equity at the start of the session: realised, open, fees and funding"),
    (
        "feed",
        "time from the last market event to the snapshot; SILENT means that the engine itself says nothing",
    ),
)
