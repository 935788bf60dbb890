"""Whom a job asks, as its spec keeps it: endpoints of the settings, prices, and what a budget or a batch needs."""

from typing import Any, TypeVar

from simia_tui.errors import UsageError
from simia_tui.model import AskedSpec, RequestSpec
from simia_tui.settings import Price, Role, Settings

S = TypeVar("S", bound=RequestSpec)
DEMO_PRICE = {"input": 0.0, "cached": 0.0, "output": 0.0}
MOST_TASKS = 1_000_000
"""More than a workspace is made for (100,000 episodes), and still written in a few seconds."""
_AS_SET = ("base_url", "key_env", "api", "api_version", "reasoning_effort", "service_tier")
"""Fields of an endpoint that go into the spec as they are."""


def addressed(spec: S, settings: Settings, role: Role, model: str | None = None) -> S:
    """`spec` with the endpoint of `role` (or another `model` of it), or with the offline demo.

    Raises:
        UsageError: a number makes no sense, the settings describe no whole endpoint, a model is named without one, the
            demo is to take a batch, or there is a budget and the price is not known.
    """
    if spec.concurrency < 1:
        raise UsageError("The concurrency must be at least 1.")
    if spec.budget_usd is not None and spec.budget_usd <= 0:
        raise UsageError("The budget must be more than 0 USD.")
    spec = spec.replace(**asked_of(settings, role, model))
    if spec.batch:
        if spec.demo:
            raise UsageError("The offline demo takes no batches; leave --batch out, or set up an endpoint.")
        # A batch has its own price, which no tier makes cheaper.
        spec = spec.replace(service_tier=None)
    if spec.budget_usd is not None:
        require_price(spec)
    return spec


def require_count(n: int) -> None:
    """Raises UsageError unless a job can have `n` tasks, each of which is a row of its own."""
    if not 1 <= n <= MOST_TASKS:
        raise UsageError(f"The number of episodes must be at least 1 and at most {MOST_TASKS:,}.")


def who(settings: Settings, *roles: Role) -> str:
    """Who plays `roles`, as screens show it: `Agent, judge: gpt-5 at openai; user: qwen3 at local`.

    A second judge is left out where there is none. A setting that is wrong takes the place of a name.
    """
    cast: dict[str, list[str]] = {}
    for role in roles:
        if role == "judge2" and settings.roles.judge2 is None:
            continue
        try:
            endpoint = settings.endpoint_of(role)
            name = f"{endpoint.model} at {endpoint.name}" if endpoint else "the offline demo model"
        except UsageError as error:
            name = str(error)
        cast.setdefault(name, []).append(role)
    said = "; ".join(f"{', '.join(played)}: {name}" for name, played in cast.items())
    return f"{said[:1].upper()}{said[1:]}"


SECOND_SHARE = 0.1
"""Of the episodes that a judge is asked about: the second one is asked about these too, unless it is said otherwise."""


def second_share(settings: Settings, wanted: float | None) -> float:
    """About which share of the episodes (0 to 1) the second judge is asked; none where the settings name no `judge2`.

    Raises:
        UsageError: a share is wanted, but there is no second judge, or it is no share.
    """
    if settings.roles.judge2 is None:
        if wanted:
            raise UsageError("No second judge is set up; name an endpoint as judge2 under [roles] in simia.toml.")
        return 0.0
    if wanted is None:
        return SECOND_SHARE
    if not 0 <= wanted <= 1:
        raise UsageError("The share of a second judge is a number from 0 to 1.")
    return wanted


def asked_of(settings: Settings, role: Role, model: str | None = None) -> dict[str, Any]:
    """The fields of a spec that say whom a job asks: the endpoint of `role` (or another `model` of it), or the demo.

    Raises:
        UsageError: a model is named, but there is no endpoint.
    """
    endpoint = settings.endpoint_of(role)
    if endpoint is not None:
        model = model or endpoint.model
        price = settings.price_of(endpoint, model)
        return {
            "demo": False,
            "endpoint": endpoint.name,
            **{name: getattr(endpoint, name) for name in _AS_SET},
            "model": model,
            "structured": endpoint.offers,
            "price": price.model_dump(exclude_none=True) if price else None,
        }
    if model is not None:
        raise UsageError(f"No endpoint is set up, so {model} cannot be asked; add one to simia.toml or unset --model.")
    return {"price": DEMO_PRICE}


def part_of(settings: Settings, role: Role) -> AskedSpec:
    """Whom a job or a run asks as `role`.

    Raises:
        UsageError: the settings describe no whole endpoint.
    """
    fields = asked_of(settings, role)
    return AskedSpec.model_validate({name: fields[name] for name in AskedSpec.model_fields if name in fields})


def require_price(spec: AskedSpec) -> None:
    """A budget needs a price.

    Raises:
        UsageError: the price of the spec's model is not known.
    """
    # The workbench plans jobs too, and its process must not load the LLM client before one is planned.
    from simia_tui.llm import price_of

    if price_of(spec.model, Price.model_validate(spec.price) if spec.price else None) is None:
        table = f'[prices."{spec.model}"]'
        raise UsageError(
            f"The price of {spec.model} is not known, so no budget can be kept; add {table} to simia.toml."
        )
