"""What a dialog says: the blast radius first, in numbers of this moment, then one letter for each answer."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from hedgegrid_tui.render import blast, door
from hedgegrid_tui.render.conditions import share_text
from hedgegrid_tui.render.frame import Frame, leg_mark
from hedgegrid_tui.render.numbers import count, fixed, percent
from hedgegrid_tui.render.rows import Ink, Row, Rows, Segment, fit_all, wrap
from hedgegrid_tui.render.strip import mode
from strategy.domain import ZERO, DoorState, Leg
from strategy.snapshot import Snapshot

LINE: Final = 72
"""Cells of a dialog where the screen has room."""
INDENT: Final = 6
"""Cells before the words of an answer."""
ROOM_AROUND: Final = 4
"""Rows of the dashboard that are worth more than blank rows of a dialog: state and profit stay in view."""
PASSING: Final = ("sim", "replay")
"""Modes whose market ends with the session."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One answer: the letter that gives it and what it does; the safe one has the cursor."""

    key: str
    text: str
    safe: bool = False
    refused: str = ""
    """Why it cannot be given now."""


def rows(
    body: Rows, choices: Sequence[Choice], hint: Segment, width: int, height: int | None = None, field: Row = ()
) -> Rows:
    """The body, the answers or the field to type in, and what was last said; a low screen cuts the body alone."""
    lines: list[Row] = [(), *((field,) if field else ())]
    for choice in choices:
        lines += _answer(choice, width)
    lines += [(), (hint,)]
    if height is not None and len(body) + len(lines) > height - ROOM_AROUND:
        body = tuple(row for row in body if row)
    if height is not None and len(body) + len(lines) > height:
        lines = [row for row in lines if row]
    room = len(body) if height is None else max(1, height - len(lines))
    return (*fit_all(body, width, min(room, len(body))), *fit_all(lines, width, len(lines)))


def _answer(choice: Choice, width: int) -> Rows:
    if choice.refused:
        head, ink, text = Segment(f"   {choice.key}  ", Ink.FAINT), Ink.FAINT, f"{choice.text}: {choice.refused}"
        first: Row = (head,)
    elif choice.safe:
        first, ink = (Segment(" ► ", Ink.OK), Segment(choice.key, Ink.KEY), Segment("  ")), Ink.STRONG
        text = f"{choice.text} (also Esc and Enter)"
    else:
        first, ink, text = (Segment("   "), Segment(choice.key, Ink.KEY), Segment("  ")), Ink.WARN, choice.text
    told = wrap(text, max(1, width - INDENT)) or ("",)
    begin: Row = (Segment(" " * INDENT),)
    return tuple((*(begin if number else first), Segment(line, ink)) for number, line in enumerate(told))


def typed_field(word: str, typed: str) -> Row:
    """Where a word is typed that stands for yes."""
    return (
        Segment(f"Type {word}, then Enter: ", Ink.STRONG),
        Segment(f"[{f'{typed}_'.ljust(len(word) + 1)}]", Ink.KEY),
        Segment("   ► Esc leaves all", Ink.OK),
    )


def warnings(frame: Frame, refused: str, width: int) -> Rows:
    """What stands above the numbers: that the act has become impossible, that they are not of this moment."""
    late = f"NO LONGER POSSIBLE: {refused}" if refused else ""
    silent = "The engine is silent: this is what it last knew." if frame.stale else ""
    return tuple(
        (Segment(f" {line} ", Ink.ALARM),) for text in (late, silent) for line in wrap(text, max(1, width - 2))
    )


def where(snapshot: Snapshot) -> Row:
    """What the answer would touch: mode and instrument."""
    return (mode(snapshot.mode), Segment(f" {snapshot.instrument}", Ink.STRONG))


def told(text: str, width: int, ink: Ink = Ink.PLAIN) -> Rows:
    """A sentence in as many rows as it takes."""
    return tuple((Segment(line, ink),) for line in wrap(text, max(1, width)))


def flatten_body(frame: Frame, width: int = LINE) -> Rows:
    """Everything that a flatten of both legs would do."""
    snapshot = frame.snapshot
    return (
        where(snapshot),
        *told("Closes at market, cancels every order; no undoing it.", width),
        (),
        *blast.flatten_table(snapshot, tuple(Leg), width),
        (),
        *told("Stays open: nothing. L and S spare the other leg.", width),
        blast.after(frame, _paused(snapshot)),
        (),
        *blast.cost_notes(frame, width),
    )


