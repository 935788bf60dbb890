"""The post-processing of Simia-SFT, row by row: what goes in, what the reference does, what we do.

`reference` says in a few words what the authors' scripts do with the input (R repairs, D drops the conversation,
N normalises, P passes it through, X ends the whole run); a row is a `fault` where that is not what one wants. Our
side is asserted: the findings, and what became of the call and the words. Nothing of ours drops or raises.
"""

from typing import Any, NamedTuple

import pytest

from simia_tui import checks, domains, formats, resources
from simia_tui.formats.base import RowError
from simia_tui.formats.sharegpt import ShareGPT
from simia_tui.formats.sharegpt_hermes import ShareGPTHermes
from simia_tui.model import Finding, ToolSpec, Trajectory, Turn

ANY = {"type": "object", "properties": {"a": {}, "é": {}}}
TOOLS = (
    ToolSpec(name="f", parameters={**ANY, "required": ["a"]}),
    ToolSpec(name="g", parameters=ANY),
    ToolSpec(name="think", parameters={"type": "object", "properties": {"thought": {"type": "string"}}}),
)


class Row(NamedTuple):
    """`given` is the value of a turn: of `turn`, else of the call. `finds` are our findings, in any order."""

    id: str
    given: Any
    reference: str
    fault: bool
    finds: tuple[str, ...] = ()
    name: str | None = None
    arguments: dict[str, Any] | None = None
    content: str | None = None
    reasoning: str | None = None
    turn: str = "function_call"
    domain: str = "generic"
    refused: str | None = None


F = '{"name": "f", "arguments": %s}'
BROKEN, UNREAD, REPAIRED, BLANK, TAKEN = (
    ("call.arguments-unparsable", "call.unknown-tool"),
    ("call.arguments-unparsable",),
    ("call.arguments-repaired",),
    ("call.arguments-blank",),
    ("call.text-repaired",),
)
ONE: dict[str, Any] = {"a": 1}

