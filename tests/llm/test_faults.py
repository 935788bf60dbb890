"""The table of faults, Retry-After, redaction and prices."""

import datetime as dt
import email.utils

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simia_tui.llm import RETRY_RULES, Price, cost_nano, price_of, redact, retry_rule
from simia_tui.llm.faults import of_status, retry_after
from simia_tui.llm.prices import PRICES
from simia_tui.llm.redact import MASK, one_line, redact_reply, storable
from simia_tui.model import NANO, Outcome, Usage


def test_every_outcome_has_a_rule() -> None:
    assert set(RETRY_RULES) == set(Outcome)
    assert retry_rule(Outcome.LOST) == "retry"
    assert retry_rule(Outcome.UNPARSABLE) == "store"


@given(st.integers(300, 599), st.binary(max_size=80))
def test_any_refusal_is_a_fault_with_a_message(status: int, body: bytes) -> None:
    fault = of_status(status, body, {}, "host")
    assert fault.outcome is not Outcome.OK
    assert fault.message.endswith(".")
    assert not fault.billed


NOW = dt.datetime(2026, 1, 1, 12, 0, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "12"}, 12),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after": "0"}, 0),
        ({"retry-after": "-3"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
        ({"retry-after-ms": "x", "retry-after": "9"}, 9),
        ({"retry-after": email.utils.format_datetime(NOW + dt.timedelta(seconds=90), usegmt=True)}, 90),
        ({"retry-after": email.utils.format_datetime(NOW - dt.timedelta(days=1), usegmt=True)}, 0),
    ],
)
def test_retry_after(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers, NOW.timestamp()) == seconds


@pytest.mark.parametrize(
    "text",
    [
        "Authorization: Bearer abcdefgh12345678",
        "key sk-proj-abcDEF123456 refused",
        "Incorrect API key provided: sk-abcd************wxyz.",
        "hf_abcdefghijklmnopqrst",
        "gsk_abcdefghijklmnopqrst",
    ],
)
def test_what_looks_like_a_key_is_masked(text: str) -> None:
    hidden = redact(text)
    assert MASK in hidden
    assert not any(part in hidden for part in ("abcd", "wxyz", "proj"))


@given(st.text(min_size=4, max_size=40), st.text(max_size=40), st.text(max_size=40))
def test_the_configured_key_is_masked_whatever_it_looks_like(key: str, before: str, after: str) -> None:
    hidden = redact(before + key + after, key)
    # What remains may hold the key only where the mask's own letters spell it.
    assert MASK in hidden
    assert all(key not in part for part in hidden.split(MASK))


def test_a_key_in_json_or_a_url_is_masked_too() -> None:
    assert 'a"b/c' not in redact(r'{"k": "a\"b/c"} and ?k=a%22b%2Fc', 'a"b/c')
    assert redact(r'{"k": "a\"b/c"} and ?k=a%22b%2Fc', 'a"b/c').count(MASK) == 2


def test_a_placeholder_for_a_key_is_left_in_a_reply() -> None:
    assert redact_reply("I run ollama, key sk-abcdefghijk", "ollama") == "I run ollama, key sk-abcdefghijk"
    assert redact_reply("the key is long-enough-secret", "long-enough-secret") == f"the key is {MASK}"


@given(st.text(max_size=500))
def test_a_message_is_one_printable_line(text: str) -> None:
    line = one_line(text)
    assert len(line) <= 300
    assert not {"\n", "\r", "\t", "\x1b", "\x00", "\u202e"} & set(line)
    storable(text).encode("utf-8")


def test_prices_are_exact_whole_numbers() -> None:
    used = Usage(prompt=8000, completion=4000, cached=6000)
    assert cost_nano("gpt-5", used) == 2000 * 1250 + 6000 * 125 + 4000 * 10_000
    assert cost_nano("openai/gpt-5-2025-08-07", used) == cost_nano("gpt-5", used)
    assert cost_nano("gpt-5", Usage(prompt=1_000_000)) == 1.25 * NANO
    assert cost_nano("simia-demo", used) == 0


def test_a_cheaper_tier_is_cheaper_only_where_the_answer_says_so() -> None:
    used = Usage(prompt=8000, completion=4000, cached=6000)
    whole = cost_nano("gpt-5", used)
    assert whole is not None
    assert cost_nano("gpt-5", used, tier="flex") == whole // 2
    assert cost_nano("gpt-5", used, tier="default") == cost_nano("gpt-5", used, tier=None) == whole


def test_an_unknown_price_is_unknown_and_not_nothing() -> None:
    assert cost_nano("gpt-5-turbo-secret", Usage(prompt=1)) is None
    assert price_of("Qwen/Qwen3-8B") is None


def test_the_price_of_the_endpoint_comes_first() -> None:
    price = Price(input=0.0004, output=1)
    assert cost_nano("gpt-5", Usage(prompt=10, cached=10, completion=1), price) == 4 + 1000
    assert cost_nano("mine", Usage(prompt=1), price) == 0, "0.4 of a unit rounds down"
    assert cost_nano("mine", Usage(prompt=2), price) == 1, "0.8 of a unit rounds up"


@given(st.sampled_from(sorted(PRICES)), st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 10**6))
def test_cached_tokens_never_cost_more(model: str, prompt: int, completion: int, cached: int) -> None:
    whole = cost_nano(model, Usage(prompt=prompt, completion=completion))
    part = cost_nano(model, Usage(prompt=prompt, completion=completion, cached=min(cached, prompt)))
    assert whole is not None
    assert part is not None
    assert 0 <= part <= whole
