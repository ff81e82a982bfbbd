"""Where a key comes from, which keys are refused, how it signs, and that nothing shows it."""

import copy
import json
import os
import pickle
import traceback
from pathlib import Path

import pytest

from hedgegrid_tui.engine.binance.rest.credentials import (
    CredentialError,
    Credentials,
    KeyKind,
    Secret,
    load_credentials,
    variables,
)
from hedgegrid_tui.engine.plan import COULD_NOT_START, Mode, StartError
from strategy.venue_config import BinanceConfig, TestEnvironment
from tests.hedgegrid_tui.binance.keys import ED25519_SIGNATURE, PEM, pem_of

KEY = "Zq7vB1mKx9aTe4RwYu2PsDf6GhJkL0CnZq7vB1mKx9aTe4RwYu2PsDf6GhJkL0Cn"
SECRET = "w3NfT8sQ5pLzXc1VbHjKa6MdEr9UyGi2w3NfT8sQ5pLzXc1VbHjKa6MdEr9UyGi2"
CONFIG = BinanceConfig()
LIVE = {"BINANCE_API_KEY": KEY, "BINANCE_API_SECRET": SECRET}


def refusal(config: BinanceConfig, environ: dict[str, str], mode: Mode = Mode.LIVE) -> str:
    with pytest.raises(CredentialError) as caught:
        load_credentials(config, environ, mode)
    told = "".join(traceback.format_exception(caught.value))
    assert not any(text in told for text in environ.values() if len(text) > 20)
    return str(caught.value)


def key_file(folder: Path, text: str | None = None, mode: int = 0o600) -> BinanceConfig:
    path = folder / "keys.toml"
    path.write_text(f'api_key = "{KEY}"\napi_secret = "{SECRET}"\n' if text is None else text)
    path.chmod(mode)
    return BinanceConfig(key_file=str(path))


# -- where it comes from -----------------------------------------------------------------------------------------------


def test_each_venue_has_its_own_variables_so_that_no_live_key_goes_to_a_testnet() -> None:
    demo = BinanceConfig(environment=TestEnvironment.DEMO)
    assert variables(Mode.LIVE, demo) == ("BINANCE_API_KEY", "BINANCE_API_SECRET")
    assert variables(Mode.TESTNET, CONFIG) == ("BINANCE_TESTNET_API_KEY", "BINANCE_TESTNET_API_SECRET")
    assert variables(Mode.TESTNET, demo) == ("BINANCE_DEMO_API_KEY", "BINANCE_DEMO_API_SECRET")
    assert "environment variable BINANCE_TESTNET_API_KEY is not set" in refusal(CONFIG, LIVE, Mode.TESTNET)


def test_the_configuration_may_name_other_variables() -> None:
    config = BinanceConfig(key_variable="MY_KEY", secret_variable="MY_SECRET")
    found = load_credentials(config, {"MY_KEY": f" {KEY}\n", "MY_SECRET": SECRET}, Mode.LIVE)
    assert (found.key, found.secret.reveal(), found.kind) == (KEY, SECRET, KeyKind.HMAC)


def test_a_variable_that_is_missing_is_named_with_the_cure() -> None:
    assert refusal(CONFIG, {"BINANCE_API_KEY": KEY}) == (
        "environment variable BINANCE_API_SECRET is not set; set it, or name a file of mode 0600 as binance.key_file"
    )


def test_a_file_that_is_named_wins_over_the_variables(tmp_path: Path) -> None:
    found = load_credentials(key_file(tmp_path), {"BINANCE_API_KEY": "other"}, Mode.LIVE)
    assert (found.key, found.secret.reveal()) == (KEY, SECRET)


def test_a_file_may_hold_an_ed25519_key_over_several_lines(tmp_path: Path) -> None:
    config = key_file(tmp_path, f'api_key = "{KEY}"\napi_secret = """\n{PEM}\n"""\n')
    assert load_credentials(config, {}, Mode.LIVE).kind is KeyKind.ED25519


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o666, 0o601, 0o620])
def test_a_file_that_others_can_reach_is_refused_with_the_command_that_mends_it(tmp_path: Path, mode: int) -> None:
    told = refusal(key_file(tmp_path, mode=mode), {})
    assert f"mode {mode:04o} lets others at the key" in told
    assert told.endswith(f"run: chmod 600 {tmp_path}/keys.toml")


def test_a_file_that_its_owner_can_only_read_is_taken(tmp_path: Path) -> None:
    assert load_credentials(key_file(tmp_path, mode=0o400), {}, Mode.LIVE).key == KEY


def test_a_file_of_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config, uid = key_file(tmp_path), os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: uid + 1)
    assert "belongs to another user" in refusal(config, {})


def test_what_is_no_plain_file_is_refused_without_waiting_for_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    for path in (tmp_path, tmp_path / "pipe"):
        assert "is no plain file" in refusal(BinanceConfig(key_file=str(path)), {})
    missing = BinanceConfig(key_file=str(tmp_path / "none"))
    assert "none: cannot be read (No such file or directory)" in refusal(missing, {})


@pytest.mark.parametrize(
    "text", [f"api_key = {KEY}", f'api_key = "{KEY}"', f"[{SECRET}]", f"api_key = [{'1' * 30}]\napi_secret = 1", "\x00"]
)
def test_a_file_that_cannot_be_read_is_refused_without_repeating_what_stands_in_it(tmp_path: Path, text: str) -> None:
    config = key_file(tmp_path, text)
    with pytest.raises(CredentialError) as caught:
        load_credentials(config, {}, Mode.LIVE)
    assert str(caught.value).endswith("keys.toml: must be TOML with api_key and api_secret, each a text in quotes")
    assert caught.value.__context__ is caught.value.__cause__ is None