FIX_ARGUMENTS = [
    Row("FA-1", "see <tool_x", "D: any turn with `<tool_`", True, turn="observation"),
    Row("FA-2", 'rows:\n[{"a":1}]', "D: a line end and `[{`", True, turn="observation"),
    Row("FA-3", F % r'"{\"a\":1}"', "R: parsed", False, name="f", arguments=ONE),
    Row("FA-4a", F % '"[1,2]"', "R wrongly: the list becomes the arguments", True, UNREAD),
    Row("FA-4b", F % '"7"', "R wrongly: the number becomes the arguments", True, UNREAD),
    Row("FA-4c", F % '"null"', "R wrongly: null becomes the arguments", True, UNREAD),
    Row("FA-5a", F % "\"{'a': 'b'}\"", "R: every ' becomes a \"", False, REPAIRED, "f", {"a": "b"}),
    Row("FA-5b", F % '"{\'a\': \\"O\'Brien\\"}"', "R to {}: the name is lost", True, REPAIRED, "f", {"a": "O'Brien"}),
    Row("FA-5c", F % r'"{\"a\": True}"', "R to {}: the value is lost", True, REPAIRED, "f", {"a": True}),
    Row("FA-6", F % '"a=1"', "R to {}: what was said is lost", True, UNREAD),
    Row("FA-7a", '{"name": "g", "arguments": "   "}', "R to {}", False, BLANK, "g", {}),
    Row("FA-7b", F % '"   "', "R to {}, though an argument is required", True, UNREAD),
    Row("FA-8a", F % '[{"a":1}]', "R to {}: the list is lost", True, UNREAD),
    Row("FA-8b", F % "3", "R to {}", True, UNREAD),
    Row("FA-8c", '{"name": "g", "arguments": null}', "R to {}", False, BLANK, "g", {}),
    Row("FA-9", '{"name":"f","parameters":{"a":1}}', "R to {} beside parameters", True, name="f", arguments=ONE),
    Row("FA-10", F % '{"a":1}', "P", False, name="f", arguments=ONE),
    Row("FA-11a", '[{"name":"f","arguments":{"a":1}}]', "P, and ends the run at TH-5", True, name="f", arguments=ONE),
    Row("FA-11b", '```json\n{"name":"f","arguments":{"a":1}}\n```', "P, and D at TH-4", True, TAKEN, "f", ONE),
    Row("FA-11c", '{"name":"f","arguments":{"a":1,},}', "P, and D at TH-4", True, TAKEN, "f", ONE),
    Row("FA-11d", '{"name":"f","arguments":{"a":1}} That is it.', "P, and D at TH-4", True, TAKEN, "f", ONE),
    Row(
        "FA-11e",
        '<think>one</think><think>two</think>{"name":"f","arguments":{"a":1}}',
        "P, and D at TH-4",
        True,
        TAKEN,
        "f",
        ONE,
        reasoning="one\n\ntwo",
    ),
    Row("FA-11f", '<think>open {"name":"f","arguments":{"a":1}}', "P, and D at TH-4", True, BROKEN),
    Row("FA-13", None, "X: `in` on None", True, BROKEN),
    Row("FA-13b", None, "X: `in` on None", True, turn="observation"),
]
TOOL2HERMES = [
    Row("TH-1", '{"name":"f","arguments":{"a":1},"id":"x"}', "N: other keys go unsaid", False, name="f", arguments=ONE),
    Row("TH-2", '{"arguments":{}}', "N: the name becomes empty", True, BROKEN),
    Row("TH-3a", '{"name":"g"}', "N: {}", False, BLANK, "g", {}),
    Row("TH-3b", '{"name":"f"}', "N: {}, though an argument is required", True, UNREAD),
    Row("TH-4", "{bad", "D", False, BROKEN),
    Row("TH-5a", '[{"name":"f","arguments":{"a":1}}]', "X: AttributeError", True, name="f", arguments=ONE),
    Row("TH-5b", "7", "X: AttributeError", True, BROKEN),
    Row(
        "TH-7",
        'lead <think>r</think> {"name":"f","arguments":{"a":1}}',
        "N: the text before the thought is lost",
        True,
        TAKEN,
        "f",
        ONE,
        content="lead",
        reasoning="r",
    ),
    Row(
        "TH-8", '{"name":"g","arguments":{"é":"café"}}', "N: escaped to ASCII", True, name="g", arguments={"é": "café"}
    ),
]


def hermes(call: str) -> str:
    return f"<tool_call>\n{call}\n</tool_call>"


def retail(id: str, call: str, reference: str, fault: bool, *finds: str, **more: Any) -> Row:
    return Row(id, hermes(call), reference, fault, finds, turn="gpt", domain="tau-retail", **more)


def airline(id: str, call: str, reference: str, fault: bool, *finds: str, **more: Any) -> Row:
    return Row(id, hermes(call), reference, fault, finds, turn="gpt", domain="tau-airline", **more)


GET = '{"name": "get_order_details", "arguments": %s}'
PAY = '{"name":"modify_pending_order_payment","arguments":{"order_id":"#W5000000","payment_method_id":"%s"}}'
FLY = (
    '{"name":"update_reservation_flights","arguments":'
    '{"reservation_id":"ZFA04Y","cabin":"%s","flights":%s,"payment_id":"%s"}}'
)
BAGS = (
    '{"name":"update_reservation_baggages","arguments":{"reservation_id":"ZFA04Y","total_baggages":%s,'
    '"nonfree_baggages":0,"payment_id":"gift_card_1234567"}}'
)
SEND = '{"name":"send_certificate","arguments":{"user_id":"mia_li_3668","amount":%s}}'
FORM, MENDED, BAD = "call.argument-form", "call.argument-normalised", "call.bad-value"
ORDER = {"order_id": "#W5000000"}
PAID = {**ORDER, "payment_method_id": "credit_card_1234567"}
CERTIFICATE = {"user_id": "mia_li_3668", "amount": 100}

