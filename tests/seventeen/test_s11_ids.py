"""Item 11: client order ids are unique, fit the venue, say what they were made of, and are read for fills only."""

from collections.abc import Callable

import pytest
from hypothesis import Phase, given, settings

from strategy.domain import OrderKey
from strategy.order_ids import MAX_LENGTH, OrderId, base36, format_id, parse_id
from strategy.order_index import OrderIndex
from tests.seventeen.faults import calls_in_the_brain, code_of
from tests.strategy.test_order_ids import ids
from tests.strategy.venue import Mischief
from tests.strategy.world import World

BINANCE_IDS = 36
"""Source: Binance, USDT-M futures, New Order: newClientOrderId."""

once = settings(max_examples=300, deadline=None, database=None, phases=[Phase.generate], report_multiple_bugs=False)

type Write = Callable[[OrderId], str]
type Read = Callable[[str], OrderId | None]


def check_s11(write: Write, read: Read) -> None:
    """What was written is read back, fits the venue, and differs for orders that differ in any part."""

    @once
    @given(ids, ids)
    def holds(order: OrderId, other: OrderId) -> None:
        text = write(order)
        assert read(text) == order
        assert len(text) <= BINANCE_IDS
        for twin in (
            OrderId(order.session, order.key, order.lot, other.serial),
            OrderId(other.session, order.key, order.lot, order.serial),
            OrderId(order.session, other.key, order.lot, order.serial),
            OrderId(order.session, order.key, other.lot, order.serial),
        ):
            assert (write(twin) == text) is (twin == order)

    holds()


def seed(order: OrderId) -> str:
    """Side and level only: a rung's second order has the first one's id."""
    return f"HG-{order.session}-{order.key.role}-{order.key.leg}-{base36(order.key.slot)}"


def wordy(order: OrderId) -> str:
    return format_id(order).replace("HG-", "HEDGEGRID-STRATEGY-V1-")


def lossy(text: str) -> OrderId | None:
    """The level from a split, as decimal digits."""
    found = parse_id(text)
    if found is None:
        return None
    slot = int("".join(each for each in base36(found.key.slot) if each.isdigit()) or "0")
    return OrderId(found.session, OrderKey(found.key.leg, found.key.role, slot), found.lot, found.serial)


def test_s11_ids_are_unique_at_most_36_characters_and_read_back() -> None:
    assert MAX_LENGTH == BINANCE_IDS
    check_s11(format_id, parse_id)


@pytest.mark.parametrize(
    ("write", "read"),
    [
        (seed, parse_id),
        (wordy, lambda text: parse_id(text.replace("HEDGEGRID-STRATEGY-V1-", "HG-"))),
        (format_id, lossy),
    ],
)
def test_s11_with_other_ids_the_same_check_fails(write: Write, read: Read) -> None:
    with pytest.raises(AssertionError):
        check_s11(write, read)


# -- read where they must be only --------------------------------------------------------------------------------------


def check_s11_read_for_fills_only(seed: int = 5) -> None:
    """In a run an id is read for a fill, and for an event on an order that the index does not know any more."""
    world = World(seed, mischief=Mischief(piecemeal=0.4, rejects_entry=0.1), acts=False)
    world.venue.on_submit = lambda _sent: None
    reader = code_of(parse_id)
    with calls_in_the_brain(lambda code: code is reader) as read:
        world.run(300)
    sent = [order.id for order in world.venue.orders.values()]
    assert len(sent) == len(set(sent)) > 40
    assert max(map(len, sent)) <= BINANCE_IDS
    fills = len(world.journal.of("fill"))
    assert fills > 20
    assert len(read) == fills, f"{len(read)} ids were read for {fills} fills"


def test_s11_in_a_run_an_id_is_read_once_for_each_fill_and_never_else() -> None:
    check_s11_read_for_fills_only()


def test_s11_with_an_index_that_reads_ids_the_same_check_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the seed has it: each pass reads the id of each order to find out what it is."""
    cure = OrderIndex.keys

    def reading(self: OrderIndex) -> tuple[OrderKey, ...]:
        told = [parse_id(order.id) for order in self]
        assert {each.key for each in told if each is not None} == set(cure(self))
        return cure(self)

    monkeypatch.setattr(OrderIndex, "keys", reading)
    with pytest.raises(AssertionError, match="ids were read"):
        check_s11_read_for_fills_only()
