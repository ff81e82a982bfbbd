"""Client order ids, both ways: `HG-<session>-<role><leg><slot>-<lot>-<serial>`, numbers in base 36."""

import re
from typing import Final

import msgspec

from strategy.domain import Leg, OrderKey, Role

MAX_LENGTH: Final = 36
"""Binance's limit on a client order id."""
DIGITS: Final = "0123456789abcdefghijklmnopqrstuvwxyz"
ROLES: Final = {Role.ENTRY: "E", Role.TP: "T", Role.SL: "S", Role.CLOSE: "C"}
LEGS: Final = {Leg.LONG: "L", Leg.SHORT: "S"}
_ROLE_OF: Final = {letter: role for role, letter in ROLES.items()}
_LEG_OF: Final = {letter: leg for leg, letter in LEGS.items()}
_PATTERN: Final = re.compile(r"HG-([0-9a-z]{1,9})-([ETSC])([LS])([0-9a-z]{1,6})-([0-9a-z]{1,6})-([0-9a-z]{1,6})")


class OrderId(msgspec.Struct, frozen=True, gc=False):
    """Everything that a client order id says."""

    session: str
    key: OrderKey
    lot: int | None
    serial: int


def base36(number: int) -> str:
    """A non-negative number in base 36, lower case."""
    text = ""
    while True:
        number, digit = divmod(number, 36)
        text = DIGITS[digit] + text
        if not number:
            return text


def format_id(order: OrderId) -> str:
    """The client order id.

    Raises:
        ValueError: A part is too large for the id to be read back.
    """
    key = order.key
    lot = 0 if order.lot is None else order.lot
    text = f"HG-{order.session}-{ROLES[key.role]}{LEGS[key.leg]}{base36(key.slot)}-{base36(lot)}-{base36(order.serial)}"
    if len(text) > MAX_LENGTH or not _PATTERN.fullmatch(text):
        raise ValueError(f"client order id {text!r}: a part is too long")
    return text


def parse_id(text: str) -> OrderId | None:
    """What an id says; None where it is not one of ours."""
    match = _PATTERN.fullmatch(text)
    if match is None:
        return None
    session, role, leg, slot, lot, serial = match.groups()
    key = OrderKey(_LEG_OF[leg], _ROLE_OF[role], int(slot, 36))
    return OrderId(session=session, key=key, lot=int(lot, 36) or None, serial=int(serial, 36))
