"""Real money needs a key that is none of an example, a typed word, and a line that outlasts SSH."""

import signal
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from hedgegrid_tui.at_the_door import RefusedError, choose_at_start, is_fragile, let_in, terms, words_for
from hedgegrid_tui.engine.binance.rest.credentials import CredentialError, Credentials, KeyKind, Secret
from hedgegrid_tui.engine.plan import BAD_INPUT, COULD_NOT_START, AtStart, Mode
from strategy.config import ConfigError, load_config
from tests.hedgegrid_tui.binance.product import Product, addresses, own_orders, served
from tests.venue.binance.guard import KEY, SECRET
from tests.venue.binance.server import FakeBinance

pytestmark = pytest.mark.timeout(120)

HERE = {"BINANCE_API_KEY": KEY, "BINANCE_API_SECRET": SECRET}
WORDS = "LIVE BTCUSDT"


@pytest.fixture
def venue(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeBinance]:
    for name in ("SSH_CONNECTION", "SSH_TTY", "TMUX", "STY"):
        monkeypatch.delenv(name, raising=False)
    yield from served(monkeypatch)


def enter(
    environ: Mapping[str, str], typed: str = "", confirmed: str = "", *, no_tmux: bool = False, asks: bool = True
) -> None:
    settings = load_config(None, ())
    let_in(Mode.LIVE, settings, environ, confirmed, no_tmux=no_tmux, asks=asks, ask=lambda _question: typed)


def test_the_typed_word_lets_a_live_session_in_and_no_other_does() -> None:
    enter(HERE, WORDS)
    for typed in ("", "live btcusdt", "LIVE ETHUSDT", "yes"):
        with pytest.raises(RefusedError, match="nothing was sent"):
            enter(HERE, typed)


def test_a_script_confirms_by_an_option_and_is_not_asked() -> None:
    enter(HERE, confirmed=WORDS, asks=False)
    with pytest.raises(RefusedError, match='must be "LIVE BTCUSDT"'):
        enter(HERE, typed=WORDS, confirmed="LIVE")
    with pytest.raises(RefusedError, match='needs --confirm "LIVE BTCUSDT"'):
        enter(HERE, asks=False)


def test_an_end_of_input_confirms_nothing() -> None:
    def ends(_question: str) -> str:
        raise EOFError

    with pytest.raises(RefusedError, match="not confirmed"):
        let_in(Mode.LIVE, load_config(None, ()), HERE, "", no_tmux=False, asks=True, ask=ends)


def test_the_confirmation_names_account_instrument_and_caps_and_masks_the_key() -> None:
    settings = load_config(None, ["limits.max_leg_notional=1234"])
    text = "\n".join(terms(settings, Credentials(KEY, Secret(SECRET), KeyKind.HMAC)))
    assert "REAL MONEY" in text
    assert f"key {KEY[:4]}..." in text
    assert "BTCUSDT" in text
    assert "1234 USDT" in text
    assert KEY not in text
    assert SECRET not in text
    assert words_for(settings) == WORDS


@pytest.mark.parametrize(
    ("environ", "fragile"),
    [
        ({}, False),
        ({"SSH_CONNECTION": "10.0.0.1 22"}, True),
        ({"SSH_TTY": "/dev/pts/1"}, True),
        ({"SSH_TTY": "/dev/pts/1", "TMUX": "/tmp/tmux"}, False),
        ({"SSH_TTY": "/dev/pts/1", "STY": "1.pts"}, False),
    ],
)
def test_a_line_over_ssh_is_fragile_unless_something_keeps_the_session(environ: dict[str, str], fragile: bool) -> None:
    assert is_fragile(environ) is fragile
    if not fragile:
        enter(HERE | environ, WORDS)
        return
    with pytest.raises(RefusedError, match="tmux"):
        enter(HERE | environ, WORDS)
    enter(HERE | environ, WORDS, no_tmux=True)


@pytest.mark.parametrize("key", ["your_api_key", "xxx", "changeme", "", "a" * 64])
def test_a_placeholder_is_refused_before_anything_is_asked(key: str) -> None:
    with pytest.raises(CredentialError):
        enter(HERE | {"BINANCE_API_KEY": key}, WORDS)


def test_a_live_session_goes_to_no_other_address_than_binances() -> None:
    sets = ["binance.rest_url=https://elsewhere.example", "binance.stream_url=wss://elsewhere.example"]
    with pytest.raises(ConfigError, match="Binance itself"):
        let_in(Mode.LIVE, load_config(None, sets), HERE, WORDS, no_tmux=False, asks=False)


