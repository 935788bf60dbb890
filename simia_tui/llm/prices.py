"""What a request costs, in whole numbers of 1e-9 USD."""

import re
from decimal import ROUND_HALF_UP, Decimal

from simia_tui.model import Usage
from simia_tui.settings import Price

PRICES_AS_OF = "2026-03"
"""When the table was last compared with the vendor's published list of standard-tier prices."""

PRICES: dict[str, Price] = {
    "gpt-5.4": Price(input=2.5, cached=0.25, output=15),
    "gpt-5.1": Price(input=1.25, cached=0.125, output=10),
    "gpt-5": Price(input=1.25, cached=0.125, output=10),
    "gpt-5-mini": Price(input=0.25, cached=0.025, output=2),
    "gpt-5-nano": Price(input=0.05, cached=0.005, output=0.4),
    "gpt-4.1": Price(input=2, cached=0.5, output=8),
    "gpt-4.1-mini": Price(input=0.4, cached=0.1, output=1.6),
    "gpt-4.1-nano": Price(input=0.1, cached=0.025, output=0.4),
    "gpt-4o": Price(input=2.5, cached=1.25, output=10),
    "gpt-4o-mini": Price(input=0.15, cached=0.075, output=0.6),
    "o3": Price(input=2, cached=0.5, output=8),
    "o3-mini": Price(input=1.1, cached=0.55, output=4.4),
    "o4-mini": Price(input=1.1, cached=0.275, output=4.4),
    "simia-demo": Price(input=0, output=0),
}
"""USD per 1,000,000 tokens by model name. A price of the endpoint itself comes first."""

_DATED = re.compile(r"-\d{4}-\d{2}-\d{2}$")


def price_of(model: str, override: Price | None = None) -> Price | None:
    """The price of `model`, or None where it is not known; it is never guessed from a similar name.

    A vendor prefix (`openai/gpt-5`) and a release date (`gpt-5-2025-08-07`) do not change a price.
    """
    if override is not None:
        return override
    return PRICES.get(_DATED.sub("", model.removeprefix("openai/")))


TIER_FACTORS = {"flex": Decimal("0.5"), "batch": Decimal("0.5")}
"""What a service tier costs in terms of the standard one, by the name under which an answer says that it was used.

Replies that come out of a batch count as of the tier `batch`, whatever their answers say.
"""


def cost_nano(model: str, usage: Usage, override: Price | None = None, tier: str | None = None) -> int | None:
    """What `usage` costs in 1e-9 USD, rounded half up; None where the price is not known (never 0).

    Cached tokens are inside the prompt's and reasoning tokens inside the completion's, so neither is added. `tier` is
    the one that the answer names: a cheaper one that was asked for and not given is not cheaper.
    """
    price = price_of(model, override)
    if price is None:
        return None
    cached = min(usage.cached, usage.prompt)
    rate = price.input if price.cached is None else price.cached
    dollars_per_million = (
        _exact(price.input) * (usage.prompt - cached) + _exact(rate) * cached + _exact(price.output) * usage.completion
    )
    dollars_per_million *= TIER_FACTORS.get(tier or "", Decimal(1))
    # 1 USD per 1e6 tokens is 1,000 of our units a token.
    return int((dollars_per_million * 1000).to_integral_value(ROUND_HALF_UP))


def _exact(dollars: float) -> Decimal:
    return Decimal(str(dollars))
