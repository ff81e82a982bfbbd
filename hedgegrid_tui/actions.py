"""The one registry of actions: bindings, footer, help and palette all read it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Final

from hedgegrid_tui.render.door import closing, halted_by_errors, halted_by_losses, latched
from hedgegrid_tui.render.frame import Frame
from hedgegrid_tui.render.keys import DEFAULT_KEYS, UNBOUND, Keys
from hedgegrid_tui.render.view import RANGES_S, PanelId
from strategy.domain import DoorState, Leg
from strategy.snapshot import EnginePhase, Snapshot

type Allowed = Callable[[Frame], str | None]
"""Gives why an action cannot be used now, None where it can."""


class Danger(StrEnum):
    """How an action treats the trader's key press."""

    SAFE = "acts at once"
    ASKS = "asks first"
    GRAVE = "shows its blast radius, then asks"
    TYPED = "wants a word typed"


class Group(StrEnum):
    """What an action is for; acts stand first in the footer."""

    ACT = "act"
    LOOK = "look"


@dataclass(frozen=True, slots=True)
class Action:
    """One thing that a key does, or a line of the palette; its keys stand in `render.keys`."""

    id: str
    text: str
    """A word for the footer."""
    help: str
    danger: Danger
    allowed: Allowed
    group: Group = Group.ACT

    @property
    def keys(self) -> str:
        """Its default keys in Textual's names; one that no terminal sends where it has none."""
        return ",".join(DEFAULT_KEYS[self.id]) or f"{UNBOUND}{self.id}"

    @property
    def shown(self) -> str:
        """Its default key as the screen prints it; empty where the palette alone offers it."""
        return DEFAULTS.of(self.id)


DEFAULTS: Final = Keys()
DEAF: Final = {
    EnginePhase.STOPPING: "the engine is stopping",
    EnginePhase.STOPPED: "the engine has stopped",
    EnginePhase.FAILED: "the engine has failed",
}


READ_ONLY: Final = "this cockpit is read-only"
ENDING: Final = "the session is ending already"
LISTS: Final = (PanelId.ORDERS, PanelId.FILLS, PanelId.EVENTS, PanelId.ERRORS)
"""Panels that a search filters."""
OPENED: Final = (PanelId.EVENTS, PanelId.ERRORS)
"""Panels whose lines can be read in full."""


def always(frame: Frame) -> str | None:  # noqa: ARG001
    """Never refused."""
    return None


def can_command(frame: Frame) -> str | None:
    """Refused where no command may or can be given at all."""
    if frame.read_only:
        return READ_ONLY
    if frame.stopping:
        return ENDING
    if frame.status.phase in DEAF:
        return DEAF[frame.status.phase]
    return None if frame.snapshot.seq else "the engine has given no snapshot yet"


def can_pause(frame: Frame) -> str | None:
    """Refused where a pause is latched already; whatever else is latched, a pause may be latched beside it."""
    paused = DoorState.PAUSED in latched(frame.snapshot)
    return can_command(frame) or ("already paused" if paused else None)


def can_resume(frame: Frame) -> str | None:
    """Refused where there is nothing to resume from, and where something graver than a pause is latched."""
    return can_command(frame) or _keeps_shut(frame)


def _keeps_shut(frame: Frame) -> str | None:
    snapshot, keys = frame.snapshot, frame.keys
    found = latched(snapshot)
    if DoorState.FLATTENING in found:
        return "a flatten runs; wait for its end"
    if DoorState.HALTED in found:
        resets = "reset-drawdown" if halted_by_losses(snapshot) else "reset-breaker"
        return f"halted; {keys.of(resets)} ({resets.removeprefix('reset-')}) resets that first"
    if DoorState.BREAKER_OPEN in found:
        closes = closing(snapshot).removeprefix("open ")
        return f"the breaker is open, {closes}; {keys.of('reset-breaker')} resets it"
    return None if DoorState.PAUSED in found else "already running"


def can_flatten(frame: Frame) -> str | None:
    """Refused only where a flatten of both legs runs already."""
    running = set(Leg) <= being_flattened(frame.snapshot)
    return can_command(frame) or ("a flatten of both legs runs already" if running else None)