TOOL_CORRECT = [
    retail("TC-1", '{"name":"think","arguments":{"thought":"x"}}', "D: any call of think", True, name="think"),
    airline("TC-2a", '{"name":"list_all_airports","arguments":{}}', "D: `retail` in the system text", True),
    Row("TC-2b", '{"name":"foo","arguments":{}}', "P: no known domain", True, ("call.unknown-tool",)),
    Row("TC-3", '<tool_call>{"name":"foo"', "P: the block is not closed", True, ("text.tool-markup",), turn="gpt"),
    retail("TC-4a", '{"name":"list_all_product_types"}', "D", True, *BLANK, arguments={}),
    retail("TC-4b", '{"name":', "D", False, *BROKEN),
    retail("TC-5", '{"name":"foo","arguments":{}}', "D", False, "call.unknown-tool"),
    retail("TC-6a", GET % r'"{\"order_id\":\"W5000000\"}"', "R: parsed, # put before", False, MENDED, arguments=ORDER),
    retail("TC-6b", GET % '"[1]"', "D", False, *UNREAD),
    retail("TC-7", GET % "{}", "D", False, "call.missing-argument"),
    retail("TC-8", GET % '{"order_id":"#W5000000","x":1}', "D", False, "call.unknown-argument"),
    retail("TC-9a", GET % '{"order_id":1}', "D", False, BAD),
    retail(
        "TC-9b",
        '{"name":"return_delivered_order_items","arguments":{"order_id":"#W5000000","item_ids":[1],'
        '"payment_method_id":"paypal_1234567"}}',
        "D",
        False,
        BAD,
    ),
    airline("TC-9c", SEND % "100.0", "D", True, "call.integer-normalised", arguments=CERTIFICATE),
    airline("TC-9d", SEND % "true", "P: a boolean is an integer", True, BAD),
    airline("TC-10a", FLY % ("first", "[]", "gift_card_1234567"), "P: options are not looked at", True, BAD),
    airline("TC-10b", FLY % ("economy", '[1,"x"]', "gift_card_1234567"), "P: items are not looked at", True, BAD, BAD),
    airline("TC-10c", BAGS % "-3", "P: bounds are not looked at", True, BAD),
    retail("TC-11a", GET % '{"order_id":"W5000000"}', "R: # put before", False, MENDED, arguments=ORDER),
    retail("TC-11b", GET % '{"order_id":""}', 'R to "#"', True, FORM, arguments={"order_id": ""}),
    retail("TC-12a", '{"name":"find_user_id_by_email","arguments":{"email":"x"}}', "D", False, FORM),
    retail("TC-12b", '{"name":"find_user_id_by_email","arguments":{"email":"@"}}', "P", True, FORM),
    retail("TC-13a", PAY % "cc_1234567", "D; the aliases stand in a class not used", True, MENDED, arguments=PAID),
    retail("TC-13b", PAY % "gift_card", "D", False, FORM),
    retail("TC-13c", PAY % "credit_card_1234567", "P", False, arguments=PAID),
    retail(
        "TC-14a",
        '{"name":"cancel_pending_order","arguments":{"order_id":"#W5000000","reason":"because"}}',
        "P: not looked at",
        True,
        FORM,
        BAD,
    ),
    airline("TC-14b", FLY % ("economy", "[]", "visa_1234567"), "P: not looked at", True, FORM),
    airline("TC-14c", '{"name":"cancel_reservation","arguments":{"reservation_id":"4"}}', "P", True, FORM),
    retail("TC-15", GET % '{"order_id":"#W5000000"}', "N: written again in ASCII", False, arguments=ORDER),
]
REMOVE_THINK_TAG = [
    Row(
        "RT-1", "<think>x</think> Hello!", "N: the turn goes, words and all", True, (), None, None, "Hello!", "x", "gpt"
    ),
    Row("RT-2", "<think>x</think> hi", "N: ` hi`", True, ("text.think-tag",), turn="human"),
    Row(
        "RT-3",
        "<think>\nwhy.\n</think>\n" + hermes(F % '{"a":1}'),
        "N: the thought as plain text before the call",
        False,
        name="f",
        arguments=ONE,
        reasoning="why.",
        turn="gpt",
    ),
    Row(
        "RT-4a",
        hermes(F % '{"a":1}'),
        "N: `I will call the function f.` put in",
        False,
        name="f",
        arguments=ONE,
        turn="gpt",
    ),
    Row(
        "RT-4b",
        hermes('{"arguments":{"name":"Bob"},"name":"h"}'),
        "N: announces Bob",
        True,
        ("call.unknown-tool",),
        "h",
        {"name": "Bob"},
        turn="gpt",
    ),
    Row(
        "RT-5",
        "<think>why</think>\n" + hermes(F % '{"a":1}'),
        "N: `<think>` without a line end after it stays",
        True,
        name="f",
        arguments=ONE,
        reasoning="why",
        turn="gpt",
    ),
    Row("RT-6", "<think>why. Done.", "P: the tag stays", True, ("text.think-tag",), turn="gpt"),
    Row(
        "RT-7",
        '<think>t</think>Send "name": "x" and "arguments": 1.',
        "N: taken for a call, the thought becomes text",
        True,
        (),
        None,
        None,
        'Send "name": "x" and "arguments": 1.',
        "t",
        "gpt",
    ),
    Row("RT-8", "<think>x</think>", "D if nothing is left", True, ("turn.empty",), reasoning="x", turn="gpt"),
]
ROWS = [*FIX_ARGUMENTS, *TOOL2HERMES, *TOOL_CORRECT, *REMOVE_THINK_TAG]