def test_a_live_session_is_asked_for_its_word_on_the_terminal_and_then_trades(
    venue: FakeBinance, tmp_path: Path
) -> None:
    with Product(tmp_path, venue, "live", terminal=True) as session:
        session.until_text(f"type {WORDS} to trade")
        assert f"key {KEY[:4]}..." in session.text
        assert "\x1b[?1049h" not in session.raw.decode(errors="replace")
        assert venue.call(lambda: venue.front.asked) == []
        session.press(f"{WORDS}\n")
        session.until_trading()
        session.press("q")
        session.until_text("leave")
        session.send(signal.SIGTERM)
        assert session.ended() == 0
    assert own_orders(venue, reduces=False)


def test_a_live_session_that_is_not_confirmed_asks_the_venue_nothing(venue: FakeBinance, tmp_path: Path) -> None:
    with Product(tmp_path, venue, "live", terminal=True) as session:
        session.until_text(f"type {WORDS} to trade")
        session.press("no\n")
        assert session.ended() == BAD_INPUT
        assert "nothing was sent" in session.text
    assert venue.call(lambda: venue.front.asked) == []


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--fresh", "--confirm", WORDS], "--fresh: not in live"),
        ([], 'needs --confirm "LIVE BTCUSDT"'),
        (["--confirm", "LIVE"], 'must be "LIVE BTCUSDT"'),
    ],
)
def test_a_live_session_without_a_screen_refuses_what_it_must(
    venue: FakeBinance, tmp_path: Path, more: list[str], words: str
) -> None:
    with Product(tmp_path, venue, "live", *more) as session:
        assert session.ended() == BAD_INPUT
        assert words in session.problems
    assert venue.call(lambda: venue.front.asked) == []


def test_a_live_session_that_is_confirmed_by_a_script_trades(venue: FakeBinance, tmp_path: Path) -> None:
    with Product(tmp_path, venue, "live", "--confirm", WORDS) as session:
        session.until_trading()
        session.give("quit flatten")
        assert session.ended() == 0, session.problems
    assert session.lines("session.start")[-1]["mode"] == "live"


def test_what_is_found_at_the_venue_is_asked_about_and_nothing_where_there_is_none(
    venue: FakeBinance, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = load_config(None, addresses(venue))

    def never(_question: str) -> str:
        raise AssertionError("asked about nothing")

    assert choose_at_start(Mode.TESTNET, settings, never) is AtStart.ADOPT
    venue.by_hand("BUY", "LONG", "0.002")
    answers = iter(["perhaps", "flatten"])
    assert choose_at_start(Mode.TESTNET, settings, lambda _question: next(answers)) is AtStart.FLATTEN
    told = capsys.readouterr().out
    assert "long 0.002" in told
    assert "'perhaps' is none of adopt, cancel, flatten" in told
    assert choose_at_start(Mode.TESTNET, settings, lambda _question: "") is AtStart.ADOPT


def test_the_question_at_the_start_is_asked_on_the_terminal(venue: FakeBinance, tmp_path: Path) -> None:
    venue.by_hand("BUY", "LONG", "0.002")
    with Product(tmp_path, venue, "testnet", terminal=True) as session:
        session.until_text("adopt, cancel, flatten [adopt]:")
        session.press("flatten\n")
        session.until(lambda: venue.held("LONG") == 0, "a close")
        session.until_journal('"kind":"receipt"')
        session.send(signal.SIGTERM)
        assert session.ended() == 0
    assert own_orders(venue, reduces=False) == []


def test_a_venue_that_does_not_answer_is_left_to_the_start(
    venue: FakeBinance, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = load_config(None, addresses(venue))
    venue.maintenance()
    assert choose_at_start(Mode.TESTNET, settings, lambda _question: "flatten") is AtStart.ADOPT
    assert "could not be asked" in capsys.readouterr().err


def test_options_of_an_account_are_refused_where_there_is_none(venue: FakeBinance, tmp_path: Path) -> None:
    with Product(tmp_path, venue, "paper", "--at-start", "flatten") as session:
        assert session.ended() == BAD_INPUT
        assert "is for testnet and live" in session.problems
    with Product(tmp_path, venue, "testnet", "--confirm", WORDS) as session:
        assert session.ended() == BAD_INPUT


def test_a_live_session_without_a_key_could_not_start(
    venue: FakeBinance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BINANCE_API_KEY", "your_api_key")
    with Product(tmp_path, venue, "live", "--confirm", WORDS) as session:
        assert session.ended() == COULD_NOT_START
        assert "placeholder" in session.problems
