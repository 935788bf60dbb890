"""The endpoint that a job was made for, as its spec has kept it."""

from simia_tui.model import AskedSpec
from simia_tui.settings import EndpointSettings as Endpoint


def endpoint_of(spec: AskedSpec, base_url: str | None = None) -> Endpoint:
    """The endpoint of a spec; `base_url` is that of the offline demo, whose server has another one each time."""
    return Endpoint(
        name=spec.endpoint,
        base_url=base_url or spec.base_url or "",
        model=spec.model,
        key_env=spec.key_env,
        api=spec.api,
        api_version=spec.api_version,
        structured=spec.structured,
        reasoning_effort=spec.reasoning_effort,
        service_tier=spec.service_tier,
    )