def flatten_leg_body(frame: Frame, width: int, leg: Leg) -> Rows:
    """Everything that a flatten of one leg would do, and the other leg, which it leaves."""
    snapshot = frame.snapshot
    other = Leg.SHORT if leg is Leg.LONG else Leg.LONG
    return (
        where(snapshot),
        *told(f"Closes the {leg.upper()} leg at market, cancels its orders; no undoing it.", width),
        (),
        *blast.flatten_table(snapshot, (leg,), width),
        (),
        (Segment("Stays open:", Ink.MUTED),),
        *blast.open_table(snapshot, (other,), entries=True),
        blast.after(frame, _paused(snapshot)),
        (),
        *blast.cost_notes(frame, width),
    )


def _paused(snapshot: Snapshot) -> frozenset[DoorState]:
    """What is latched after an act that pauses, once a flatten has ended."""
    return (frozenset(door.latched(snapshot)) - {DoorState.FLATTENING}) | {DoorState.PAUSED}


def cancel_body(frame: Frame, width: int = LINE) -> Rows:
    """What cancelling the entries would touch, and what not."""
    snapshot = frame.snapshot
    return (
        where(snapshot),
        *told("Cancels every open entry and pauses. It costs nothing.", width),
        (),
        *blast.entry_table(snapshot),
        (),
        (Segment("Stays open:", Ink.MUTED),),
        *blast.open_table(snapshot, Leg, entries=False),
        (),
        blast.after(frame, {*door.latched(snapshot), DoorState.PAUSED}),
    )


def resume_body(frame: Frame, width: int = LINE) -> Rows:
    """What resuming lets happen."""
    snapshot = frame.snapshot
    built = bool(snapshot.ladders.long or snapshot.ladders.short)
    rungs = count(len(blast.free_rungs(snapshot)), "free rung")
    free = f"up to {rungs}, if the gate lets them." if built else "a ladder is built around the market."
    when = " in an earlier session" if door.is_restored(snapshot) else ""
    reason = f"It was shut{when} by: {door.shut_by(snapshot)}" if snapshot.state_reason else ""
    return (
        where(snapshot),
        *told(f"Entries may leave again: {free}", width),
        *(blast.free_table(snapshot) if built else ()),
        (),
        *told("Open already, and stays as it is:", width, Ink.MUTED),
        *blast.open_table(snapshot, Leg, entries=True),
        *(((), *told(reason, width, Ink.MUTED)) if reason else ()),
    )


def throttle_body(frame: Frame, width: int = LINE) -> Rows:
    """What the throttle is and does."""
    snapshot = frame.snapshot
    left: list[Segment] = [Segment("With regime and funding: ", Ink.MUTED)]
    for leg in (snapshot.long, snapshot.short):
        left += (leg_mark(leg.leg), Segment(f" {share_text(leg.ladder_share)}  "))
    return (
        where(snapshot),
        *told("The share of both ladders, rungs and quantities, that may enter.", width),
        *told(f"It is {share_text(snapshot.throttle)} now. Exits never shrink; it outlives a restart.", width),
        tuple(left),
        (),
        *told("Entries that rest now; a smaller share cancels the outer ones at once:", width, Ink.MUTED),
        *blast.entry_table(snapshot),
    )


def quit_body(frame: Frame, width: int = LINE) -> Rows:
    """What each way of leaving would leave behind."""
    snapshot = frame.snapshot
    if not snapshot.seq:
        return (
            where(snapshot),
            *told("No snapshot has come yet: what stands at the venue is not known here.", width),
        )
    held = snapshot.long.qty or snapshot.short.qty
    open_now = f"{count(snapshot.open_entries, 'entry')} and {count(snapshot.open_exits, 'exit')} are open."
    covered = max(snapshot.long.qty - snapshot.long.sl_qty, ZERO) + max(
        snapshot.short.qty - snapshot.short.sl_qty, ZERO
    )
    share = percent(snapshot.long.qty + snapshot.short.qty - covered, snapshot.long.qty + snapshot.short.qty)
    stops = f"Stops at the venue cover {fixed(share, 0)} % of what is held." if held else "Nothing is held."
    return (
        where(snapshot),
        *told(f"Leaving stops the grid. Now {open_now}", width),
        *told(stops, width, Ink.ALARM if covered else Ink.PLAIN),
        *_left_alone(snapshot, width),
        (),
        *told("Flattening first would do this:", width, Ink.MUTED),
        *blast.flatten_table(snapshot, tuple(Leg), width),
        *blast.cost_notes(frame, width),
    )


def _left_alone(snapshot: Snapshot, width: int) -> Rows:
    """What becomes of entries that are left behind."""
    if snapshot.mode in PASSING:
        return told("The market of this mode ends with the session: nothing is left behind.", width, Ink.MUTED)
    if not snapshot.open_entries:
        return ()
    return told("An entry that fills after you have left has NO STOP: nobody is there to place one.", width, Ink.WARN)
