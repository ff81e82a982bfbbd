"""What dialogs say: the blast radius before the question, the safe answer always, nothing that is not known."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from rich.cells import cell_len

from hedgegrid_tui.render import blast, dialogs
from hedgegrid_tui.render.frame import Frame
from hedgegrid_tui.render.keys import Keys
from hedgegrid_tui.render.rows import NOTHING, Rows, text_of
from hedgegrid_tui.screens.questions import QUESTIONS, QUIT, Question
from strategy.control import Command, CommandName, Receipt, Result
from strategy.domain import DoorState, Leg
from strategy.snapshot import EnginePhase, EngineStatus, LegView, MarketView, Snapshot
from tests.hedgegrid_tui import fakes
from tests.hedgegrid_tui.test_keys import Desk, desk
from tests.hedgegrid_tui.test_pictures_hold import FRAMES

ALL: dict[str, tuple[Question, Callable[[], Snapshot]]] = {
    "flatten": (QUESTIONS["flatten"], fakes.critical),
    "flatten-long": (QUESTIONS["flatten-long"], fakes.running),
    "flatten-short": (QUESTIONS["flatten-short"], fakes.running),
    "cancel-entries": (QUESTIONS["cancel-entries"], fakes.running),
    "resume": (QUESTIONS["resume"], fakes.restored),
    "reset-breaker": (QUESTIONS["reset-breaker"], fakes.breaker_open),
    "reset-drawdown": (QUESTIONS["reset-drawdown"], fakes.halted),
    "throttle": (QUESTIONS["throttle"], fakes.running),
    "quit": (QUIT, fakes.running),
}
OPENED_BY = {
    "flatten": "F",
    "cancel-entries": "C",
    "resume": "P",
    "reset-breaker": "B",
    "reset-drawdown": "D",
    "throttle": "t",
    "quit": "q",
}
HALF = Decimal("0.5")
SIZES = [(60, 20), (80, 24), (120, 40), (200, 60)]


def frame(snapshot: Snapshot | None = None, **changes: Any) -> Frame:
    known = fakes.running() if snapshot is None else snapshot
    return Frame(snapshot=known, status=EngineStatus(EnginePhase.RUNNING), **changes)


def text(rows: Rows) -> str:
    return "\n".join(" ".join(text_of(row).split()) for row in rows)


def whole(question: Question, seen: Frame, width: int, height: int) -> Rows:
    return dialogs.rows(question.body(seen, width), question.choices(seen), NOTHING, width, height)


def test_every_act_that_asks_has_its_question() -> None:
    assert set(ALL) == {"quit", *QUESTIONS}
    assert all(action_id == question.action_id for action_id, (question, _) in ALL.items())


# -- what is said --------------------------------------------------------------------------------------------------


def test_a_flatten_tells_orders_size_notional_and_cost_of_each_leg_and_what_stays() -> None:
    shown = text(dialogs.flatten_body(frame(), 72))
    assert "▲ LONG 6 entries, 4 exits 0.004 BTC 247.21 -0.12" in shown
    assert "▼ SHORT 6 entries, 4 exits 0.004 BTC 247.21 -0.12" in shown
    assert "BOTH 12 entries, 8 exits 494.42 -0.25" in shown
    assert "Stays open: nothing." in shown
    assert "After it: ‖ PAUSED; P then lets entries out again." in shown
    assert "in USDT; est. cost: 0.05 % fee and half the spread (0.05)" in shown


def test_a_narrow_flatten_tells_the_same_numbers_in_two_rows_a_leg() -> None:
    shown = text(dialogs.flatten_body(frame(), 56))
    assert "▲ LONG 6 entries, 4 exits\n0.004 BTC 247.21 USDT cost -0.12" in shown
    assert "BOTH 12 entries, 8 exits\n494.42 USDT cost -0.25" in shown


def test_slippage_is_not_invented_and_that_of_the_last_flatten_is_told() -> None:
    assert text(dialogs.flatten_body(frame(), 72)).endswith("slippage beyond that: not known")
    seen = " ".join(text(dialogs.flatten_body(frame(fakes.halted()), 72)).split())
    assert seen.endswith("not known; last flatten: long 0.50 bps, short 0.81 bps from the mid")


def test_a_flatten_that_measured_nothing_does_not_hide_the_one_before_it() -> None:
    nothing = Receipt("act-9", "flatten", Result.DONE, {"long": {"held": "0", "closed": "0"}, "short": "?"})
    snapshot = fakes.halted()
    seen = frame(replace(snapshot, receipts=(*snapshot.receipts, nothing)))
    assert "long 0.50 bps" in text(blast.cost_notes(seen, 90))


def test_without_a_market_notional_and_cost_of_what_is_held_are_not_known() -> None:
    snapshot = fakes.running(market=MarketView(), short=LegView(Leg.SHORT))
    shown = text(dialogs.flatten_body(frame(snapshot), 72))
    assert "▲ LONG 6 entries, 4 exits 0.004 BTC - -" in shown
    assert "▼ SHORT 0 entries, 0 exits 0.000 BTC 0.00 0.00" in shown
    assert "BOTH 6 entries, 4 exits - -" in shown
    assert "the spread is not known" in shown
    assert blast.closing_cost(snapshot, snapshot.long) is None


def test_a_market_that_is_silent_makes_the_numbers_old_and_says_so() -> None:
    assert "! no price for 7.0 s: notional and cost are from before that" in text(
        dialogs.flatten_body(frame(fakes.stale()), 90)
    )


def test_a_flatten_of_one_leg_tells_what_the_other_keeps() -> None:
    shown = text(QUESTIONS["flatten-long"].body(frame(), 72))
    assert "Closes the LONG leg at market" in shown
    assert "Stays open:\n▼ SHORT 0.004 BTC held, 6 entries, 4 exits" in shown
    assert shown.count("SHORT") == 1
    bare = text(QUESTIONS["flatten-short"].body(frame(fakes.critical()), 72))
    assert "▲ LONG 0.004 BTC held, 6 entries, 4 exits, 0.002 BTC WITHOUT STOP" in bare


@pytest.mark.parametrize(
    ("snapshot", "after"),
    [
        (fakes.running, "After it: ‖ PAUSED; P then lets entries out again."),
        (fakes.flattening, "After it: ‖ PAUSED; P then lets entries out again."),
        (fakes.breaker_open, "After it: ⊘ BREAKER OPEN."),
        (fakes.halted, "After it: ■ HALTED ."),
    ],
)
def test_a_flatten_tells_the_state_that_it_leaves(snapshot: Callable[[], Snapshot], after: str) -> None:
    assert after in text(dialogs.flatten_body(frame(snapshot())))


def test_cancelling_tells_the_entries_of_each_leg_and_the_exits_that_stay() -> None:
    shown = text(dialogs.cancel_body(frame()))
    assert "▲ LONG 6 entries 0.012 BTC 737.52 USDT" in shown
    assert "Stays open:\n▲ LONG 0.004 BTC held, 4 exits\n▼ SHORT 0.004 BTC held, 4 exits" in shown
    assert "After it: ‖ PAUSED; P then lets entries out again." in shown


def test_resuming_tells_the_free_rungs_of_each_leg_and_counts_none_that_rests_already() -> None:
    shown = text(dialogs.resume_body(frame(fakes.restored())))
    assert "up to 8 free rungs, if the gate lets them." in shown
    assert "▲ LONG 4 free rungs 0.008 BTC 493.16 USDT" in shown
    assert "up to 1 free rung," in text(dialogs.resume_body(frame(fakes.paused())))


def test_a_reset_that_opens_the_door_tells_what_leaves_at_once() -> None:
    assert "AT ONCE.\n▲ LONG 6 free rungs 0.012 BTC 737.52 USDT" in text(
        QUESTIONS["reset-breaker"].body(frame(fakes.breaker_open()), 72)
    )
    shut = text(QUESTIONS["reset-breaker"].body(frame(fakes.breaker_open(DoorState.PAUSED)), 72))
    assert "free rung" not in shut


def test_leaving_entries_behind_warns_that_their_fills_have_no_stop_where_the_market_goes_on() -> None:
    assert "NO STOP" in text(dialogs.quit_body(frame(fakes.running(mode="live"))))
    assert "NO STOP" not in text(dialogs.quit_body(frame(fakes.running())))
    assert "nothing is left behind" in text(dialogs.quit_body(frame(fakes.running())))
    none = {"long": LegView(Leg.LONG), "short": LegView(Leg.SHORT)}
    assert "NO STOP" not in text(dialogs.quit_body(frame(fakes.running(mode="live", **none))))


def test_keys_that_the_trader_has_moved_are_named_as_they_are() -> None:
    keys = Keys({"resume": ("f6",), "reset-breaker": ("f8",)})
    assert "F6 then lets entries out again" in text(dialogs.flatten_body(frame(keys=keys)))
    assert "F8 ends this halt" in text(QUESTIONS["reset-drawdown"].body(frame(fakes.halted_by_error(), keys=keys), 90))


# -- how it fits ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("columns", "lines"), SIZES)
@pytest.mark.parametrize("name", OPENED_BY)
async def test_every_dialog_shows_where_it_acts_and_its_safe_answer_at_every_size(
    name: str, columns: int, lines: int
) -> None:
    question, snapshot = ALL[name]
    async with desk(snapshot(), size=(columns, lines)) as at:
        await at.press(OPENED_BY[name])
        panel = at.app.screen.query_one("#question")
        assert panel.region.bottom <= lines
        assert panel.region.right <= columns
        assert at.question.splitlines()[0].split() == ["SIMULATED", "BTCUSDT"]
        assert "►" in at.question
        answers = [choice.key for choice in question.choices(at.app.frame)] or [question.word]
        for letter in answers:
            assert any(row.strip().lstrip("►").strip().startswith(letter) for row in at.question.splitlines()) or (
                f"Type {letter}, then Enter" in at.question
            )
        assert "p pauses" in at.question


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
@given(FRAMES, st.integers(8, 130), st.sampled_from(sorted(ALL)))
def test_every_dialog_of_every_snapshot_stays_within_its_width(seen: Frame, width: int, name: str) -> None:
    question, _ = ALL[name]
    rows = whole(question, seen, width, 30)
    assert {cell_len(text_of(row)) for row in rows} <= {width}


def test_blank_rows_go_before_words_and_words_before_answers() -> None:
    question, seen = QUESTIONS["flatten"], frame()
    roomy, tight, low = (whole(question, seen, 72, height) for height in (40, 20, 12))
    assert sum(not text_of(row).strip() for row in roomy) > sum(not text_of(row).strip() for row in tight)
    assert text(tight).replace("\n\n", "\n") == text(roomy).replace("\n\n", "\n")
    assert len(low) == 12
    assert "more" in text(low)
    assert all(choice.text in text(low) for choice in question.choices(seen))


# -- what becomes of it while it is open -----------------------------------------------------------------------------


IMPOSSIBLE: dict[str, Callable[[], Snapshot]] = {
    "F": fakes.flattening,
    "C": fakes.halted,
    "P": fakes.running,
    "B": fakes.running,
    "D": fakes.running,
}
BEFORE: dict[str, Callable[[], Snapshot]] = {
    "F": fakes.running,
    "C": fakes.running,
    "P": fakes.paused,
    "B": fakes.breaker_open,
    "D": fakes.halted,
}


async def change(at: Desk, snapshot: Snapshot) -> None:
    at.engine.snapshot = replace(snapshot, seq=at.engine.snapshot.seq + 1)
    at.app.draw()
    await at.pilot.pause()


@pytest.mark.parametrize("key", IMPOSSIBLE)
async def test_a_dialog_whose_act_has_become_impossible_says_so_and_has_only_the_safe_answer(key: str) -> None:
    async with desk(BEFORE[key]()) as at:
        await at.press(key)
        assert "NO LONGER POSSIBLE" not in at.question
        await change(at, IMPOSSIBLE[key]())
        assert at.question.splitlines()[0].strip().startswith("NO LONGER POSSIBLE: ")
        cursor, *others = at.question.splitlines()[-3:]
        assert cursor.startswith(" ► n  no, leave everything as it is")
        assert others == ["", "nothing was sent · p pauses"]
        for letter in ("a", "y", "L", *"reset"):
            await at.press(letter)
            assert at.asked
        assert at.engine.sent == []
        await at.press("n")
        assert not at.asked
        assert at.engine.sent == []


async def test_an_act_that_becomes_possible_again_can_be_answered_again() -> None:
    async with desk(fakes.paused()) as at:
        await at.press("P")
        await change(at, fakes.running())
        assert "NO LONGER POSSIBLE: already running" in at.question
        await change(at, fakes.paused())
        await at.press("y")
        assert at.engine.commands == [Command(CommandName.RESUME)]


async def test_numbers_of_an_engine_that_has_gone_silent_are_called_the_last_known() -> None:
    async with desk(fakes.running()) as at:
        await at.press("F")
        assert "last knew" not in at.question
        at.clock.now += 60
        at.app.draw()
        assert "The engine is silent: this is what it last knew." in at.question


async def test_an_engine_that_fails_takes_every_answer_but_the_safe_one() -> None:
    async with desk(fakes.running()) as at:
        await at.press("F")
        at.engine.status = EngineStatus(EnginePhase.FAILED, "the loop has ended")
        at.app.draw()
        assert "NO LONGER POSSIBLE: the engine has failed" in at.question
        assert "flatten ALL" not in at.question


async def test_a_pause_from_within_a_dialog_is_told_there_up_to_its_receipt() -> None:
    async with desk(fakes.running(), size=(60, 20)) as at:
        await at.press("F", "p")
        assert at.question.splitlines()[-1] == "pause: sent, waiting for its receipt"
        at.engine.answer(Result.DONE)
        at.app.draw()
        assert at.question.splitlines()[-1] == "pause: ✓ done"
        await at.press("x")
        assert at.question.splitlines()[-1] == "'x' is no answer here"


async def test_a_leg_whose_flatten_runs_already_is_not_offered_again() -> None:
    async with desk(fakes.flattening(legs=(Leg.LONG,))) as at:
        await at.press("F", "L")
        assert at.asked
        assert "L: a flatten of the long leg runs already" in at.question
        await at.press("S")
        assert at.engine.commands == [Command(CommandName.FLATTEN, Leg.SHORT)]


@pytest.mark.parametrize(("leg", "letter"), [(Leg.LONG, "L"), (Leg.SHORT, "S")])
async def test_a_flatten_of_one_leg_from_the_palette_is_confirmed_by_the_leg_s_letter(leg: Leg, letter: str) -> None:
    async with desk(fakes.running()) as at:
        at.app.action_act(f"flatten-{leg}")
        await at.pilot.pause()
        await at.press("y", "a", "enter" if leg is Leg.LONG else "x")
        if leg is Leg.LONG:
            assert at.engine.sent == []
            at.app.action_act(f"flatten-{leg}")
            await at.pilot.pause()
        await at.press(letter)
        assert at.engine.commands == [Command(CommandName.FLATTEN, leg)]


def test_the_estimate_is_fee_and_half_the_spread() -> None:
    snapshot = fakes.running()
    assert blast.closing_cost(snapshot, snapshot.long) == Decimal("0.0005") * Decimal("247.21") + Decimal("0.0002")


def test_the_throttle_says_how_many_rungs_each_share_leaves() -> None:
    choices = QUESTIONS["throttle"].choices(frame(fakes.running()))
    assert [choice.text for choice in choices[1:]] == [
        "0 %: no rung enters",
        "25 %: at most 2 LONG and 2 SHORT rungs enter",
        "50 %: at most 4 LONG and 4 SHORT rungs enter",
        "75 %: at most 6 LONG and 6 SHORT rungs enter",
        "100 %",
    ]
    thin = fakes.thinned()  # half a throttle now, and less by regime and funding: twice that at most without it
    assert (thin.throttle, thin.long.ladder_share, thin.short.ladder_share) == (HALF, HALF**3, HALF)
    assert blast.most_rungs(thin, Decimal(1)) == {Leg.LONG: 2, Leg.SHORT: 8}
    assert blast.most_rungs(fakes.running(throttle=Decimal(0)), Decimal("0.5")) == {Leg.LONG: 4, Leg.SHORT: 4}
