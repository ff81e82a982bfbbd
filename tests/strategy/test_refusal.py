"""What the venue's words on a refusal mean."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strategy.refusal import CODES, UNRESOLVED, Refusal, classify

MEANT = {
    Refusal.POST_ONLY: (5022,),
    Refusal.UNKNOWN_OUTCOME: (1000, 1006, 1007, 4116),
    Refusal.NOTHING_LEFT: (2022,),
    Refusal.NEVER_ARRIVED: (2013,),
    Refusal.PASSED: (2021,),
    Refusal.BUSY: (1001, 1003, 1008, 1015, 1021),
    Refusal.FINAL: (4014, 4164, 2019, 4131),
}


@pytest.mark.parametrize(("meaning", "code"), [(meaning, code) for meaning, codes in MEANT.items() for code in codes])
def test_a_code_means_the_same_in_each_form_in_which_it_comes(meaning: Refusal, code: int) -> None:
    forms = (
        f"{{'code': -{code}, 'msg': 'words'}}",
        f'{{"code":-{code},"msg":"words"}}',
        f"BinanceClientError(-{code})",
        f"-{code} words",
    )
    assert {classify(form) for form in forms} == {meaning}


def test_the_word_of_the_post_only_flag_goes_before_any_code() -> None:
    assert classify("-4014 off tick", post_only=True) is Refusal.POST_ONLY
    assert classify("", post_only=True) is Refusal.POST_ONLY


@pytest.mark.parametrize(
    "reason",
    [
        "HTTP 503",
        "http 500 Internal",
        "HTTP/1.1 503 Service Unavailable",
        "status=502",
        "Status: 504 gateway",
        "503 Service Temporarily Unavailable",
        "<html>\r\n<head><title>502 Bad Gateway</title></head>",
        UNRESOLVED,
        "None",
        "",
    ],
)
def test_i18_a_server_error_or_an_unresolved_order_may_be_live(reason: str) -> None:
    assert classify(reason) is Refusal.UNKNOWN_OUTCOME


def test_a_stop_that_nautiluss_own_venue_refuses_because_the_market_is_beyond_it_was_passed() -> None:
    words = "STOP_MARKET SELL order stop px of 59700.00 was in the market: bid=59690.00, ask=59690.10"
    assert classify(words) is Refusal.PASSED


@pytest.mark.parametrize("reason", ["HTTP 404", "HTTP 5000", "status 50", "qty 503", "UNKNOWN thing", "system busy"])
def test_words_without_a_known_code_are_final(reason: str) -> None:
    assert classify(reason) is Refusal.FINAL


def test_what_was_kept_back_is_no_refusal_of_the_venue() -> None:
    assert classify("-1003 not sent, the address is banned for 60 s more") is Refusal.NOT_SENT


def test_a_code_goes_before_the_server_error_that_it_came_with() -> None:
    assert classify("HTTP 503 {'code': -1008}") is Refusal.BUSY
    assert classify("HTTP 503 {'code': -4131}") is Refusal.FINAL


def test_words_of_any_kind_are_read_in_no_time() -> None:
    began = time.perf_counter()
    classify("<>" * 20 + "x")
    assert time.perf_counter() - began < 0.05


def test_the_first_known_code_counts_and_unknown_ones_are_passed_over() -> None:
    assert classify("-9999 wraps -2022 and -1003") is Refusal.NOTHING_LEFT
    assert classify("-10071 and -100") is Refusal.FINAL


@given(st.text(alphabet=st.characters(exclude_categories=["Nd"]), min_size=1, max_size=20))
def test_without_a_digit_nothing_but_the_words_for_no_answer_is_more_than_final(reason: str) -> None:
    unresolved = reason in (UNRESOLVED, "None")
    assert classify(reason) is (Refusal.UNKNOWN_OUTCOME if unresolved else Refusal.FINAL)


@given(st.integers(1000, 9999))
def test_every_code_means_what_the_table_says(code: int) -> None:
    assert classify(f"-{code}") is CODES.get(code, Refusal.FINAL)


def test_digits_of_an_order_id_are_no_code() -> None:
    assert classify("ClientOrderId HG-k3x9a-EL1-0-1007 is not known") is Refusal.FINAL