@pytest.mark.parametrize("name", ["~nobody-of-that-name/keys.toml", "keys\x00.toml"])
def test_a_name_that_no_file_can_have_is_refused_in_plain_words(name: str) -> None:
    assert "name the file by its whole path" in refusal(BinanceConfig(key_file=name), {})


def test_a_file_without_end_is_refused(tmp_path: Path) -> None:
    assert "is larger than any file of keys" in refusal(key_file(tmp_path, "#" * 70_000), {})


def test_a_missing_key_is_a_start_that_failed() -> None:
    with pytest.raises(StartError) as caught:
        load_credentials(CONFIG, {}, Mode.LIVE)
    assert caught.value.exit_code == COULD_NOT_START


# -- which are refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "your_api_key", "YOUR-BINANCE-KEY-GOES-HERE", "xxx", "x" * 64, "xX" * 32, "changeme", "0000000000000000000000",
        "<paste your key here>", "insert_key_here_please", "my_api_key_from_binance", "1234567890",
        "abcabcabcabcabcabc", "....................", "THE_API_KEY_OF_THE_ACCOUNT",
    ],
)  # fmt: skip
def test_a_placeholder_is_refused_as_key_and_as_secret(text: str) -> None:
    words = "is a placeholder; set it to what Binance's API management shows"
    assert refusal(CONFIG, LIVE | {"BINANCE_API_KEY": text}) == f"environment variable BINANCE_API_KEY {words}"
    assert refusal(CONFIG, LIVE | {"BINANCE_API_SECRET": text}) == f"environment variable BINANCE_API_SECRET {words}"


def test_an_empty_text_in_a_file_is_refused(tmp_path: Path) -> None:
    assert "keys.toml: api_key is empty" in refusal(key_file(tmp_path, 'api_key = " "\napi_secret = ""'), {})


@pytest.mark.parametrize("text", [f'"{KEY}"', f"a {KEY}", f"{KEY}é", f"a\u200b{KEY}", f"{KEY}\r\nX: y"])
def test_a_text_with_other_characters_is_refused_before_it_becomes_a_header(text: str) -> None:
    assert "holds characters that no key has" in refusal(CONFIG, LIVE | {"BINANCE_API_KEY": text})
    assert "is neither an HMAC secret nor a PEM" in refusal(CONFIG, LIVE | {"BINANCE_API_SECRET": text})


@pytest.mark.parametrize(
    ("pem", "words"),
    [
        (PEM.replace("PRIVATE", "ENCRYPTED PRIVATE"), "the PEM is encrypted"),
        (PEM.replace("PRIVATE", "RSA PRIVATE"), "RSA is not accepted"),
        (PEM.replace("PRIVATE", "PUBLIC"), "is no Ed25519 private key"),
        (pem_of(bytes(31)), "is no Ed25519 private key"),
        (pem_of(bytes(33)), "is no Ed25519 private key"),
        (PEM.replace("MC4C", "MC!4C"), "is no Ed25519 private key"),
        (PEM.replace("MC4C", "MC4"), "is no Ed25519 private key"),
        (PEM.removesuffix("-----END PRIVATE KEY-----"), "is no Ed25519 private key"),
    ],
)
def test_a_pem_that_is_no_open_ed25519_key_is_refused(pem: str, words: str) -> None:
    assert words in refusal(CONFIG, LIVE | {"BINANCE_API_SECRET": pem})


# -- how it signs ------------------------------------------------------------------------------------------------------


def test_an_hmac_signature_is_that_of_binances_own_example() -> None:
    # Binance, USDS-M Futures, "General Info", "SIGNED Endpoint Examples for POST /fapi/v1/order".
    query = "symbol=BTCUSDT&side=BUY&type=LIMIT&quantity=1&price=9000&timeInForce=GTC"
    query += "&recvWindow=5000&timestamp=1591702613943"
    secret = "2b5eb11e18796d12d88f13dc27dbbd02c2cc51ff7059765ed9821957d82bb4d9"
    signed = Credentials("key", Secret(secret), KeyKind.HMAC).sign(query)
    assert signed == "3c661234138461fcc7a7d8746c6558c9842d4e10870d2ecbedf7777cad694af9"


@pytest.mark.parametrize(
    "pem",
    [
        PEM,
        PEM.replace("\n", "\\n"),
        PEM.replace("\n", "\r\n"),
        f"\n  {PEM}  \n",
        PEM.replace("\n", " "),
        PEM.replace("\n", "\\n") + "\\n",
    ],
)
def test_an_ed25519_signature_is_that_of_the_standard(pem: str) -> None:
    found = load_credentials(CONFIG, LIVE | {"BINANCE_API_SECRET": pem}, Mode.LIVE)
    assert (found.kind, found.secret.reveal()) == (KeyKind.ED25519, PEM)
    assert found.sign("r") == ED25519_SIGNATURE


# -- that nothing shows it ---------------------------------------------------------------------------------------------


def test_key_and_secret_are_masked_wherever_they_are_shown() -> None:
    found = load_credentials(CONFIG, LIVE, Mode.LIVE)
    shown = f"{found} {found!r} {found.secret} {found.secret!r} {found.secret:>10} {[found]} {found.masked}"
    assert KEY not in shown
    assert SECRET not in shown
    assert found.masked == "Zq7v..."
    for write in (pickle.dumps, json.dumps, copy.deepcopy):
        with pytest.raises(TypeError) as caught:
            write(found.secret)
        assert SECRET not in str(caught.value)


def test_secrets_are_equal_by_their_text() -> None:
    assert Secret("a") == Secret("a") != Secret("b")
    assert len({Secret("a"), Secret("a")}) == 1
    assert Secret("a") != "a"
