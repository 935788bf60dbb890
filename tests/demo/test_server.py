import asyncio
import http.client
import json
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import openai
import pytest

from simia_tui.demo import DemoServer
from simia_tui.demo.__main__ import main
from simia_tui.demo.truth import read
from simia_tui.errors import SimiaError, UsageError

Build = Callable[[int], list[dict[str, Any]]]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[DemoServer]:
    with DemoServer(tmp_path / "truth.jsonl", random_seed=1, defect_rate=0.5) as running:
        yield running


def client(server: DemoServer) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(base_url=server.base_url, api_key="none", max_retries=0)


def post(server: DemoServer, body: bytes, path: str = "/v1/chat/completions") -> tuple[int, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    try:
        connection.request("POST", path, body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


async def test_the_openai_client_gets_completions(server: DemoServer, library_messages: Build):
    async with client(server) as llm:
        jobs = [llm.chat.completions.create(model="simia-demo", messages=library_messages(n)) for n in range(24)]
        replies = await asyncio.gather(*jobs)
        again = await llm.chat.completions.create(model="other", messages=library_messages(0))
        models = [model.id async for model in llm.models.list()]
    assert models == ["simia-demo"]
    assert len({reply.id for reply in replies}) == 24
    assert all(reply.choices[0].finish_reason == "stop" for reply in replies)
    assert all(reply.choices[0].message.content.endswith('{"end": true}') for reply in replies)
    assert (again.id, again.choices[0].message) == (replies[0].id, replies[0].choices[0].message)
    usage = again.usage
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens
    assert 0 < usage.prompt_tokens_details.cached_tokens < usage.prompt_tokens
    assert sum(reply.usage.prompt_tokens_details.cached_tokens == 0 for reply in replies) == 1


async def test_every_reply_leaves_one_record(server: DemoServer, library_messages: Build):
    async with client(server) as llm:
        for number in (0, 1, 2, 1):
            await llm.chat.completions.create(model="simia-demo", messages=library_messages(number))
    assert len(server.truth.read_text().splitlines()) == 4
    assert len(list(read(server.truth))) == 3


async def test_a_limit_cuts_the_reply(server: DemoServer, library_messages: Build):
    async with client(server) as llm:
        reply = await llm.chat.completions.create(
            model="simia-demo", messages=library_messages(0), max_completion_tokens=30
        )
    assert reply.choices[0].finish_reason == "length" and reply.usage.completion_tokens == 30


async def test_a_long_exemplar_is_answered(server: DemoServer, library_messages: Build):
    line = json.dumps({"role": "user", "content": "order #W1234567 " * 4000})
    content = library_messages(0)[0]["content"].replace("<exemplar>", f"<exemplar>\n{line}")
    async with client(server) as llm:
        reply = await llm.chat.completions.create(model="m", messages=[{"role": "user", "content": content}])
    assert reply.choices[0].message.content


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"[]",
        b"{}",
        b"[" * 100_000,
        b'{"messages": "x"}',
        b'{"messages": [{"role": "user", "content": "x"}], "stream": true}',
        b'{"messages": [{"role": "user", "content": "x"}], "n": 2}',
        b'{"messages": [{"role": "user", "content": "x"}], "max_tokens": "many"}',
        b'{"messages": [{"role": "user", "content": "x", "weight": NaN}]}',
    ],
)
def test_a_bad_body_is_refused_in_the_shape_of_openai(server: DemoServer, body: bytes):
    status, answer = post(server, body)
    assert status == 400
    assert answer["error"]["type"] == "invalid_request_error" and answer["error"]["message"].endswith((".", "'."))
    assert not server.truth.exists()


def test_a_lone_surrogate_is_answered(server: DemoServer):
    status, answer = post(server, b'{"messages": [{"role": "user", "content": "\\ud800"}]}')
    assert status == 200 and "demo model" in answer["choices"][0]["message"]["content"]


async def test_errors_reach_the_client_as_bad_requests(server: DemoServer):
    async with client(server) as llm:
        with pytest.raises(openai.BadRequestError, match="non-empty array"):
            await llm.chat.completions.create(model="m", messages=[])


def test_a_record_that_cannot_be_written_is_an_error(tmp_path: Path, library_messages: Build):
    (tmp_path / "truth").mkdir()
    with DemoServer(tmp_path / "truth") as server:
        status, answer = post(server, json.dumps({"messages": library_messages(0)}).encode())
    assert status == 500 and "record of defects" in answer["error"]["message"]


def test_the_server_ends_with_its_block(tmp_path: Path):
    with DemoServer(tmp_path / "t") as server:
        assert server.base_url == f"http://127.0.0.1:{server.port}/v1"
    with pytest.raises(ConnectionRefusedError):
        post(server, b"{}")


def test_a_taken_port_is_explained(server: DemoServer, tmp_path: Path):
    with pytest.raises(SimiaError, match="cannot listen"), DemoServer(tmp_path / "t", port=server.port):
        raise AssertionError("two servers on one port")


@pytest.mark.parametrize("wrong", [{"defect_rate": 1.5}, {"latency": -1}, {"truth": Path("/no/such/folder/truth")}])
def test_wrong_settings_are_explained(tmp_path: Path, wrong: dict[str, Any]):
    with pytest.raises(UsageError):
        DemoServer(**{"truth": tmp_path / "t", **wrong})


def test_the_command_explains_wrong_usage(capsys: pytest.CaptureFixture[str]):
    assert main(["--defect-rate", "7"]) == 2
    assert "from 0 to 1" in capsys.readouterr().err


def test_the_command_serves_until_it_is_interrupted(tmp_path: Path):
    command = [sys.executable, "-m", "simia_tui.demo", "--port", "0", "--truth", str(tmp_path / "t")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            address = process.stdout.readline().split(" at ")[1].split(";")[0]
            with urllib.request.urlopen(f"{address}/models", timeout=20) as answer:
                assert json.load(answer)["data"][0]["id"] == "simia-demo"
        finally:
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (0, "")


def test_importing_the_demo_brings_no_server_library():
    code = "import sys, simia_tui.demo; print({'aiohttp', 'jsonschema_rs', 'openai'} & set(sys.modules))"
    seen = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert seen.stdout.strip() == "set()"