def record(row: Row) -> dict[str, Any]:
    """A conversation that is clean but for the value given."""
    call = row.turn == "function_call" or (isinstance(row.given, str) and "</tool_call>" in row.given)
    human = {"from": "human", "value": "I am mia_li_3668: ZFA04Y, #W5000000."}
    made = {"from": row.turn, "value": row.given}
    if row.turn == "observation":
        turns = [human, {"from": "function_call", "value": F % '{"a": 1}'}, made]
    elif row.turn == "human":
        turns = [human, {"from": "gpt", "value": "Yes?"}, made]
    else:
        turns = [human, made, {"from": "observation", "value": "ok"}] if call else [human, made, human]
    system = "# Airline agent policy; this is not a retail store." if row.domain == "tau-airline" else "Be kind."
    return {"conversations": [*turns, {"from": "gpt", "value": "Done."}], "system": system}


def processed(row: Row) -> tuple[Trajectory, Trajectory, list[Finding]]:
    pack = domains.load(row.domain, [resources.prompts()])
    reader = ShareGPTHermes() if row.turn == "gpt" else ShareGPT()
    read = reader.read_record(record(row), row.domain)
    tools = pack.tools or TOOLS
    result, findings = checks.run(read, tools, hints_of(row))
    return read, result, findings


def hints_of(row: Row) -> checks.Hints:
    """What the row's pack says; where ids come from is no matter of the reference."""
    data = domains.load(row.domain, [resources.prompts()]).data
    return checks.Hints.of({**data, "rules": {"off": ["call.unfounded-id"]}})


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_what_we_do_with_the_row(row: Row) -> None:
    read, result, findings = processed(row)
    assert sorted(finding.rule for finding in findings) == sorted(row.finds)
    assert len(result.turns) == len(read.turns)
    turn = result.turns[2 if row.turn in ("human", "observation") else 1]
    if row.name is not None:
        assert [call.name for call in turn.tool_calls] == [row.name]
    if row.arguments is not None:
        assert repr(turn.tool_calls[0].arguments) == repr(row.arguments)
    if row.content is not None:
        assert turn.content == row.content
    assert turn.reasoning == row.reasoning
    if row.turn in ("human", "observation"):
        assert turn.content == row.given
    for finding in findings:
        assert finding.repaired == (finding.before is not None) == checks.RULES[finding.rule].repairs


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_a_second_run_and_our_own_export_change_nothing_more(row: Row) -> None:
    _, result, _ = processed(row)
    tools = domains.load(row.domain, [resources.prompts()]).tools or TOOLS
    again, findings = checks.run(result, tools, hints_of(row))
    assert again == result
    assert not any(finding.repaired for finding in findings)
    written = formats.write_sharegpt_hermes(result)["conversations"]
    assert [turn["from"] == "gpt" for turn in written] == [bool(at % 2) for at in range(len(written))]
    if not any(finding.severity == "error" for finding in findings):
        back = ShareGPTHermes().read_record(formats.write_sharegpt_hermes(result), row.domain)
        told = [(call.name, call.arguments) for _, _, call in result.calls()]
        assert [(call.name, call.arguments) for _, _, call in back.calls()] == told


