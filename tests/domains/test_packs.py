"""The shipped packs: what they say must hold of the real environments."""

import gzip
import inspect
import json
import re
from pathlib import Path
from string import Template
from typing import Any

import pytest

from simia_tui import checks, domains, formats, resources
from simia_tui.checks.schema import Schema
from simia_tui.demo import rules
from simia_tui.domains import Action, Pack

PACKS = {
    "agentbench-os": "agentbench-os",
    "generic": "calls",
    "library": "calls",
    "mind2web": "mind2web",
    "officebench": "officebench",
    "tau-airline": "calls",
    "tau-retail": "calls",
    "tau-telecom": "calls",
    "webshop": "webshop",
}


def load(name: str) -> Pack:
    return domains.load(name, [resources.prompts()])


@pytest.mark.parametrize(("name", "grammar"), PACKS.items())
def test_every_pack_names_its_grammar_and_its_tools_have_valid_schemas(name: str, grammar: str) -> None:
    pack = load(name)
    assert pack.grammar.name == grammar
    assert pack.title and all(len(values) > 1 for values in pack.axes.values())
    assert all(Schema(tool).usable and tool.description for tool in pack.tools)
    named = {tool for error in pack.errors for tool in error.tools}
    users = {"grant_app_permission", "set_network_mode_preference"}
    assert named - users <= ({tool.name for tool in pack.tools} or set(rules.RULES))


@pytest.mark.parametrize("name", PACKS)
def test_the_prompt_of_every_pack_has_its_placeholders_and_an_example_that_the_pack_accepts(name: str) -> None:
    from simia_tui.model import ToolCall

    pack = load(name)
    text = pack.template("synthesize").text
    assert set(Template(text).get_identifiers()) >= {"policy", "tools", "exemplar", "turns", "axes", "variation"}
    assert Template(text).is_valid()
    example = [json.loads(line) for line in text.splitlines() if line.startswith('{"role"')]
    assert [turn["role"] for turn in example[:2]] == ["user", "assistant"]
    called = [ToolCall(**call) for turn in example for call in turn.get("tool_calls", ())]
    assert called
    if pack.tools and pack.grammar.name != "calls":
        assert {call.name for call in called} <= {tool.name for tool in pack.tools}
        for turn in example:
            for call in turn.get("tool_calls", ()):
                action = Action(call["name"], call["arguments"], turn.get("content"))
                assert pack.grammar.parse(pack.grammar.render(action)) == action


def test_the_packs_of_the_issue_are_shipped() -> None:
    assert set(PACKS) <= set(domains.names([resources.prompts()]))


def executed(folder: Path, name: str) -> list[dict[str, Any]]:
    text = gzip.decompress((folder / name).read_bytes()).decode()
    return [json.loads(line) for line in text.split("\n") if line]


def pattern(text: str) -> str:
    return re.sub(r"\\{\w+\\}", ".+", re.escape(text))


def recorded_errors(path: Path) -> set[tuple[str, str]]:
    """The errors in real traces, each with the tool that gave it."""
    rows = (row.trajectory for row in formats.read(path))
    turns = [turn for trajectory in rows if trajectory for turn in trajectory.turns if turn.is_error]
    return {(turn.name or "", turn.content or "") for turn in turns}


SOURCES_ONLY = {
    "tau-airline": {
        "Error: user not found",
        "Error: reservation not found",
        "Error: Flight {flight_number} not found on date {date}",
        "Error: Payment method {payment_id} not found",
        "Error: Too many certificates",
        "Error: invalid literal for int() with base 10: {digits}",
    },
    "tau-retail": {
        "Error: Non-delivered order cannot be exchanged",
        "Error: There should be exactly one payment for a pending order",
        "Error: Payment method should be the original payment method",
        "Error: payment method should be either the original payment method or a gift card",
        "Error: Insufficient gift card balance to pay for the price difference",
        "Error: Insufficient gift card balance to pay for the new item",
        "Error: Insufficient gift card balance to pay for the order",
        "Error: The new item id should be different from the old item id",
    },
    "tau-telecom": {
        "Error: Bill with ID {bill_id} not found",
        "Error: Device with ID {device_id} not found",
        "Error: Plan with ID {plan_id} not found",
        "Error: A bill is already awaiting payment for this customer",
        "Error: Line must be active to suspend",
    },
}
"""Errors that stand in the sources of tau-bench (59a200c) or tau2-bench (a2c0247) and in no recorded trace."""


@pytest.mark.parametrize("domain", ["tau-airline", "tau-retail", "tau-telecom", "officebench"])
def test_every_error_of_the_catalogue_was_said_by_the_real_environment(real_data: Path, domain: str) -> None:
    file = (
        "officebench_exec.jsonl.gz" if domain == "officebench" else f"{domain.replace('tau-', 'tau2_exec_')}.jsonl.gz"
    )
    said = {(call["name"], call["observation"]) for row in executed(real_data, file) for call in row["error_probes"]}
    said |= {(call["name"], call["observation"]) for row in executed(real_data, file) for call in row["calls"]}
    if domain == "tau-airline":
        said |= recorded_errors(real_data / "tau_airline_gpt4o.json")

    def was_said(text: str, tools: tuple[str, ...]) -> bool:
        told = [answer for tool, answer in said if not tools or tool in tools]
        return any(re.search(pattern(text), answer, re.IGNORECASE) for answer in told)

    unsaid = {error.text for error in load(domain).errors if not was_said(error.text, error.tools)}
    assert unsaid == SOURCES_ONLY.get(domain, set())


