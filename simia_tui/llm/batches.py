"""The Batch API: many requests in one file, answered within 24 hours for half the price.

Source: the Batch API reference of OpenAI, and Azure's pages on global batch deployments. A batch that has expired or
was cancelled has an output file with the rows that were done, and these are paid for.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from simia_tui.llm.client import Client, Reply
from simia_tui.model import Outcome, Usage

if TYPE_CHECKING:
    from openai.types import Batch as SdkBatch

TIER = "batch"
"""The tier of every reply that comes out of a batch."""

WINDOW: Literal["24h"] = "24h"
MARK = "simia"
"""The entry of a batch's metadata that holds our own name for it."""

_FILE_SECONDS = 900.0
_OVER = frozenset({"completed", "failed", "expired", "cancelled"})
_NOT_DONE = {"batch_expired": Outcome.TIMEOUT, "batch_cancelled": Outcome.CANCELLED}
"""Codes of rows that the batch's end kept from being worked on; nobody pays for them."""


class Batch(NamedTuple):
    """A batch as the endpoint sees it. `answered` counts rows that are done, `problem` says why it was refused."""

    id: str
    status: str
    output: str | None
    errors: str | None
    answered: int
    total: int
    problem: str = ""

    @property
    def over(self) -> bool:
        """Whether nothing more will come, and what came can be fetched."""
        return self.status in _OVER and bool(self.output or self.errors or not self.answered)


class Row(NamedTuple):
    """The answer to one request of a batch, as far as a reply can be read from it."""

    status_code: int
    content: bytes
    headers: Mapping[str, str] = {}


class Batches:
    """The batches of one endpoint. Every call raises `EndpointFault` where the endpoint does not do as it is asked."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def line(self, name: str, body: Mapping[str, Any]) -> bytes:
        """One request of a batch; `name` comes back with its answer."""
        plain = {key: value for key, value in body.items() if key != "service_tier"}
        return json.dumps({"custom_id": name, "method": "POST", "url": self._path, "body": plain}).encode() + b"\n"

    async def upload(self, name: str, lines: Iterable[bytes]) -> str:
        """Uploads a file of requests; its id."""
        content = b"".join(lines)
        made = await self._client.call(
            lambda sdk: sdk.files.create(file=(f"{name}.jsonl", content), purpose="batch"), _FILE_SECONDS
        )
        return made.id

    async def delete(self, file: str) -> None:
        """Deletes a file; one that is gone already is as good as deleted."""

        async def gone(sdk: Any) -> None:
            from openai import NotFoundError

            with suppress(NotFoundError):
                await sdk.files.delete(file)

        await self._client.call(gone)

    async def make(self, file: str, mark: str) -> Batch:
        """Has an uploaded file worked on. A fault leaves open whether the batch was made; `find` tells."""
        return _read(
            await self._client.call(
                lambda sdk: sdk.batches.create(
                    input_file_id=file,
                    endpoint=self._path,  # type: ignore[arg-type] # Azure has a path of its own
                    completion_window=WINDOW,
                    metadata={MARK: mark},
                    extra_headers={"Idempotency-Key": mark},
                )
            )
        )

    async def find(self, mark: str, since: float) -> Batch | None:
        """The batch with our `mark`, among those made after `since` (seconds since 1970); None where there is none."""

        async def search(sdk: Any) -> Any:
            async for batch in sdk.batches.list(limit=100):
                if (batch.metadata or {}).get(MARK) == mark:
                    return batch
                if (batch.created_at or 0) < since:
                    return None
            return None

        found = await self._client.call(search)
        return None if found is None else _read(found)

    async def look(self, batch: str) -> Batch:
        """How far a batch is."""
        return _read(await self._client.call(lambda sdk: sdk.batches.retrieve(batch)))

    async def cancel(self, batch: str) -> Batch:
        """Asks for the end of a batch; what is done by then is kept."""
        return _read(await self._client.call(lambda sdk: sdk.batches.cancel(batch)))

    async def rows(self, batch: Batch) -> list[bytes]:
        """The lines of what came of a batch that is over, in any order."""
        lines: list[bytes] = []
        for file in filter(None, (batch.output, batch.errors)):
            answer = await self._client.call(lambda sdk, file=file: sdk.files.content(file), _FILE_SECONDS)  # type: ignore[misc] # bound now
            lines += answer.content.splitlines()
        return lines

    def replies(
        self, lines: Iterable[bytes], asked: Callable[[str], Mapping[str, Any] | None], max_tokens: int
    ) -> Iterator[tuple[str, Reply]]:
        """The replies in the lines, with the names of their requests; each name once, the first line counts.

        `asked` gives the body of a request by its name; None: nobody waits for it.
        """
        seen: set[str] = set()
        for row in map(_object, lines):
            name = row.get("custom_id")
            if not isinstance(name, str) or name in seen or (body := asked(name)) is None:
                continue
            seen.add(name)
            yield name, self._reply(row, body, max_tokens)

    def _reply(self, row: Mapping[str, Any], body: Mapping[str, Any], max_tokens: int) -> Reply:
        error, response = row.get("error"), row.get("response")
        if isinstance(error, dict) and (outcome := _NOT_DONE.get(str(error.get("code")))) is not None:
            return Reply(outcome=outcome, message="The batch ended before this request was worked on.", usage=Usage())
        if isinstance(response, dict):
            status = response.get("status_code")
            told = Row(status if isinstance(status, int) else 200, json.dumps(response.get("body")).encode())
        else:
            told = Row(500, json.dumps({"error": error or "The row of the batch is empty."}).encode())
        held = self._client.level if "response_format" in body else "none"
        return self._client.read(told, body, max_tokens).replace(service_tier=TIER, structured=held)

    @property
    def _path(self) -> str:
        return "/chat/completions" if self._client.endpoint.api == "azure" else "/v1/chat/completions"


def _read(batch: "SdkBatch") -> Batch:
    counts, errors = batch.request_counts, (batch.errors.data if batch.errors else None) or []
    return Batch(
        id=batch.id,
        status=batch.status,
        output=batch.output_file_id,
        errors=batch.error_file_id,
        answered=counts.completed if counts else 0,
        total=counts.total if counts else 0,
        problem=" ".join(error.message or error.code or "" for error in errors[:3]).strip(),
    )


def _object(line: bytes) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
