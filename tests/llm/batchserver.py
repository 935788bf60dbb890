"""A Batch API over a real socket: files and batches in memory, with ends and faults on demand.

Each look at a batch takes it one step on: validating, in progress, over. How it ends is taken from `ends`, "completed"
when that is used up. `on` holds what is to happen at an event, in the thread of the request and before its answer is
sent: `file` (a file has come), `making` (a batch is about to be made), `made`, `look`, `fetch` (a file is asked for),
`delete`. What that gives, if it is a status and a body, is the answer instead.
"""

import contextlib
import json
import re
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

STEPS = ("validating", "in_progress")
OVER = ("completed", "failed", "expired", "cancelled")


@dataclass
class Batch:
    """One batch; `answered` are the lines of its output."""

    id: str
    file: str
    metadata: dict[str, str]
    created: int
    end: str
    looks: int = 0
    status: str = "validating"
    output: str | None = None
    errors: str | None = None
    answered: list[dict[str, Any]] = field(default_factory=list)
    refused: list[dict[str, Any]] = field(default_factory=list)


class BatchServer:
    """The server; use as a context manager. `reply` makes the body of an answer from the number of the request.

    `row_faults` maps a request's number to the status and body that its row has instead. `share` of the rows is done
    when a batch expires or is cancelled. `refuse` maps an event to the statuses that the next such calls are answered.
    Rows that name a `response_format` are refused unless `takes_formats`.
    `hidden` batches are left out of the list, as those are that an endpoint does not list yet.
    """

    def __init__(self, reply: Callable[[int], dict[str, Any]], share: float = 0.5) -> None:
        self.reply, self.share = reply, share
        self.row_faults: dict[int, tuple[int, dict[str, Any]]] = {}
        self.ends: deque[str] = deque()
        self.on: dict[str, Callable[[], object]] = {}
        self.refuse: dict[str, deque[int]] = {}
        self.hidden = 0
        self.takes_formats = True
        self.files: dict[str, bytes] = {}
        self.deleted: list[str] = []
        self.batches: dict[str, Batch] = {}
        self.paths: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.asked = 0
        self._lock = threading.RLock()
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                server._serve(self, b"")

            def do_POST(self) -> None:
                server._serve(self, self.rfile.read(int(self.headers["content-length"])))

            def do_DELETE(self) -> None:
                server._serve(self, b"")

            def log_message(self, *_: object) -> None:
                return

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, daemon=True)
        self.root = f"http://127.0.0.1:{self._http.server_port}"
        self.base_url = f"{self.root}/v1"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.server_close()

    @property
    def billed(self) -> Counter[str]:
        """How often each request was answered, by the text that it sent: what a vendor would charge for."""
        return Counter(row["text"] for batch in self.batches.values() for row in batch.answered)

    def _serve(self, http: BaseHTTPRequestHandler, raw: bytes) -> None:
        with self._lock:
            self.paths.append(f"{http.command} {http.path}")
            self.headers.append({name.lower(): value for name, value in http.headers.items()})
            status, body = self._answer(http, raw)
        with contextlib.suppress(ConnectionError):  # a client that was killed hears nothing
            self._send(http, status, body)

    def _send(self, http: BaseHTTPRequestHandler, status: int, body: bytes) -> None:
        http.send_response(status)
        http.send_header("content-type", "application/json")
        http.send_header("content-length", str(len(body)))
        http.end_headers()
        http.wfile.write(body)

    def _answer(self, http: BaseHTTPRequestHandler, raw: bytes) -> tuple[int, bytes]:
        path = re.sub(r"^/(v1|openai)/|\?.*$", "", http.path)
        kind, *rest = path.split("/")
        if kind == "files" and http.command == "DELETE":
            return self._delete(rest[0])
        if kind == "files":
            return self._fetch(rest[0]) if rest else self._file(http.headers["content-type"], raw)
        if kind != "batches":
            return _error(404, "Unknown path")
        if http.command == "GET" and not rest:
            return self._list()
        if not rest:
            return self._make(json.loads(raw))
        if rest[-1] == "cancel":
            batch = self.batches[rest[0]]
            batch.end, batch.status, batch.looks = "cancelled", "cancelling", len(STEPS)
            return 200, _shown(batch)
        return self._look(self.batches[rest[0]])

    def _event(self, name: str) -> tuple[int, bytes] | None:
        waiting = self.refuse.get(name)
        if waiting:
            return _error(waiting.popleft(), f"Refused at {name}")
        act = self.on.get(name)
        answer = act() if act is not None else None
        return answer if isinstance(answer, tuple) else None

    def _file(self, kind: str, raw: bytes) -> tuple[int, bytes]:
        boundary = b"--" + kind.partition("boundary=")[2].encode()
        part = next(part for part in raw.split(boundary) if b"filename=" in part)
        name = f"file-{len(self.files)}"
        self.files[name] = part.partition(b"\r\n\r\n")[2].removesuffix(b"\r\n")
        if (refused := self._event("file")) is not None:
            return refused
        return 200, json.dumps({"id": name, "object": "file", "bytes": 1, "filename": "f", "purpose": "batch"}).encode()

    def _make(self, body: dict[str, Any]) -> tuple[int, bytes]:
        if (refused := self._event("making")) is not None:
            return refused
        end = self.ends.popleft() if self.ends else "completed"
        name = f"batch-{len(self.batches)}"
        created = int(time.time())
        self.batches[name] = batch = Batch(name, body["input_file_id"], body.get("metadata") or {}, created, end)
        if (refused := self._event("made")) is not None:
            return refused
        return 200, _shown(batch)

    def _list(self) -> tuple[int, bytes]:
        shown = list(self.batches.values())[::-1]
        if self.hidden:
            self.hidden -= 1
            shown = []
        data = [json.loads(_shown(batch)) for batch in shown]
        return 200, json.dumps({"object": "list", "data": data, "has_more": False}).encode()

    def _look(self, batch: Batch) -> tuple[int, bytes]:
        if (refused := self._event("look")) is not None:
            return refused
        if batch.status not in OVER:
            batch.status = STEPS[batch.looks] if batch.looks < len(STEPS) else batch.end
            batch.looks += 1
            if batch.status in OVER:
                self._finish(batch)
        return 200, _shown(batch)

    def _finish(self, batch: Batch) -> None:
        if batch.end == "failed":
            return
        lines = [json.loads(line) for line in self.files[batch.file].splitlines()]
        whole = len(lines) if batch.end == "completed" else int(len(lines) * self.share)
        for line in lines[:whole]:
            number, self.asked = self.asked, self.asked + 1
            status, body = self.row_faults.get(number) or self._row(number, line["body"])
            row = {"custom_id": line["custom_id"], "response": {"status_code": status, "body": body}, "error": None}
            told = {**row, "text": line["body"]["messages"][0]["content"]}
            (batch.answered if status == 200 else batch.refused).append(told)
        code = "batch_expired" if batch.end == "expired" else "batch_cancelled"
        for line in lines[whole:]:
            error = {"code": code, "message": "It was not worked on in time."}
            batch.refused.append({"custom_id": line["custom_id"], "response": None, "error": error})
        # Answers come in any order.
        batch.output = self._stored(batch.answered[::-1])
        batch.errors = self._stored(batch.refused[::-1])

    def _row(self, number: int, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        if "response_format" in body and not self.takes_formats:
            return 400, {"error": {"message": "response_format is not supported", "type": "invalid_request_error"}}
        return 200, self.reply(number)

    def _stored(self, rows: list[dict[str, Any]]) -> str | None:
        if not rows:
            return None
        name = f"file-{len(self.files)}"
        self.files[name] = b"".join(json.dumps(row).encode() + b"\n" for row in rows)
        return name

    def _delete(self, name: str) -> tuple[int, bytes]:
        if (refused := self._event("delete")) is not None:
            return refused
        if name in self.deleted:
            return _error(404, "No such file")
        self.deleted.append(name)
        return 200, json.dumps({"id": name, "object": "file", "deleted": True}).encode()

    def _fetch(self, name: str) -> tuple[int, bytes]:
        if (refused := self._event("fetch")) is not None:
            return refused
        return 200, self.files[name]


def _shown(batch: Batch) -> bytes:
    over = batch.status in OVER
    errors = {"object": "list", "data": [{"code": "bad", "message": "Line 1 is wrong."}]}
    return json.dumps(
        {
            "id": batch.id,
            "object": "batch",
            "endpoint": "/v1/chat/completions",
            "input_file_id": batch.file,
            "completion_window": "24h",
            "status": batch.status,
            "created_at": batch.created,
            "metadata": batch.metadata,
            "output_file_id": batch.output if over else None,
            "error_file_id": batch.errors if over else None,
            "errors": errors if batch.status == "failed" else None,
            "request_counts": {
                "total": len(batch.answered) + len(batch.refused),
                "completed": len(batch.answered),
                "failed": len(batch.refused),
            },
        }
    ).encode()


def _error(status: int, message: str) -> tuple[int, bytes]:
    return status, json.dumps({"error": {"message": message, "type": "error", "code": None}}).encode()
