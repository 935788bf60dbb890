"""What went wrong with a request: one table from status codes, vendor codes and exceptions to an `Outcome`.

Source of the table: the OpenAI error codes guide, and what compatible servers were measured to answer instead.
"""

import email.utils
import json
import time
from collections.abc import Iterator, Mapping
from typing import Any, Literal, NamedTuple

from simia_tui.model import Outcome

RetryRule = Literal["retry", "wait", "fail task", "pause job", "store"]

RETRY_RULES: dict[Outcome, RetryRule] = {
    Outcome.OK: "store",
    Outcome.UNPARSABLE: "store",
    Outcome.TRUNCATED: "store",
    Outcome.REFUSED: "store",
    Outcome.EMPTY: "store",
    Outcome.CONTENT_FILTER: "store",
    Outcome.RATE_LIMIT: "wait",
    Outcome.OVERLOAD: "wait",
    Outcome.TIMEOUT: "retry",
    Outcome.CONNECTION: "retry",
    Outcome.BAD_REPLY: "retry",
    Outcome.LOST: "retry",
    Outcome.BAD_REQUEST: "fail task",
    Outcome.CANCELLED: "fail task",
    Outcome.BAD_KEY: "pause job",
    Outcome.QUOTA: "pause job",
    Outcome.NO_MODEL: "pause job",
}
"""What follows an outcome. `wait` does not count as a try, `retry` does; `store` keeps the reply with its cost."""

_STATUS: dict[int, Outcome] = {
    401: Outcome.BAD_KEY,
    402: Outcome.QUOTA,
    403: Outcome.BAD_KEY,
    404: Outcome.NO_MODEL,
    407: Outcome.CONNECTION,
    408: Outcome.TIMEOUT,
    409: Outcome.BAD_REPLY,
    429: Outcome.RATE_LIMIT,
    503: Outcome.OVERLOAD,
    504: Outcome.TIMEOUT,
    524: Outcome.TIMEOUT,
    529: Outcome.OVERLOAD,
}

# Vendors put these into `type` or `code` of the error; they say more than the status does (a dead quota is a 429).
_CODE: dict[str, Outcome] = {
    "insufficient_quota": Outcome.QUOTA,
    "billing_hard_limit_reached": Outcome.QUOTA,
    "billing_not_active": Outcome.QUOTA,
    "insufficient_credits": Outcome.QUOTA,
    "invalid_api_key": Outcome.BAD_KEY,
    "authentication_error": Outcome.BAD_KEY,
    "permission_error": Outcome.BAD_KEY,
    "model_not_found": Outcome.NO_MODEL,
    "deploymentnotfound": Outcome.NO_MODEL,
    "not_found_error": Outcome.NO_MODEL,
    "rate_limit_exceeded": Outcome.RATE_LIMIT,
    "rate_limit_error": Outcome.RATE_LIMIT,
    "slow_down": Outcome.RATE_LIMIT,
    "resource_unavailable": Outcome.OVERLOAD,
    "overloaded_error": Outcome.OVERLOAD,
    "context_length_exceeded": Outcome.BAD_REQUEST,
    "content_policy_violation": Outcome.BAD_REQUEST,
    "content_filter": Outcome.BAD_REQUEST,
}

_SENTENCE: dict[Outcome, str] = {
    Outcome.BAD_KEY: "refused the key; check the variable that key_env names",
    Outcome.QUOTA: "says that the quota or credit is used up; top up the account",
    Outcome.NO_MODEL: "does not know the model or the path; check model and base_url",
    Outcome.RATE_LIMIT: "asks to slow down",
    Outcome.OVERLOAD: "is overloaded",
    Outcome.TIMEOUT: "gave up waiting for its model",
    Outcome.BAD_REQUEST: "refused the request",
    Outcome.BAD_REPLY: "failed",
    Outcome.CONNECTION: "cannot be reached",
}


class TooLarge(Exception):
    """An answer of more than `most` bytes; what came of it was thrown away."""

    def __init__(self, most: int) -> None:
        super().__init__(most)
        self.most = most


class Diagnosis(NamedTuple):
    """What one fault was. `billed`: the vendor may have charged for it, so that a cost must be estimated.

    `message` may repeat the vendor's words: it is to be redacted and cut before it is kept or shown.
    """

    outcome: Outcome
    message: str
    retry_after: float | None = None
    billed: bool = False


def retry_rule(outcome: Outcome) -> RetryRule:
    """What the scheduler does after `outcome`; see `RETRY_RULES`."""
    return RETRY_RULES[outcome]


def of_status(status: int, body: bytes, headers: Mapping[str, str], host: str) -> Diagnosis:
    """The fault of an answer whose status is not 2xx. `host` names the endpoint in the message (not yet redacted)."""
    if 300 <= status < 400:
        return Diagnosis(
            Outcome.CONNECTION, f"{host} redirects (status {status}), which is not followed; correct base_url."
        )
    if status == 407:
        return Diagnosis(Outcome.CONNECTION, f"The proxy before {host} wants a login (status 407); set HTTPS_PROXY.")
    error = error_in(_json_or_none(body))
    return of_error(error if error is not None else {"message": _start_of(body)}, host, status, retry_after(headers))


