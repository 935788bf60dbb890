from typing import Any

import pytest

from simia_tui import checks, domains, resources
from simia_tui.checks.contamination import Task, Tasks
from simia_tui.checks.hints import ArgumentRule
from simia_tui.errors import UsageError

WRONG: list[tuple[dict[str, Any], str]] = [
    ({"checks": 1}, r"\[checks\] must be a table"),
    ({"checks": {"reads": "x"}}, r"reads in \[checks\] must be a list of texts"),
    ({"rules": {"off": [1]}}, r"off in \[rules\]"),
    ({"ids": {"x": "("}}, r"x in \[ids\] must be a regular expression"),
    ({"ids": {"x": 3}}, r"x in \[ids\]"),
    ({"arguments": {"x": 1}}, r'\[arguments\."x"\] must be a table'),
    ({"arguments": {"x": {"prefix": ""}}}, "prefix in"),
    ({"arguments": {"x": {"aliases": ["a"]}}}, "aliases in"),
    ({"arguments": {"x": {"aliases": {"": "a"}}}}, "aliases in"),
    ({"arguments": {"x": {"prefix": "a", "aliases": {"b": "c"}}}}, "a prefix or aliases, not both"),
    ({"arguments": {"x": {"form": "["}}}, "form in"),
    ({"status": {}}, r"\[\[status\]\] must be a list of tables"),
    ({"status": [{"of": "x", "field": "y", "order": ["a"]}]}, "order in"),
    ({"status": [{"order": [["a"]]}]}, "of in"),
    ({"totals": [{"of": "x", "total": "y", "parts": "z"}]}, "items.price"),
    ({"limits": {"rounds": -1}}, r"rounds in \[limits\] must be a whole number"),
    ({"limits": {"repeats": True}}, r"repeats in \[limits\]"),
    ({"evaluation": [{"text": "x"}]}, "name in"),
]


@pytest.mark.parametrize(("data", "message"), WRONG)
def test_a_wrong_table_is_named(data: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        checks.Hints.of(data)


def test_the_same_data_is_read_once() -> None:
    data: dict[str, Any] = {"ids": {"x": "a+"}}
    assert checks.Hints.of(data) is checks.Hints.of(data)
    assert checks.Hints.of({**data, "ids": {}}).ids is None


@pytest.mark.parametrize("name", domains.names([resources.prompts()]))
def test_every_shipped_pack_is_understood(name: str) -> None:
    pack = domains.load(name, [resources.prompts()])
    hints = checks.Hints.of(pack.data)
    assert hints.off <= checks.RULES.keys()


def the_rule(table: dict[str, Any]) -> ArgumentRule:
    rule = checks.Hints.of({"arguments": {"x": table}}).arguments.at("any", ("y", "x"))
    assert rule is not None
    return rule


def test_the_narrowest_rule_decides() -> None:
    table = {key: {"starts": [key]} for key in ("b", "a.b", "f:b", "g:a.b")}
    rules = checks.Hints.of({"arguments": table}).arguments
    found = [
        rules.at(tool, names)
        for tool, names in (("f", ("a", "b")), ("g", ("a", "b")), ("h", ("a", "b")), ("h", ("b",)))
    ]
    assert [rule.key if rule else None for rule in found] == ["f:b", "g:a.b", "a.b", "b"]
    assert rules.at("f", ("c",)) is None and rules.at("f", ()) is None


def test_a_mended_value_is_mended_once() -> None:
    rule = the_rule({"aliases": {"cc_": "credit_card_", "credit_": "cc_"}})
    assert [rule.mended(value) for value in ("cc_1", "credit_card_1", "cc_", "visa_1")] == [
        "cc_1",
        "credit_card_1",
        "cc_",
        "visa_1",
    ]
    rule = the_rule({"prefix": "#", "form": "#W[0-9]+"})
    assert [rule.mended(value) for value in ("W1", "#W1", "", " ", "1")] == ["#W1", "#W1", "", " ", "1"]


def test_evaluation_tasks_are_known_by_words_or_by_ids() -> None:
    text = "You are Ada Lovelace in zip code 10115 and want to return the desk lamp from your last order"
    tasks = Tasks([Task("a", text, ("#W1", "#W2")), Task("b", "too short"), Task("c", ids=("x7", "x8"))])
    assert [found.task for found in tasks.overlaps(text.upper().replace(" ", ",  "))] == ["a"]
    assert list(tasks.overlaps("I want to return the lamp, please. too short")) == []
    (found,) = tasks.overlaps("orders #W1 and #w2")
    assert (found.task, found.ids) == ("a", ("#w1", "#w2"))
    assert list(tasks.overlaps("only x7 here")) == []
    assert [found.task for found in tasks.overlaps("X7 and X8")] == ["c"]
