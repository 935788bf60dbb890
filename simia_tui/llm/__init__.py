"""The one client for OpenAI-compatible endpoints: requests, fault classes, prices. The SDK is imported when used."""

from simia_tui.llm.client import Client, EndpointFault, Message, Reply, parameters
from simia_tui.llm.endpoints import endpoint_of
from simia_tui.llm.faults import RETRY_RULES, RetryRule, retry_rule
from simia_tui.llm.limits import Allowance, Limits
from simia_tui.llm.pacing import Pacer
from simia_tui.llm.prices import PRICES_AS_OF, cost_nano, price_of
from simia_tui.llm.redact import redact
from simia_tui.llm.structure import Schema
from simia_tui.llm.usage import tokens
from simia_tui.settings import EndpointSettings as Endpoint
from simia_tui.settings import Price

__all__ = [
    "PRICES_AS_OF",
    "RETRY_RULES",
    "Allowance",
    "Client",
    "Endpoint",
    "EndpointFault",
    "Limits",
    "Message",
    "Pacer",
    "Price",
    "Reply",
    "RetryRule",
    "Schema",
    "cost_nano",
    "endpoint_of",
    "parameters",
    "price_of",
    "redact",
    "retry_rule",
    "tokens",
]
