"""Item 8: losses, open ones included, are measured from a durable peak, confirmed, and end trading until a reset."""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest

from strategy.admission import Admission
from strategy.control import Command, CommandName, Origin, Result
from strategy.desk import Desk
from strategy.domain import NS_PER_DAY, DoorState, Leg, Role
from strategy.door import Door
from strategy.drawdown import Crossing, Drawdown, Level, Scope
from strategy.risk import Risk
from strategy.watch import WALLET_LOOKS, WalletWatch
from tests.strategy.scenes import only, state_of
from tests.strategy.test_restart import next_world
from tests.strategy.world import World

LARGE: Final = (
    "grid.levels=1", "grid.base_qty=0.080", "grid.step_bps=100", "grid.sl_steps=10", "grid.recentre_trigger_bps=5000",
)  # fmt: skip
"""One long rung at 59,400, one short at 60,600; a thousand down costs 80, and the stop is 6,000 away."""
SAMPLES: Final = 3
TOTAL: Final = ("drawdown.total_warn_pct=0.5", "drawdown.total_pause_pct=1", "drawdown.total_halt_pct=2")
NO_TOTAL: Final = ("drawdown.total_warn_pct=0", "drawdown.total_pause_pct=0", "drawdown.total_halt_pct=0")
NO_DAY: Final = ("drawdown.day_warn_pct=0", "drawdown.day_pause_pct=0", "drawdown.day_halt_pct=0")


def room(*overrides: str) -> World:
    """Both entries rest, and the equity has been looked at."""
    world = World(overrides=(*LARGE, f"drawdown.samples={SAMPLES}", *overrides), acts=False)
    world.quote(60_000)
    world.settle()
    world.sample(SAMPLES)
    return world


def hold(world: World) -> None:
    """The long rung fills."""
    move(world, 59_390)
    assert world.venue.true_position[Leg.LONG] == Decimal("0.080")


def move(world: World, mid: int) -> None:
    world.quote(mid)
    world.settle()
    world.sample(SAMPLES)
    world.settle()
    world.checker.report()


# -- the trip ----------------------------------------------------------------------------------------------------------


def check_s08() -> None:
    """A loss that nobody has realised: flat, halted, and no entry until a named reset and a resume."""
    world = room(*TOTAL[2:], *NO_DAY, "drawdown.total_warn_pct=0", "drawdown.total_pause_pct=0")
    hold(world)
    assert world.venue.cash < 0, "nothing is realised"
    move(world, 56_800)
    assert state_of(world) is DoorState.HALTED, f"it is {world.grid.state}"
    assert not any(world.venue.true_position.values()), "it still holds"
    assert not world.venue.live(), "orders are open"
    act = only(world.journal.of("act"))
    assert (act["command"], act["by"]) == (CommandName.FLATTEN, Origin.DRAWDOWN)
    for mid in (56_800, 58_000, 61_000):
        move(world, mid)
    for name in (CommandName.RESUME, CommandName.RESET_BREAKER):
        world.act(name)
        world.settle()
        assert state_of(world) is DoorState.HALTED, f"{name} ends the halt"
        assert not world.venue.live(), "an entry left"
    assert only(world.act(CommandName.RESET_DRAWDOWN)).result is Result.DONE
    assert state_of(world) is DoorState.PAUSED, "the reset does not end the halt"
    world.act(CommandName.RESUME)
    world.settle()
    assert world.venue.live(None, Role.ENTRY)
    move(world, 61_000)
    assert state_of(world) is DoorState.RUNNING, "it halts again without a new loss"


def test_s08_an_open_loss_flattens_halts_and_ends_by_its_reset_alone() -> None:
    check_s08()


def only_flattens(self: Risk, _cause: object, origin: Origin, words: str) -> None:
    self._door.set(flattening=words, legs=tuple(Leg))
    self.pending.append(Command(CommandName.FLATTEN, origin=origin, reason=words))


def only_halts(self: Risk, cause: Any, _origin: Origin, words: str) -> None:
    self.halt(cause, words)


def forgets_nothing(self: Drawdown, now: int, _equity: Decimal) -> None:
    """A reset that leaves the peak where it is."""
    self.day = now // NS_PER_DAY
    self.reached.clear()


