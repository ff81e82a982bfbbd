"""Every way in which an entry can fail at the venue: what the trader reads, and what rests there afterwards."""

from collections.abc import Callable, Iterator

import pytest

from strategy.control import Command, CommandName
from strategy.domain import Leg
from tests.hedgegrid_tui.binance.faulted import ENTRIES, Faulted, faulted
from tests.venue.binance.rules import HTML, Rule
from tests.venue.binance.streams import Side

pytestmark = [pytest.mark.timeout(30), pytest.mark.xdist_group("faults-of-entries")]

ORDER = "/fapi/v1/order"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Faulted]:
    with faulted(tmp_path_factory.mktemp("entries")) as session:
        yield session


@pytest.fixture
def session(running: Faulted) -> Faulted:
    """Flat, every rung with its entry at the venue, and then the entries taken back."""
    running.calm()
    running.withdraw()
    return running


@pytest.mark.parametrize(
    ("code", "words"),
    [(-4014, "tick size"), (-4164, "notional"), (-2019, "Margin is insufficient"), (-1111, "Precision")],
)
def test_a_refused_entry_shows_the_venues_words_and_leaves_again_under_another_id(
    session: Faulted, code: int, words: str
) -> None:
    session.venue.when("POST", ORDER, 1).refuse(code)
    session.enter_anew()
    session.until_shown("backing off", str(code), words, "order-rejected")
    refused = session.until_written("order", event="rejected")
    assert refused["id"] not in session.venue.exchange.archive.papers
    session.at_rest()
    assert len(session.open("entry")) == ENTRIES
    assert [line["critical"] for line in session.errors(str(code))] == [False]


def test_a_post_only_entry_that_would_take_leaves_again_and_is_no_error(session: Faulted) -> None:
    session.venue.when("POST", ORDER, 1).refuse(-5022)
    session.enter_anew()
    refused = session.until_written("order", event="rejected")
    assert "-5022" in refused["reason"]
    session.at_rest()
    assert refused["id"] not in session.open("entry")
    assert len(session.open("entry")) == ENTRIES
    assert session.errors() == []


def test_a_busy_venue_is_tried_again(session: Faulted) -> None:
    session.venue.when("POST", ORDER, 1).refuse(-1008)
    session.enter_anew()
    session.until_shown("backing off", "-1008")
    session.at_rest()
    assert len(session.open("entry")) == ENTRIES


def test_a_time_outside_of_the_window_is_told_and_the_entry_leaves_again(session: Faulted) -> None:
    """Once is put right in silence, by asking for the venue's time; a second refusal in a row is told."""
    session.venue.when("POST", ORDER, range(1, 2 * ENTRIES)).refuse(-1021)
    session.enter_anew()
    session.until_shown("backing off", "-1021", "outside of the recvWindow")
    session.at_rest()
    assert len(session.open("entry")) == ENTRIES


UNCLEAR: dict[str, Callable[[Rule, bool], Rule]] = {
    "503, -1007": lambda rule, live: rule.unknown(live=live),
    "503, -1006": lambda rule, live: rule.unknown(live=live, code=-1006),
    "500, -1000": lambda rule, live: rule.unknown(live=live, code=-1000, status=500),
    "502, a page": lambda rule, live: rule.garble(HTML, status=502, executed=live),
    "504, a page": lambda rule, live: rule.garble(HTML, status=504, executed=live),
    "a dropped line": lambda rule, live: rule.drop(executed=live),
    "half of an answer": lambda rule, live: rule.garble(executed=live),
    "no answer": lambda rule, live: rule.hang(executed=live),
}


