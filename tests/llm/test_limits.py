"""Reading the rate-limit headers."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simia_tui.llm import Allowance, Client, Endpoint, Limits
from simia_tui.llm.limits import limits, seconds


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("6m0s", 360),
        ("1.5s", 1.5),
        ("20ms", 0.02),
        ("1h2m3s", 3723),
        ("1d", 86400),
        ("7", 7),
        ("0.25", 0.25),
        ("", None),
        ("soon", None),
        ("-3", None),
        (None, None),
        ("nan", None),
    ],
)
def test_durations(text: str | None, value: float | None) -> None:
    assert seconds(text) == value


@given(st.dictionaries(st.sampled_from(["limit", "remaining", "reset"]), st.text(max_size=8)))
def test_any_header_is_read_or_ignored(parts: dict[str, str]) -> None:
    found = limits({f"x-ratelimit-{part}-requests": text for part, text in parts.items()})
    assert found is None or (found.requests is not None and found.requests.limit > 0 and found.tokens is None)


async def test_a_reply_carries_the_limits(fault_server: Any) -> None:
    import sys

    module = sys.modules[type(fault_server).__module__]
    fault_server.limiter = module.Limiter(rpm=20, tpm=1_000_000)
    endpoint = Endpoint(name="stub", base_url=fault_server.base_url, model="stub-1")
    async with Client(endpoint) as client:
        good = await client.complete([{"role": "user", "content": "x" * 400}], max_tokens=900)
        refused = await client.complete([{"role": "user", "content": "x"}])
    assert good.limits == Limits(
        requests=Allowance(limit=20, remaining=0), tokens=Allowance(limit=1_000_000, remaining=49_000)
    )
    assert refused.status_code == 429
    assert refused.limits is not None
    assert refused.limits.requests == Allowance(limit=20, remaining=0)