@pytest.mark.parametrize(
    ("owner", "method", "instead", "words"),
    [
        (Admission, "unrealised", lambda *_: Decimal(0), "it is running"),
        (Drawdown, "sample", lambda *_: ([], []), "it is running"),
        (Risk, "_cross", lambda *_: None, "it is running"),
        (Risk, "_halt_and_flatten", only_flattens, "it is paused"),
        (Risk, "_halt_and_flatten", only_halts, "it still holds"),
        (Risk, "end_halt", lambda *_: None, "does not end the halt"),
        (Drawdown, "reset", forgets_nothing, "halts again"),
    ],
)
def test_s08_without_the_code_the_same_check_fails(
    owner: type, method: str, instead: Any, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(owner, method, instead)
    with pytest.raises(AssertionError, match=words):
        check_s08()


def test_s08_with_a_halt_that_resume_ends_the_same_check_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    def resume(self: Desk, act_id: str) -> None:
        self._grid.door.set("resumed", paused=None, halted=None, halts=())
        self._answer(act_id, Result.DONE)
        self._grid.converge()

    monkeypatch.setattr(Desk, "_resume", resume)
    with pytest.raises(AssertionError, match="resume ends the halt"):
        check_s08()


# -- the ladder of responses -------------------------------------------------------------------------------------------


def check_s08_levels() -> None:
    """Warn, pause, flatten and halt: each at its own loss, and none of them a step further."""
    world = room(*TOTAL, *NO_DAY)
    hold(world)
    move(world, 58_700)
    assert state_of(world) is DoorState.RUNNING, f"a warning is {world.grid.state}"
    assert raised(world) == ["drawdown-total-warn"], "no warning"
    move(world, 58_000)
    assert state_of(world) is DoorState.PAUSED, f"at 1 % it is {world.grid.state}"
    assert raised(world) == ["drawdown-total-warn", "drawdown-total-pause"]
    assert world.venue.open_qty(Leg.LONG, Role.SL) == world.venue.true_position[Leg.LONG] == Decimal("0.080")
    move(world, 56_800)
    assert state_of(world) is DoorState.HALTED, f"at 2 % it is {world.grid.state}"
    assert not any(world.venue.true_position.values())


def raised(world: World) -> list[str]:
    return [alarm.name for alarm in world.grid.errors.alarms.values()]


def test_s08_each_level_leads_to_its_own_response() -> None:
    check_s08_levels()


@pytest.mark.parametrize(
    ("level", "words"), [(Level.WARN, "no warning"), (Level.PAUSE, "at 1 % it is"), (Level.HALT, "at 2 % it is")]
)
def test_s08_without_one_level_the_same_check_fails(level: Level, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    cure = Risk._cross

    def cross(self: Risk, crossing: Crossing, now: int) -> None:
        if crossing.level is not level:
            cure(self, crossing, now)

    monkeypatch.setattr(Risk, "_cross", cross)
    with pytest.raises(AssertionError, match=words):
        check_s08_levels()


# -- the peak ----------------------------------------------------------------------------------------------------------


def check_s08_peak(folder: Path) -> None:
    """A loss counts from the highest equity, not from the first, also after the process has ended in between."""
    world = room(*TOTAL[2:], *NO_DAY, "drawdown.total_warn_pct=0", "drawdown.total_pause_pct=0")
    hold(world)
    move(world, 60_010)
    top = world.cash
    assert top > 10_040, "the round trip has earned"
    move(world, 59_390)
    world = next_world(world, folder)
    world.converge()
    move(world, 56_860)
    equity = world.cash + Decimal(56_860) * world.venue.true_position[Leg.LONG]
    if world.venue.true_position[Leg.LONG]:
        assert top * 98 < equity * 100, "2 % below the peak it goes on"
    assert state_of(world) is DoorState.HALTED
    assert world.cash > 9_800, "that was less than 2 % below the first equity"


def test_s08_losses_count_from_a_peak_that_outlives_the_process(tmp_path: Path) -> None:
    check_s08_peak(tmp_path)


def test_s08_with_a_peak_that_is_never_set_the_same_check_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cure = Drawdown.sample

    def sample(self: Drawdown, now: int, equity: Decimal) -> Any:
        before = self.peak
        found = cure(self, now, equity)
        self.peak = before
        return found

    monkeypatch.setattr(Drawdown, "sample", sample)
    with pytest.raises(AssertionError, match="below the peak it goes on"):
        check_s08_peak(tmp_path)


def test_s08_with_a_peak_of_the_process_alone_the_same_check_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def go_on_from(self: Drawdown, *_: object) -> None:
        self.peak = self.day_start = Decimal(10_000)

    monkeypatch.setattr(Drawdown, "go_on_from", go_on_from)
    with pytest.raises(AssertionError, match="below the peak it goes on"):
        check_s08_peak(tmp_path)


# -- confirmation ------------------------------------------------------------------------------------------------------


def wild(world: World, mid: int) -> None:
    """One quote that no order of ours would trade at, and its sample."""
    calm = world.venue.quote
    assert calm is not None
    world.venue.quote = msgspec.structs.replace(calm, bid=Decimal(mid), ask=Decimal(mid))
    world.venue.clock += 1_000_000_000
    now, market = world.venue.now(), world.venue.market()
    assert market is not None
    world.upkeep.sample(now, market, world.cash + world.grid.lots.net_cost, world.cash)
    world.venue.quote = calm


def check_s08_confirmed() -> None:
    """One wild quote is no loss and no peak; the same loss in a row is one."""
    world = room(*TOTAL, "drawdown.day_warn_pct=0.5", "drawdown.day_pause_pct=1", "drawdown.day_halt_pct=2")
    hold(world)
    for mid in (30_000, 59_400, 90_000, 59_400, 59_400, 1_000, 59_400):
        wild(world, mid)
    world.converge()
    assert state_of(world) is DoorState.RUNNING, "one wild quote is a loss"
    assert raised(world) == [], "one wild quote is a loss"
    assert world.grid.risk.drawdown.peak < 10_001, "one wild quote is a peak"
    for _ in range(SAMPLES):
        wild(world, 56_800)
    world.converge()
    assert state_of(world) is DoorState.FLATTENING


def test_s08_one_wild_quote_is_neither_a_loss_nor_a_peak() -> None:
    check_s08_confirmed()


def test_s08_without_confirmation_the_same_check_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    cure = Drawdown.__init__
    hasty = lambda self, config, equity: cure(self, config.model_copy(update={"samples": 1}), equity)  # noqa: E731
    monkeypatch.setattr(Drawdown, "__init__", hasty)
    with pytest.raises(AssertionError, match="one wild quote is"):
        check_s08_confirmed()


# -- days --------------------------------------------------------------------------------------------------------------


def check_s08_day() -> None:
    """1.5 % on each of two days is no halt at 2 % a day; 0.8 % more on the second is one."""
    world = room(*NO_TOTAL, "drawdown.day_warn_pct=0", "drawdown.day_pause_pct=0", "drawdown.day_halt_pct=2")
    hold(world)
    move(world, 57_500)
    assert state_of(world) is DoorState.RUNNING, "a day's loss counts too much"
    world.venue.clock += NS_PER_DAY
    world.sample(SAMPLES)
    move(world, 55_700)
    assert state_of(world) is DoorState.RUNNING, "yesterday's loss counts today"
    move(world, 54_900)
    assert state_of(world) is DoorState.HALTED, "the day's loss does not count"


def test_s08_losses_of_a_day_count_from_its_own_first_equity() -> None:
    check_s08_day()


def test_s08_without_the_days_levels_the_same_check_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    cure = Drawdown._loss_pct
    blind = lambda self, scope, equity: Decimal(0) if scope is Scope.DAY else cure(self, scope, equity)  # noqa: E731
    monkeypatch.setattr(Drawdown, "_loss_pct", blind)
    with pytest.raises(AssertionError, match="the day's loss does not count"):
        check_s08_day()


def test_s08_with_a_day_that_never_ends_the_same_check_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    cure = Drawdown.sample
    monkeypatch.setattr(Drawdown, "sample", lambda self, now, equity: cure(self, now % NS_PER_DAY, equity))
    with pytest.raises(AssertionError, match="yesterday's loss counts"):
        check_s08_day()


# -- deposits and withdrawals ------------------------------------------------------------------------------------------


def check_s08_transfers(folder: Path) -> None:
    """A third is withdrawn, much is deposited, and some while nobody listens: the books follow, and nothing is lost."""
    world = room(*TOTAL, "drawdown.day_warn_pct=0.5", "drawdown.day_pause_pct=1", "drawdown.day_halt_pct=2")
    hold(world)
    for amount in (-3_000, 5_000):
        before = lost(world)
        world.paid_in += amount
        world.sample(WALLET_LOOKS + 2)
        world.settle()
        assert state_of(world) is DoorState.RUNNING, f"a transfer of {amount} is a loss"
        assert raised(world) == [], f"a transfer of {amount} is a loss"
        assert world.grid.ledger.wallet == world.cash + world.grid.lots.net_cost, "the books do not see the transfer"
        assert transfers(world)[-1] == amount
        assert lost(world) == before, "a transfer is a gain or a loss"
    before = lost(world)
    world.paid_in -= 4_000
    world = next_world(world, folder)
    world.converge()
    world.sample(SAMPLES + 1)
    assert state_of(world) is DoorState.RUNNING, "a transfer in between is a loss"
    assert lost(world) == before, "a transfer in between is a gain or a loss"
    assert transfers(world) == [-3_000, 5_000, -4_000]


def transfers(world: World) -> list[Decimal]:
    return [Decimal(line["amount"]) for line in world.journal.of("transfer")]


def lost(world: World) -> Decimal:
    """What lies below the peak, by the venue's own cash."""
    mid = world.mid
    position = sum(leg.sign * world.venue.true_position[leg] for leg in Leg)
    return world.grid.risk.drawdown.peak - (world.cash + position * mid)


def test_s08_deposits_and_withdrawals_are_neither_profit_nor_loss(tmp_path: Path) -> None:
    check_s08_transfers(tmp_path)


@pytest.mark.parametrize(
    ("owner", "method", "instead", "words"),
    [
        (Drawdown, "transfer", lambda *_: None, "is a loss|gain or a loss"),
        (WalletWatch, "look", lambda *_: Decimal(0), "do not see the transfer"),
    ],
)
def test_s08_without_looking_for_transfers_the_same_check_fails(
    owner: type, method: str, instead: Callable[..., Any], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(owner, method, instead)
    with pytest.raises(AssertionError, match=words):
        check_s08_transfers(tmp_path)


def test_s08_with_transfers_while_nobody_listens_taken_for_losses_the_same_check_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cure = Risk.go_on_from

    def forgetful(self: Risk, *args: Any) -> None:
        with monkeypatch.context() as inner:
            inner.setattr(Drawdown, "transfer", lambda *_: None)
            cure(self, *args)

    monkeypatch.setattr(Risk, "go_on_from", forgetful)
    with pytest.raises(AssertionError, match="in between is a"):
        check_s08_transfers(tmp_path)


# -- a restart ---------------------------------------------------------------------------------------------------------


def check_s08_durable(folder: Path) -> None:
    """Halted is halted, whatever became of the process, and the level that has acted does not act again."""
    world = room(*TOTAL, *NO_DAY)
    hold(world)
    move(world, 56_800)
    acts = len(world.journal.of("act"))
    for _ in range(2):
        world = next_world(world, folder)
        world.converge()
        assert state_of(world) is DoorState.HALTED, "it was forgotten"
        move(world, 60_000)
        assert not world.venue.live(), "an entry left"
        assert set(raised(world)) == {f"drawdown-total-{level}" for level in Level}
    assert len(world.journal.of("act")) == acts, "a level has acted twice"


def test_s08_a_halt_outlives_the_process(tmp_path: Path) -> None:
    check_s08_durable(tmp_path)


def test_s08_with_a_halt_of_the_process_alone_the_same_check_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Door, "take_over", lambda *_: None)
    with pytest.raises(AssertionError, match="it was forgotten"):
        check_s08_durable(tmp_path)


def test_s08_with_levels_that_are_armed_by_a_restart_the_same_check_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cure = Drawdown.go_on_from
    monkeypatch.setattr(
        Drawdown, "go_on_from", lambda self, peak, day, start, _reached: cure(self, peak, day, start, {})
    )
    with pytest.raises(AssertionError, match="acted twice"):
        check_s08_durable(tmp_path)