def test_every_row_of_the_first_four_passes_is_held() -> None:
    held = {row.id.rstrip("abcdef") for row in ROWS} | {"FA-12", "TH-6", "TH-9", "TC-16", "TC-17", "TC-18"}
    wanted = {"FA": 13, "TH": 9, "TC": 18, "RT": 8}
    assert held == {f"{name}-{number}" for name, last in wanted.items() for number in range(1, last + 1)}


def test_fa_12_a_row_without_conversations_is_refused_with_a_sentence() -> None:
    """The reference passes it on, and it fails in the trainer."""
    with pytest.raises(RowError, match="conversations"):
        ShareGPT().read_record({"system": "x"})


def test_th_6_an_observation_stays_one_and_is_wrapped_as_the_model_will_see_it() -> None:
    """The reference makes it a bare human turn."""
    read, result, _ = processed(Row("TH-6", "ok", "N: role human", True, turn="observation"))
    assert [turn.role for turn in result.turns] == ["user", "assistant", "tool", "assistant"]
    written = formats.write_sharegpt_hermes(result)["conversations"]
    assert written[2] == {"from": "observation", "value": "<tool_response>\nok\n</tool_response>"}
    assert read == result


def test_th_8_letters_beyond_ascii_are_written_as_they_are() -> None:
    _, result, _ = processed(next(row for row in ROWS if row.id == "TH-8"))
    assert '"é": "café"' in formats.write_sharegpt_hermes(result)["conversations"][1]["value"]


@pytest.mark.parametrize("turn", [{"value": "x"}, {"from": "narrator", "value": "x"}, {"from": "gpt", "value": 3}])
def test_th_9_a_turn_without_its_fields_is_refused_with_a_sentence(turn: dict[str, Any]) -> None:
    """The reference ends the whole run with a KeyError."""
    with pytest.raises(RowError, match="urn 2"):
        ShareGPT().read_record({"conversations": [{"from": "human", "value": "a"}, turn]})


def test_tc_16_a_rule_that_fails_hides_nothing_and_is_reported() -> None:
    """The reference drops the conversation without counting it."""
    broken = checks.Hints(limits=None)  # type: ignore[arg-type]  # what only a fault of ours could pass
    turns = (Turn(role="user", content="a"), Turn(role="assistant", content="</think>"))
    _, findings = checks.run(Trajectory(turns=turns), hints=broken)
    rules = [finding.rule for finding in findings]
    assert "text.think-tag" in rules and rules.count(checks.FAILED) == 3
    assert "limit.rounds" in next(finding.message for finding in findings if finding.rule == checks.FAILED)


def test_tc_17_a_system_text_that_is_null_is_none() -> None:
    """The reference ends the run."""
    read = ShareGPT().read_record({"conversations": [{"from": "human", "value": "a"}], "system": None})
    assert read.policy is None