def can_flatten_leg(frame: Frame, leg: Leg) -> str | None:
    """Refused where a flatten of that leg runs already, and where the leg has nothing."""
    held = frame.snapshot.leg(leg)
    if leg in being_flattened(frame.snapshot):
        return can_command(frame) or f"a flatten of the {leg} leg runs already"
    nothing = not (held.qty or held.open_entries or held.open_exits)
    return can_command(frame) or (f"the {leg} leg holds nothing and has no order" if nothing else None)


def being_flattened(snapshot: Snapshot) -> frozenset[Leg]:
    """The legs that a running flatten is closing."""
    flatten = snapshot.flatten
    return frozenset(flatten.legs) if flatten is not None and flatten.running else frozenset()


def can_cancel(frame: Frame) -> str | None:
    """Refused where no entry is open."""
    return can_command(frame) or (None if frame.snapshot.open_entries else "no entry is open")


def can_reset_breaker(frame: Frame) -> str | None:
    """Refused where errors have latched nothing."""
    snapshot = frame.snapshot
    if DoorState.BREAKER_OPEN in latched(snapshot) or snapshot.risk.repeated or halted_by_errors(snapshot):
        return can_command(frame)
    losses = halted_by_losses(snapshot)
    why = f"halted by losses; {frame.keys.of('reset-drawdown')} resets that"
    return can_command(frame) or (why if losses else "the breaker is closed, and errors have latched nothing")


def can_reset_drawdown(frame: Frame) -> str | None:
    """Refused where losses have led to nothing."""
    snapshot = frame.snapshot
    led = bool(snapshot.risk.drawdown.reached) or DoorState.HALTED in latched(snapshot)
    return can_command(frame) or (None if led else "losses have reached no level")


def can_acknowledge(frame: Frame) -> str | None:
    """Refused where nothing calls; open to a read-only cockpit, since it touches nothing."""
    return None if frame.calls else "no alarm and no critical error waits for it"


def can_quit(frame: Frame) -> str | None:
    """Refused only where the session is ending already; a read-only cockpit may leave too."""
    return ENDING if frame.stopping else None


def can_drill(frame: Frame) -> str | None:
    """Refused outside of the simulated market."""
    if frame.read_only:
        return READ_ONLY
    return None if frame.snapshot.mode == "sim" else "only with --mode sim"


def can_search(frame: Frame) -> str | None:
    """Refused where the panel in hand is no list."""
    return None if frame.view.panel in LISTS else f"only lists are searched: {', '.join(LISTS)}"


def can_open(frame: Frame) -> str | None:
    """Refused where the panel in hand has nothing to open."""
    return None if frame.view.panel in OPENED else f"opens a line of: {', '.join(OPENED)}"


def can_shorten(frame: Frame) -> str | None:
    """Refused at the shortest range of the chart."""
    return None if frame.view.chart_range > 0 else "the chart's shortest range is shown"


def can_lengthen(frame: Frame) -> str | None:
    """Refused at the longest range of the chart."""
    return None if frame.view.chart_range + 1 < len(RANGES_S) else "the chart's longest range is shown"


def can_go_back(frame: Frame) -> str | None:
    """Refused where nothing is searched for, maximised or scrolled."""
    view = frame.view
    away = view.search or view.typing or view.zoomed or view.offset(view.panel)
    return None if away else "nothing to go back from: no search, no panel maximised, none scrolled"


def _act(action_id: str, text: str, words: str, danger: Danger, allowed: Allowed) -> Action:
    return Action(action_id, text, words, danger, allowed)


def _look(action_id: str, text: str, words: str, allowed: Allowed = always) -> Action:
    return Action(action_id, text, words, Danger.SAFE, allowed, Group.LOOK)


def _panel(panel: PanelId, words: str) -> Action:
    return _look(f"panel-{panel}", panel, f"Take in hand: {words}; again: maximise it.")