@pytest.mark.parametrize("fault", UNCLEAR)
def test_an_entry_that_may_be_live_stays_in_flight_until_the_venue_is_asked_and_is_never_doubled(
    session: Faulted, fault: str
) -> None:
    """It is live, and the user stream's word of it is lost too."""
    venue = session.venue
    venue.stall(Side.USER)
    rule = UNCLEAR[fault](venue.when("POST", ORDER, 1), True)
    session.enter_anew()
    session.until(lambda: rule.hits and len(session.open("entry")) == ENTRIES, "entries at the venue")
    live = session.open("entry")
    session.until_shown("◐ in-flight")
    venue.resume(Side.USER, lose=True)
    session.at_rest()
    assert session.open("entry") == live, "none was replaced"
    assert session.lines("order", event="rejected") == []
    assert session.asked("GET", ORDER) > 0


@pytest.mark.parametrize("fault", UNCLEAR)
def test_an_entry_of_which_the_venue_knows_nothing_is_replaced_only_after_it_has_said_so(
    session: Faulted, fault: str
) -> None:
    rule = UNCLEAR[fault](session.venue.when("POST", ORDER, 1), False)
    session.enter_anew()
    session.until_shown("◐ in-flight")
    session.until(lambda: len(session.open("entry")) == ENTRIES - 1, "the other entries")
    lost = session.until_written("order", event="rejected")
    assert "-2013" in lost["reason"]
    assert rule.hits == 1
    session.at_rest()
    assert lost["id"] not in session.venue.exchange.archive.papers
    assert len(session.open("entry")) == ENTRIES


def test_an_order_that_lands_while_the_venue_is_being_asked_is_the_only_one_of_its_rung(session: Faulted) -> None:
    """The request is longer on its way than anybody waits for its answer; -2013 is not final so soon."""
    rule = session.venue.when("POST", ORDER, 1).delay(0.45)
    session.client._http._timeout_s, before = 0.2, session.client._http._timeout_s
    try:
        session.enter_anew()
        session.until_shown("◐ in-flight")
        session.at_rest()
    finally:
        session.client._http._timeout_s = before
    assert rule.hits == 1
    assert session.lines("order", event="rejected") == []


def test_an_order_that_lands_after_it_was_given_up_is_told_and_taken_back(session: Faulted) -> None:
    rule = session.venue.when("POST", ORDER, 1).delay(1.5)
    session.enter_anew()
    lost = session.until_written("order", event="rejected")
    session.until_shown("landed-late", lost["id"])
    session.until(lambda: lost["id"] not in session.open("entry"), "its cancel")
    assert rule.hits == 1
    # Two were there for a moment, by the venue's doing alone: the later one had left before.
    doubled, session.watch.broken = session.watch.broken, []
    assert {words.rpartition(" ")[0] for words in doubled} <= {"2 entries live on long", "2 entries live on short"}
    session.at_rest()
    assert len(session.open("entry")) == ENTRIES


@pytest.mark.parametrize("code", [-2011, -1007])
def test_a_cancel_that_fails_is_told_and_ends_with_the_order_gone(running: Faulted, code: int) -> None:
    running.calm()
    rule = running.venue.when("DELETE", ORDER, 1)
    rule.refuse(code) if code == -2011 else rule.unknown(live=False)
    running.withdraw()
    if code == -2011:
        assert running.errors("request-refused", "-2011")
        running.until_shown("request-refused", "-2011")
    assert rule.hits == 1
    running.agree()
    assert running.open("entry") == set()


def test_a_cancel_that_comes_after_the_fill_leaves_a_covered_lot(running: Faulted) -> None:
    """-2011 because the order has just filled: the cancel's refusal frees nothing, and the fill is booked."""
    running.calm()
    venue = running.venue
    venue.when("DELETE", ORDER, 1).first(lambda: venue.quote("59879.90"))
    venue.stall(Side.USER)
    answer = running.host.send(Command(CommandName.CANCEL_ENTRIES))
    running.until(lambda: venue.held(Leg.LONG.name), "a fill at the venue")
    venue.resume(Side.USER)
    assert answer.result(8).result == "done"
    running.agree()
    assert venue.held("LONG") > 0
    running.until_shown("✓ stops 100 %")
