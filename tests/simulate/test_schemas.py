"""What replies are held to: schemas that vendors take, and replies by them that the readers understand."""

import json
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest

from simia_tui import demo
from simia_tui.llm import Reply, Schema
from simia_tui.model import Fault, Opinion, Origin, Outcome, Trajectory
from simia_tui.simulate import prefilter, reply, schemas
from simia_tui.simulate.ask import Patience, Request, converse
from simia_tui.simulate.controls import Controls
from simia_tui.simulate.judge import read_verdict
from simia_tui.simulate.synthesize import HELD, turn_line
from simia_tui.simulate.tools import read_answer
from simia_tui.simulate.user import read_said

ALL = [schemas.SCREENING, schemas.VERDICT, schemas.MESSAGE, schemas.ANSWER, schemas.EPISODE]
SEEDS = demo.seeds(6, 3)
ORIGIN = Origin(job=1, ord=0)
MEMBERS: dict[str, Any] = {"content": None, "tool_calls": None, "is_error": None}


def objects(schema: Any) -> Iterator[dict[str, Any]]:
    if isinstance(schema, dict):
        if schema.get("type") == "object":
            yield schema
        for inner in schema.values():
            yield from objects(inner)


def held(trajectory: Trajectory) -> str:
    """The trajectory as a reply that keeps to the schema."""
    turns = [{**MEMBERS, **turn_line(turn)} for turn in trajectory.turns]
    for turn in turns:
        for call in turn["tool_calls"] or []:
            call["arguments"] = json.dumps(call["arguments"])
    return json.dumps({"turns": turns})


@pytest.mark.parametrize("schema", ALL, ids=lambda schema: schema.name)
def test_strict_schemas_keep_to_the_strict_mode(schema: Schema) -> None:
    jsonschema_rs.validator_for(schema.body)
    closed = [
        part.get("additionalProperties") is False and part["required"] == list(part["properties"])
        for part in objects(schema.body)
    ]
    assert all(closed) is schema.strict


@pytest.mark.parametrize("seed", SEEDS, ids=lambda seed: seed.id[:8])
def test_an_episode_by_the_schema_is_read_as_the_same_turns(seed: Trajectory) -> None:
    text = held(seed)
    assert jsonschema_rs.is_valid(schemas.EPISODE.body, json.loads(text))
    lines = "\n".join(json.dumps(turn_line(turn)) for turn in seed.turns) + '\n{"end": true}'
    read, findings = reply.parse(text, seed, seed.tools, ORIGIN)
    assert findings == []
    assert read == reply.parse(lines, seed, seed.tools, ORIGIN)[0]
    assert "turns" in HELD


def test_verdicts_by_their_schema_are_read() -> None:
    point = {"reason": "All is there.", "pass": True}
    screening = {"completeness": point, "logic": {**point, "pass": False}, "evidence_turns": [2]}
    verdict = {"reasoning": "It is paid.", "evidence_turns": [3], "reward": 1}
    said = {"message": "Thank you.", "done": True}
    patch = [{"op": "replace", "path": "/a/b", "value": {"c": 1}}]
    answer = {"observation": "fine", "is_error": False, "patch": patch}
    for schema, value in zip(ALL, (screening, verdict, said, answer), strict=False):
        assert jsonschema_rs.is_valid(schema.body, value)
    assert prefilter.read_verdict(json.dumps(screening), 5).opinion is Opinion.FAIL
    assert read_verdict(json.dumps(verdict)).reward == 1
    assert read_said(json.dumps(said)).done
    assert list(read_answer(json.dumps(answer), Controls()).patch) == patch


class Held:
    """Notes what it was held to."""

    def __init__(self) -> None:
        self.schemas: list[Schema] = []

    async def __call__(self, messages: Any) -> Reply:
        return Reply(outcome=Outcome.OK, text='{"reasoning": "", "evidence_turns": [], "reward": 1}')

    def held_to(self, schema: Schema) -> "Held":
        self.schemas.append(schema)
        return self


async def test_who_asks_names_what_the_reply_is_held_to() -> None:
    ask = Held()
    request = Request("judge", Fault.JUDGE, "Judge.", "v1", schemas.VERDICT)
    assert (await converse(ask, request, read_verdict, [], Patience())).reward == 1
    assert ask.schemas == [schemas.VERDICT]
    await converse(ask.__call__, request, read_verdict, [], Patience())
    assert ask.schemas == [schemas.VERDICT], "a plain function is asked as it is"
