"""The session's journal as the screen lists it: fills and events, each line decoded once and kept within bounds."""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

import msgspec

from hedgegrid_tui.audit_words import HEARD, Words
from hedgegrid_tui.render.records import EventRecord, FillRecord
from strategy.control import Result
from strategy.domain import DoorState, Leg, Role, Side
from strategy.order_ids import parse_id

FILLS_KEPT: Final = 500
EVENTS_KEPT: Final = 1_000
NOISE: Final = frozenset({"order", "gate", "equity"})
"""Kinds that come with every order or every second: ladder, orders and chart show what they tell."""
NOT_FLAT: Final = "not_flat"

type Line = Mapping[str, Any]

GRAVE: Final[Mapping[str, Callable[[Line], bool]]] = {
    "alarm": lambda line: line["raised"] is True,
    "error": lambda line: line["critical"] is True,
    "state": lambda line: line["name"] != DoorState.RUNNING,
    "receipt": lambda line: line["result"] != Result.DONE,
    "session.stop": lambda line: line["flat"] == NOT_FLAT,
}
"""Per kind, which lines nobody may overlook."""


class EventBook:
    """Takes the journal's lines as they come; a line that cannot be read costs only itself."""

    def __init__(self) -> None:
        self.after = 0
        """Number of the last line that was taken: what comes next has a higher one."""
        self.fills: tuple[FillRecord, ...] = ()
        """The latest, oldest first; the same object until another one comes."""
        self.events: tuple[EventRecord, ...] = ()
        """The latest, oldest first; the same object until another one comes."""
        self._fills: deque[FillRecord] = deque(maxlen=FILLS_KEPT)
        self._events: deque[EventRecord] = deque(maxlen=EVENTS_KEPT)
        self._words = Words()
        self._decode = msgspec.json.Decoder(dict[str, Any]).decode

    def take(self, lines: Sequence[bytes]) -> None:
        """Take further lines, oldest first; those that were taken before change nothing."""
        fills = events = False
        for text in lines:
            try:
                line = self._decode(text)
                seq, kind = line["seq"], line["kind"]
                if type(seq) is not int or type(line["ts"]) is not int or type(kind) is not str or seq <= self.after:
                    continue
                self.after = seq
                if kind == "fill":
                    self._fills.append(_fill(line))
                    fills = True
                elif kind not in NOISE and not line.get("again"):
                    self._events.append(self._event(line))
                    events = True
            except (msgspec.DecodeError, KeyError, TypeError, ValueError, ArithmeticError, RecursionError):
                continue
        if fills:
            self.fills = tuple(self._fills)
        if events:
            self.events = tuple(self._events)

    def _event(self, line: Line) -> EventRecord:
        kind = line["kind"]
        if kind in HEARD:
            self._words.hear(line)
        return EventRecord(line["seq"], line["ts"], kind, self._words.words(line), _is_grave(line))


def _is_grave(line: Line) -> bool:
    judge = GRAVE.get(line["kind"])
    try:
        return judge is not None and judge(line)
    except KeyError:
        return False


def _fill(line: Line) -> FillRecord:
    told = parse_id(line["id"])
    return FillRecord(
        seq=line["seq"],
        ts=line["ts"],
        leg=Leg(line["leg"]),
        role=Role(line["role"]),
        slot=(line.get("lot") or 0) if told is None else told.key.slot,
        side=Side(line["side"]),
        qty=Decimal(line["qty"]),
        price=Decimal(line["price"]),
        fee=Decimal(line["fee"]),
    )