def test_tc_18_packs_are_found_from_any_folder(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The reference looks for its tools below the current folder, and without them ends with code 0 and no output."""
    monkeypatch.chdir(tmp_path)
    assert len(domains.load("tau-retail", [resources.prompts()]).tools) == 17
    with pytest.raises(Exception, match="no domain pack"):
        domains.load("retail", [resources.prompts()])


SYSTEM = [
    ("SP-1", "tau-airline", "# Airline Agent Policy", "the authors' airline prompt takes its place"),
    ("SP-2", "tau-retail", "# Retail agent policy", "the authors' retail prompt takes its place"),
    ("SP-3", "tau-telecom", "You are a telecom agent", "P for Hermes; the retail prompt for Llama"),
    ("SP-4", "generic", None, "P"),
    ("SP-5", "tau-retail", "retail", "Llama: the prompt asks for `parameters`, the turns keep `arguments`"),
]


@pytest.mark.parametrize(("id", "domain", "policy", "reference"), SYSTEM, ids=lambda value: str(value)[:12])
def test_sp_the_policy_stays_and_prompt_and_calls_are_written_from_one_trajectory(
    id: str, domain: str, policy: str | None, reference: str
) -> None:
    pack = domains.load(domain, [resources.prompts()])
    row = Row(id, F % '{"a": 1}', reference, True)
    given = {**record(row), "system": policy, "tools": '[{"name": "f", "parameters": {}}]'}
    result, findings = checks.run(ShareGPT().read_record(given, domain), hints=checks.Hints.of(pack.data))
    assert (result.policy, findings) == (policy, [])
    written = formats.write_sharegpt_hermes(result)
    assert written["system"].startswith(policy or "# Tools")
    assert '"name": "f"' in written["system"] and '"arguments"' in written["system"]
    assert '{"name": "f", "arguments": {"a": 1}}' in written["conversations"][1]["value"]


def test_pp_values_are_not_stripped_and_empty_turns_are_reported() -> None:
    """The reference's module, which nothing calls, strips every value and removes empty turns."""
    turns = (Turn(role="user", content="  code:\n    x = 1\n"), Turn(role="assistant", content=" "))
    result, findings = checks.run(Trajectory(turns=turns))
    assert result.turns == turns
    assert [finding.rule for finding in findings] == ["turn.empty"]


def test_pp_trajectories_that_differ_only_in_a_call_are_no_duplicates() -> None:
    """The reference compares human and gpt text alone."""
    one, other = (
        ShareGPT().read_record(record(Row("PP", F % arguments, "", True))) for arguments in ('{"a": 1}', '{"a": 2}')
    )
    assert one.id != other.id
    assert one.id == ShareGPT().read_record(record(Row("PP", F % '{"a":1}', "", True))).id


def test_the_golden_conversation_of_the_five_passes() -> None:
    think = "<think>\nNeed status first. I will call the function get_order_details.\n</think>\n"
    conversations = [
        {"from": "human", "value": "Cancel W5500000"},
        {"from": "function_call", "value": think + '{"name":"get_order_details","arguments":{"order_id":"W5500000"}}'},
        {"from": "observation", "value": '{"order_id": "#W5500000", "status": "pending"}'},
        {"from": "gpt", "value": "It is pending. Confirm?"},
        {"from": "human", "value": "yes"},
        {
            "from": "function_call",
            "value": '{"name":"cancel_pending_order","arguments":'
            '"{\\"order_id\\": \\"#W5500000\\", \\"reason\\": \\"no longer needed\\"}"}',
        },
        {"from": "observation", "value": "ok"},
        {"from": "gpt", "value": "Done."},
    ]
    pack = domains.load("tau-retail", [resources.prompts()])
    read = ShareGPT().read_record({"conversations": conversations, "system": "# Retail agent policy"}, "tau-retail")
    result, findings = checks.run(read, pack.tools, checks.Hints.of(pack.data))
    assert [(finding.rule, finding.turn) for finding in findings] == [(MENDED, 1)]
    written = formats.write_sharegpt_hermes(result)["conversations"]
    assert [turn["from"] for turn in written] == ["human", "gpt", "observation", "gpt"] * 2
    assert written[1]["value"] == think.strip() + "\n\n" + hermes(
        '{"name": "get_order_details", "arguments": {"order_id": "#W5500000"}}'
    )
    assert '"arguments": {"order_id": "#W5500000", "reason": "no longer needed"}' in written[5]["value"]
