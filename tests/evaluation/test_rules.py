from typing import NamedTuple, get_args

from simia_tui import checks
from simia_tui.demo.truth import DefectKind
from simia_tui.evaluation import CATCHES, STRUCTURAL, Case, catches, score
from simia_tui.model import Finding, Severity


class Broken(NamedTuple):
    kind: str
    turn: int


def finding(rule: str, turn: int | None) -> Finding:
    return Finding(rule=rule, severity=Severity.ERROR, message="", turn=turn)


def test_recall_counts_defects_and_precision_counts_findings() -> None:
    scores = score(
        [
            Case([Broken("unknown_tool", 3), Broken("unknown_tool", 5)], [finding("call.unknown-tool", 3)]),
            Case([Broken("missing_argument", 1)], [finding("call.missing-argument", 1)] * 2),
            Case([], [finding("call.unknown-tool", 3), finding("turn.empty", 1)]),
        ]
    )
    assert scores.cases == 3
    assert {one.kind: one.recall[:2] for one in scores.kinds} == {"missing_argument": (1, 1), "unknown_tool": (1, 2)}
    precision = {one.rule: one.precision[:2] for one in scores.rules}
    assert precision == {"call.missing-argument": (2, 2), "call.unknown-tool": (1, 2)}
    assert scores.structural[:2] == (2, 3)


def test_the_turn_must_match() -> None:
    defect = Broken("missing_argument", 4)
    turns = [turn for turn in (None, 2, 3, 4, 5) if catches(defect, finding("call.missing-argument", turn))]
    assert turns == [4]
    assert not catches(defect, finding("call.unknown-tool", 4))


def test_every_kind_of_the_demo_model_has_a_rule() -> None:
    assert set(get_args(DefectKind)) == set(CATCHES)
    assert set(STRUCTURAL) < set(CATCHES)


def test_an_unknown_kind_is_counted_and_never_found() -> None:
    scores = score([Case([Broken("odd", 0)], [finding("turn.empty", 0)])])
    assert [(one.kind, one.recall[:2]) for one in scores.kinds] == [("odd", (0, 1))]
    assert scores.rules == ()


def test_no_case_gives_no_score() -> None:
    scores = score([])
    assert (scores.kinds, scores.rules, scores.structural.value) == ((), (), None)


def test_every_rule_that_counts_exists() -> None:
    named = {rule for rules in CATCHES.values() for rule in rules if not rule.startswith("reply.")}
    assert named <= set(checks.RULES)