@pytest.mark.parametrize(("domain", "least"), [("airline", 20), ("retail", 10), ("telecom", 8)])
def test_a_catalogue_that_calls_itself_complete_knows_every_error_of_the_real_environment(
    real_data: Path, domain: str, least: int
) -> None:
    pack = load(f"tau-{domain}")
    catalogue, schemas = checks.Hints.of(pack.data).errors, {tool.name: Schema(tool) for tool in pack.tools}
    assert catalogue is not None
    rows = executed(real_data, f"tau2_exec_{domain}.jsonl.gz")
    calls = [call for row in rows for call in [*row["error_probes"], *row["calls"]] if call.get("requestor") != "user"]
    said = {
        (call["name"], call["observation"])
        for call in calls
        if call["is_error"] and call["name"] in schemas and not schemas[call["name"]].faults(call["arguments"])
    }
    if domain == "airline":
        said |= recorded_errors(real_data / "tau_airline_gpt4o.json")
    assert len(said) >= least
    assert [(tool, text) for tool, text in said if not catalogue.knows(tool, text)] == []


def test_the_desk_and_its_pack_refuse_in_the_same_words() -> None:
    catalogue = checks.Hints.of(load("library").data).errors
    assert catalogue is not None
    source = inspect.getsource(rules)
    raised = re.findall(r'RuleError\("\w+", f?"([^"]+)"\)', source)
    assert len(raised) > 25
    for text in raised:
        said = re.sub(r"\{[^}]*\}", "12", text)
        assert any(catalogue.knows(tool, said) for tool in rules.RULES), text
    assert not catalogue.knows("renew_loan", "Error: record is locked by another process")


@pytest.mark.parametrize("domain", ["airline", "retail", "telecom"])
def test_real_calls_that_worked_satisfy_the_pack_and_bad_ones_do_not(real_data: Path, domain: str) -> None:
    from simia_tui.model import ToolCall, Trajectory, Turn

    pack = load(f"tau-{domain}")
    hints = checks.Hints.of(pack.data)
    known = {tool.name for tool in pack.tools}

    def wrong(call: dict[str, Any]) -> set[str]:
        made = ToolCall(name=call["name"], arguments=call["arguments"])
        turns = (Turn(role="user", content="Hello."), Turn(role="assistant", tool_calls=(made,)))
        found = checks.run(Trajectory(turns=turns), pack.tools, hints)[1]
        return {f.rule for f in found if f.rule.startswith("call.")} - {"call.unanswered", "call.unfounded-id"}

    worked = caught = bad = 0
    for row in executed(real_data, f"tau2_exec_{domain}.jsonl.gz"):
        for call in [*row["context_calls"], *row["calls"]]:
            if call["name"] in known and not call["is_error"]:
                assert wrong(call) == set(), call
                worked += 1
        for call in row["error_probes"]:
            shape = call["probe"] in ("missing_argument", "unknown_argument", "unknown_tool", "wrong_type")
            if shape and call.get("requestor") != "user":
                bad += 1
                caught += bool(wrong(call))
    assert worked > 200
    assert caught == bad > 100


def test_real_office_actions_satisfy_the_pack(real_data: Path) -> None:
    from simia_tui.model import ToolCall, Trajectory, Turn

    pack = load("officebench")
    hints = checks.Hints.of(pack.data)
    rules: list[str] = []
    for row in executed(real_data, "officebench_exec.jsonl.gz"):
        turns = [Turn(role="user", content=row["user_instruction"])]
        for call in row["calls"]:
            made = ToolCall(name=call["name"], arguments=call["arguments"])
            turns.append(Turn(role="assistant", tool_calls=(made,)))
            turns.append(Turn(role="tool", content=call["observation"], is_error=call["is_error"]))
        rules += [f.rule for f in checks.run(Trajectory(turns=tuple(turns)), pack.tools, hints)[1]]
    # One sequence, derived by script, is longer than the environment would have let it be.
    assert rules == ["limit.rounds"]


@pytest.mark.parametrize(
    ("domain", "tool", "text"),
    [
        ("tau-airline", "cancel_reservation", "Error: Reservation ZFA04Y is locked by another agent"),
        ("tau-airline", "get_flight_status", "Error: Payment method not found"),
        ("tau-retail", "cancel_pending_order", "Error: Order #W1234567 was shipped an hour ago"),
        ("tau-retail", "get_product_details", "Error: Product 1234567890 is discontinued"),
        ("tau-telecom", "refuel_data", "Error: Refuel amount exceeds the limit of 2 GB"),
        ("tau-telecom", "suspend_line", "Error: Line must be suspended to resume"),
    ],
)
def test_a_complete_catalogue_does_not_know_what_is_made_up(domain: str, tool: str, text: str) -> None:
    catalogue = checks.Hints.of(load(domain).data).errors
    assert catalogue is not None
    assert not catalogue.knows(tool, text)
