"""What the client has told of each order: the venue as it would look to a perfect listener."""

import re
from dataclasses import dataclass, field
from decimal import Decimal

from tests.venue.core import Request

ZERO = Decimal(0)
ID = re.compile(r"HG-[0-9a-z]{1,9}-([ETSC])([LS])([0-9a-z]{1,6})-([0-9a-z]{1,6})-([0-9a-z]{1,6})")
ROLES = {"E": "entry", "T": "tp", "S": "sl", "C": "close"}


@dataclass(frozen=True)
class Purpose:
    """What an id says that its order is for."""

    role: str
    leg: str
    slot: str
    lot: str
    serial: str

    @property
    def key(self) -> tuple[str, str, str]:
        return self.leg, self.role, self.slot


@dataclass
class Told:
    """What the client has told of one order since the engine started."""

    request: Request
    purpose: Purpose
    session: int
    sent: int
    accepted: bool = False
    ended: bool = False
    """For certain, or filled to its end."""
    ambiguous: bool = False
    """Told as rejected although nobody knows."""
    answered: bool = False
    """The venue was asked, and its answer told, after that."""
    filled: Decimal = ZERO
    qty: Decimal = ZERO
    wanted: Decimal = ZERO
    """What a change on its way asks for."""
    waits: dict[str, int] = field(default_factory=dict)
    """Cancels, changes and questions without an answer, and since when."""
    cancelled: int = 0
    """When a cancel was last sent that the venue could not but know what to do with."""
    refused: int = 0
    """When a cancel or a change was last refused, or a question answered."""

    @property
    def left(self) -> Decimal:
        return self.qty - self.filled


def read_id(client_id: str) -> Purpose | None:
    """What an id says; the checker's own reading."""
    match = ID.fullmatch(client_id)
    if match is None:
        return None
    role, leg, *rest = match.groups()
    return Purpose(ROLES[role], "LONG" if leg == "L" else "SHORT", *rest)