_ALL: Final = (
    _act("pause", "pause", "Let no new entry out; exits stay and go on working.", Danger.SAFE, can_pause),
    _act(
        "flatten", "flatten", "Close both legs or one at market, cancel its orders; from every state.",
        Danger.GRAVE, can_flatten,
    ),
    _act("resume", "resume", "Let entries out again.", Danger.ASKS, can_resume),
    _act(
        "cancel-entries", "cancel", "Cancel every open entry and pause; positions and exits stay.",
        Danger.ASKS, can_cancel,
    ),
    _act("quit", "quit", "Leave: choose what happens to entries and positions.", Danger.ASKS, can_quit),
    _act(
        "acknowledge", "ack",
        "Acknowledge alarms and critical errors: the bell is quiet; errors leave the strip and stay in the list.",
        Danger.SAFE, can_acknowledge,
    ),
    _act(
        "reset-breaker", "breaker",
        "End what errors have latched: breaker, halt after a critical error, levels that filled too often.",
        Danger.ASKS, can_reset_breaker,
    ),
    _act(
        "reset-drawdown", "drawdown", "End what losses have latched; peak and day begin anew at the present equity.",
        Danger.TYPED, can_reset_drawdown,
    ),
    _act("throttle", "throttle", "Choose the share of both ladders that may enter.", Danger.ASKS, can_command),
    _act(
        "flatten-long", "flatten long", "Close the long leg at market, cancel its orders; the short leg stays.",
        Danger.GRAVE, partial(can_flatten_leg, leg=Leg.LONG),
    ),
    _act(
        "flatten-short", "flatten short", "Close the short leg at market, cancel its orders; the long leg stays.",
        Danger.GRAVE, partial(can_flatten_leg, leg=Leg.SHORT),
    ),
    _act(
        "drill", "drill",
        "Rehearse the emergency on a simulated market of its own, beside this session, from the palette.",
        Danger.SAFE, can_drill,
    ),
    _look("help", "help", "Show every key, and what the words of the screen mean."),
    _look("risk", "risk", "Read every limit, what is near it, what the gate has denied, all alarms."),
    _look("journal", "log", "Read all errors, receipts and the engine's log in full."),
    _look("palette", "palette", "Find an action by its name."),
    _look("zoom", "zoom", "Give the panel in hand the whole screen below the strip, or give it back."),
    _look("back", "back", "Clear the search; else give the maximised panel back; else scroll to rest.", can_go_back),
    _look("search", "search", "Show only those lines of the list in hand that hold a text.", can_search),
    _look("open", "open", "Read an error or an event in full, with what happened around it.", can_open),
    _panel(PanelId.LADDER, "both ladders around the market"),
    _panel(PanelId.LEGS, "legs and money"),
    _panel(PanelId.RISK, "limits and what is near them"),
    _panel(PanelId.CHART, "equity and drawdown over time"),
    _panel(PanelId.ORDERS, "open orders"),
    _panel(PanelId.FILLS, "fills"),
    _panel(PanelId.EVENTS, "what happened"),
    _panel(PanelId.ERRORS, "errors"),
    _panel(PanelId.VITALS, "ages, regime, funding, the engine's log"),
    _look("range-shorter", "shorter", "Let the chart show a shorter time.", can_shorten),
    _look("range-longer", "longer", "Let the chart show a longer time.", can_lengthen),
    _look("theme", "theme", "Take the next theme; it holds until you leave."),
    _look("scroll-up", "up", "Scroll the panel in hand up by a line."),
    _look("scroll-down", "down", "Scroll the panel in hand down by a line."),
    _look("scroll-page-up", "page up", "Scroll the panel in hand up by a page."),
    _look("scroll-page-down", "page down", "Scroll the panel in hand down by a page."),
    _look("scroll-top", "top", "Go to the oldest line, in the ladder to the highest price."),
    _look("scroll-bottom", "bottom", "Go to the newest line, in the ladder to the lowest price."),
)  # fmt: skip

ACTIONS: Final[Mapping[str, Action]] = {action.id: action for action in _ALL}
"""Every action by its id, acts first, then the most needed first: a narrow footer leaves out the last ones."""
