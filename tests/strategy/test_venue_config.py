"""The configuration's section on Binance: addresses, dead-man's switch, and that no message repeats a key."""

import pytest

from strategy.config import ConfigError, load_config, template
from strategy.venue_config import KEY_WORDS, BinanceConfig

KEY = "Zq7vB1mKx9aTe4RwYu2PsDf6GhJkL0CnZq7vB1mKx9aTe4RwYu2PsDf6GhJkL0Cn"
OWN = ("binance.rest_url=http://127.0.0.1:8080", "binance.stream_url=ws://127.0.0.1:8080")


def refusal(*overrides: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load_config(overrides=overrides)
    return str(caught.value)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (
            ("binance.rest_url=http://fapi.binance.com",),
            "binance.rest_url = http://fapi.binance.com: must begin with https:// (http:// only for 127.0.0.1)",
        ),
        (
            ("binance.stream_url=https://fapi.binance.com",),
            "binance.stream_url = https://fapi.binance.com: must begin with wss:// (ws:// only for 127.0.0.1)",
        ),
        (
            ("binance.rest_url=http://127.0.0.1.example.org",),
            "binance.rest_url = http://127.0.0.1.example.org: must begin with https:// (http:// only for 127.0.0.1)",
        ),
        (("binance.rest_url=nonsense",), "binance.rest_url = nonsense: must be an address such as https://host"),
        (("binance.rest_url=https://h:port",), "binance.rest_url = https://h:port: must be an address such as https://host"),
        (
            ("binance.rest_url=https://user:pass@host",),
            "binance.rest_url = ***: must hold no user, password, query or fragment",
        ),
        (
            OWN[:1],
            "binance = {...}: rest_url and stream_url must both be set, or both be empty: they are of one venue",
        ),
        (
            ("binance.user_stream_url=wss://host",),
            (
                "binance = {...}: user_stream_url is set and rest_url is not: they are of one venue; "
                "set rest_url and stream_url too"
            ),
        ),
        (
            ("binance.dead_man_s=119",),
            (
                "binance = {...}: dead_man_s 119 must be at least 120, 4 renewals of dead_man_renew_s 30; raise it, "
                "or lower dead_man_renew_s"
            ),
        ),
        (("binance.margin_type=crossed",), "binance.margin_type = crossed: must be 'cross' or 'isolated'"),
        (("binance.environment=live",), "binance.environment = live: must be 'testnet' or 'demo'"),
        (("binance.recv_window_ms=60001",), "binance.recv_window_ms = 60001: must be at most 60000"),
        (("binance.emergency_reserve_pct=91",), "binance.emergency_reserve_pct = 91: must be at most 90"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_named_with_key_value_rule_and_cure(overrides: tuple[str, ...], message: str) -> None:
    assert refusal(*overrides) == message


@pytest.mark.parametrize(
    "override",
    [
        f"binance.api_key={KEY}",
        f"binance.api_secret={KEY}",
        f"binance.key={KEY}",
        f'binance.key_variable="{KEY}-"',
        f'binance.secret_variable="{KEY}="',
        f"binance={KEY}",
        f"binance.api.key={KEY}",
        f"account.api_key={KEY}",
        f"api_secret={KEY}",
    ],
)
def test_a_key_that_was_written_into_the_configuration_is_refused_and_not_repeated(override: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(overrides=[override])
    assert KEY_WORDS in str(caught.value) or "did you mean binance.key_file?" in str(caught.value)
    told = f"{caught.value!r} {caught.value.__cause__!r} {caught.value.__context__!r}"
    assert KEY not in told
    assert KEY[:20] not in told


def test_a_misspelt_key_is_answered_with_the_nearest_one() -> None:
    assert refusal("binance.dead_man=60") == "binance.dead_man = ***: unknown key; did you mean binance.dead_man_s?"


def test_a_switch_that_is_off_needs_no_renewal() -> None:
    assert load_config(overrides=["binance.dead_man_s=0"]).binance.dead_man_s == 0


def test_own_addresses_lose_their_last_slash_and_are_told_from_the_environments_own() -> None:
    own = load_config(overrides=[f"{part}/" for part in OWN]).binance
    assert (own.rest_url, own.is_overridden, own.is_loopback) == ("http://127.0.0.1:8080", True, True)
    elsewhere = BinanceConfig(rest_url="https://host", stream_url="wss://127.0.0.1:1")
    assert (elsewhere.is_overridden, elsewhere.is_loopback) == (True, False)
    assert not BinanceConfig().is_overridden


def test_the_template_explains_the_section_and_holds_no_key() -> None:
    section = template().partition("[binance]")[2]
    assert '# environment variable that holds the API key; empty: the mode\'s own (name)\nkey_variable = ""' in section
    assert "dead_man_s = 120" in section