def of_error(error: Mapping[str, Any], host: str, status: int, wait: float | None = None) -> Diagnosis:
    """The fault that a vendor's error object describes, whatever the status it came with (gateways send 200, too)."""
    inner = error.get("code")
    if status < 400 and isinstance(inner, int) and 400 <= inner < 600:
        status = inner
    names = (str(error[key]).lower() for key in ("code", "type") if isinstance(error.get(key), str))
    outcome = next((_CODE[name] for name in names if name in _CODE), None) or _STATUS.get(status)
    said = str(error.get("message") or "")
    if outcome is None:
        outcome = Outcome.BAD_REQUEST if 400 <= status < 500 else Outcome.BAD_REPLY
    # The flex tier without room is a 429 that has nothing to do with the limits of the account.
    if outcome is Outcome.RATE_LIMIT and "resource unavailable" in said.lower():
        outcome = Outcome.OVERLOAD
    # Google's compatible endpoint answers a wrong key with 400 and says so in words only.
    if outcome is Outcome.BAD_REQUEST and "api key not valid" in said.lower():
        outcome = Outcome.BAD_KEY
    return Diagnosis(outcome, _sentence(f"{host} {_SENTENCE[outcome]} (status {status})", said), wait)


def error_in(decoded: Any) -> dict[str, Any] | None:
    """The error object of a decoded body: `{"error": {...}}`, `{"error": "text"}`, or a bare `{"message": ...}`."""
    if not isinstance(decoded, dict):
        return None
    error = decoded.get("error")
    if isinstance(error, dict):
        return error
    if isinstance(error, str) and error:
        return {**decoded, "message": error}
    if decoded.get("object") == "error" or ("message" in decoded and "choices" not in decoded):
        return decoded
    return None


def of_exception(error: BaseException, host: str) -> Diagnosis:
    """The fault behind an exception of the client: looks down its chain of causes for what really happened.

    The transport calls a dropped connection a connect timeout, so its own names cannot be relied upon.
    """
    import socket
    import ssl

    import aiohttp

    chain = list(_causes(error))
    if (large := next((e for e in chain if isinstance(e, TooLarge)), None)) is not None:
        said = f"{host} sent more than {large.most // 1_000_000} MB as one answer, which is not read to its end."
        return Diagnosis(Outcome.BAD_REPLY, said, billed=True)
    if any(isinstance(e, socket.gaierror | aiohttp.ClientConnectorDNSError) for e in chain):
        return Diagnosis(
            Outcome.CONNECTION, f"{host} is not known to the name service; check base_url and the network."
        )
    if any(isinstance(e, ssl.SSLError | aiohttp.ClientSSLError) for e in chain):
        return Diagnosis(Outcome.CONNECTION, f"No secure connection to {host}; check its certificate and base_url.")
    if any(isinstance(e, aiohttp.ClientProxyConnectionError | aiohttp.ClientHttpProxyError) for e in chain):
        return Diagnosis(Outcome.CONNECTION, f"The proxy before {host} cannot be reached; check HTTPS_PROXY.")
    if any(isinstance(e, aiohttp.ClientConnectorError) for e in chain):
        return Diagnosis(Outcome.CONNECTION, f"{host} refused the connection; check base_url and that it is running.")
    if any(isinstance(e, aiohttp.ConnectionTimeoutError) for e in chain):
        return Diagnosis(Outcome.CONNECTION, f"{host} did not accept a connection in time.")
    if any(isinstance(e, TimeoutError | aiohttp.ServerTimeoutError) for e in chain):
        return Diagnosis(Outcome.TIMEOUT, f"{host} did not answer in time.", billed=True)
    if any(isinstance(e, aiohttp.ClientPayloadError) for e in chain):
        return Diagnosis(Outcome.CONNECTION, f"{host} broke off in the middle of its answer.", billed=True)
    if any(isinstance(e, aiohttp.ClientResponseError) for e in chain):
        return Diagnosis(Outcome.BAD_REPLY, f"{host} does not speak HTTP as it should; check base_url.", billed=True)
    if any(isinstance(e, aiohttp.ClientError | OSError) for e in chain):
        return Diagnosis(Outcome.CONNECTION, f"{host} closed the connection without an answer.", billed=True)
    kind = type(chain[-1]).__name__
    return Diagnosis(Outcome.BAD_REPLY, f"The exchange with {host} failed ({kind}: {error}).", billed=True)


def retry_after(headers: Mapping[str, str], now: float | None = None) -> float | None:
    """The wait in seconds that `retry-after-ms` or `retry-after` (seconds or a date) asks for, or None.

    `headers` must find names in any case. A date in the past is 0; nonsense is None. See RFC 9110, 10.2.3.
    """
    millis = _number(headers.get("retry-after-ms"))
    if millis is not None:
        return millis / 1000
    value = headers.get("retry-after")
    seconds = _number(value)
    if seconds is not None or value is None:
        return seconds
    try:
        moment = email.utils.parsedate_to_datetime(value).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None
    return max(0.0, moment - (time.time() if now is None else now))


def _number(text: str | None) -> float | None:
    try:
        value = float(text) if text is not None else -1.0
    except ValueError:
        return None
    return value if 0 <= value < 1e9 else None


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        current = current.__cause__ or current.__context__


def _json_or_none(body: bytes) -> Any:
    try:
        return json.loads(body.decode("utf-8-sig", "replace"))
    except (ValueError, RecursionError):
        return None


def _start_of(body: bytes) -> str:
    text = body[:2000].decode("utf-8", "replace").strip()
    return "" if text.startswith("<") else text


def _sentence(what: str, said: str) -> str:
    return f"{what}: {said.strip().rstrip('.')}." if said.strip() else f"{what}."
