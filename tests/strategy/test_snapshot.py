"""What the outside may see."""

from decimal import Decimal

import msgspec
import pytest

from strategy.control import Receipt, Result
from strategy.domain import Leg, Market, Reason, Side, decimals, plain
from strategy.snapshot import (
    ErrorRecord,
    FlattenStage,
    FlattenView,
    LadderSnapshot,
    LegView,
    LotView,
    MarketView,
    RungState,
    RungView,
    Snapshot,
)

ONE = Decimal("1.10")
LOT = LotView(1, Leg.LONG, 1, ONE, ONE, ONE, ONE, ONE, ONE, ONE, 5)
FULL = Snapshot(
    seq=3,
    session="s",
    market=MarketView(Decimal("1.0"), Decimal("2.0"), None, 4, 1, 2, 3),
    ladders=LadderSnapshot(
        ONE, ONE, (RungView(Leg.LONG, 1, ONE, ONE, RungState.HELD, lot=LOT),),
        (RungView(Leg.SHORT, 1, ONE, ONE, RungState.GAP, reason=Reason.PAUSED, detail="x"),), (LOT,),
    ),
    long=LegView(Leg.LONG, qty=ONE, open_entries=1, open_exits=2),
    short=LegView(Leg.SHORT, open_entries=3, open_exits=4),
    flatten=FlattenView((Leg.LONG,), FlattenStage.CLOSING, 9),
    receipts=(Receipt("s-1", "pause", Result.DONE, {"entries_left_resting": 2}, 8),),
    errors=(ErrorRecord(1, 2, "send", "OSError", "no link", True),),
)  # fmt: skip


@pytest.mark.parametrize("snapshot", [Snapshot(), FULL])
def test_s02_a_snapshot_survives_json_and_msgpack(snapshot: Snapshot) -> None:
    assert msgspec.json.decode(msgspec.json.encode(snapshot), type=Snapshot) == snapshot
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(snapshot), type=Snapshot) == snapshot


def test_s02_the_empty_snapshot_is_complete_and_flat() -> None:
    empty = Snapshot()
    assert empty.is_flat
    assert empty.market.mid is None
    assert (empty.leg(Leg.LONG).leg, empty.leg(Leg.SHORT).leg) == (Leg.LONG, Leg.SHORT)
    assert (empty.open_entries, empty.open_exits, empty.flatten) == (0, 0, None)


def test_s02_a_snapshot_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        FULL.seq = 4  # type: ignore[misc]


def test_totals_are_those_of_both_legs() -> None:
    assert (FULL.open_entries, FULL.open_exits) == (4, 6)
    assert not FULL.is_flat
    assert FULL.market.mid == Decimal("1.5")
    assert MarketView(bid=ONE).mid is None


@pytest.mark.parametrize(
    "part",
    [
        Snapshot(long=LegView(Leg.LONG, qty=ONE)),
        Snapshot(short=LegView(Leg.SHORT, qty=ONE)),
        Snapshot(long=LegView(Leg.LONG, open_entries=1)),
        Snapshot(short=LegView(Leg.SHORT, open_exits=1)),
    ],
)
def test_flat_means_nothing_held_and_nothing_open(part: Snapshot) -> None:
    assert not part.is_flat


@pytest.mark.parametrize(("step", "places"), [("0.10", 1), ("0.001", 3), ("5", 0), ("100", 0), ("0.05", 2)])
def test_a_step_has_as_many_decimals_as_its_multiples(step: str, places: int) -> None:
    assert decimals(Decimal(step)) == places


def test_s04_numbers_are_written_plainly() -> None:
    assert [plain(Decimal(text)) for text in ("1E-7", "6.000E+4", "0.10")] == ["0.0000001", "60000", "0.10"]
    assert Market(Decimal(1), Decimal(2), 0).mid == Decimal("1.5")


def test_the_sides_of_a_leg_are_opposite() -> None:
    assert [(leg.sign, leg.entry_side, leg.exit_side) for leg in Leg] == [
        (1, Side.BUY, Side.SELL),
        (-1, Side.SELL, Side.BUY),
    ]
