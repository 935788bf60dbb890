"""How well the rules find what is wrong: recall and precision against a record of injected defects."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol

from simia_tui.evaluation.interval import Share, wilson
from simia_tui.model import Finding


class Defect(Protocol):
    """What was broken on purpose, as the demo model records it.

    `turn` counts from 0 in the reply. It is the turn of the call for a defect of a call, that of the observation
    for an invented error, and that of the later observation for a contradiction, which is where the rules report.
    """

    @property
    def kind(self) -> str: ...
    @property
    def turn(self) -> int: ...


class Case(NamedTuple):
    """One trajectory: what was broken in it, and what the rules found."""

    defects: Sequence[Defect]
    findings: Sequence[Finding]


CATCHES: dict[str, frozenset[str]] = {
    "broken_json": frozenset(
        {
            "reply.json-repaired",
            "reply.unreadable",
            "call.arguments-repaired",
            "call.arguments-unparsable",
            "call.double-encoded",
        }
    ),
    "unknown_tool": frozenset({"call.unknown-tool"}),
    "missing_argument": frozenset({"call.missing-argument"}),
    "invented_error": frozenset(
        {"observation.unlike-error", "observation.denies-known", "observation.outage", "observation.unlisted-error"}
    ),
    "contradiction": frozenset({"state.read-changed", "state.write-lost", "state.status-back", "state.total"}),
}
"""For each kind of defect, the rules whose finding counts as catching it."""

STRUCTURAL = ("broken_json", "unknown_tool", "missing_argument")
"""The kinds that a rule can decide from the call alone; every one of them must be found."""


class KindScore(NamedTuple):
    """Of the injected defects of one kind, how many were found."""

    kind: str
    recall: Share

    @property
    def structural(self) -> bool:
        return self.kind in STRUCTURAL


class RuleScore(NamedTuple):
    """Of the findings of one rule, how many point at an injected defect."""

    rule: str
    precision: Share


class Scores(NamedTuple):
    """`kinds` and `rules` in the order of their names; `structural` is the recall over the structural kinds."""

    cases: int
    kinds: tuple[KindScore, ...]
    rules: tuple[RuleScore, ...]
    structural: Share


def score(cases: Iterable[Case]) -> Scores:
    """Counts over all `cases`, including those without a defect: their findings are false alarms.

    A defect is found if one of its rules (`CATCHES`) has a finding at its very turn. A finding is
    true if it catches a defect in this sense. Rules that catch no kind at all are left out, as
    the record says nothing of them.
    """
    injected: Counter[str] = Counter()
    found: Counter[str] = Counter()
    raised: Counter[str] = Counter()
    true: Counter[str] = Counter()
    judged = frozenset().union(*CATCHES.values())
    number = 0
    for case in cases:
        number += 1
        for defect in case.defects:
            injected[defect.kind] += 1
            found[defect.kind] += any(catches(defect, finding) for finding in case.findings)
        for finding in case.findings:
            if finding.rule in judged:
                raised[finding.rule] += 1
                true[finding.rule] += any(catches(defect, finding) for defect in case.defects)
    return Scores(number, _kinds(injected, found), _rules(raised, true), _structural(injected, found))


def catches(defect: Defect, finding: Finding) -> bool:
    """Whether `finding` reports `defect`."""
    return finding.turn == defect.turn and finding.rule in CATCHES.get(defect.kind, frozenset())


def _kinds(injected: Mapping[str, int], found: Mapping[str, int]) -> tuple[KindScore, ...]:
    return tuple(KindScore(kind, wilson(found.get(kind, 0), injected[kind])) for kind in sorted(injected))


def _rules(raised: Mapping[str, int], true: Mapping[str, int]) -> tuple[RuleScore, ...]:
    return tuple(RuleScore(rule, wilson(true.get(rule, 0), raised[rule])) for rule in sorted(raised))


def _structural(injected: Mapping[str, int], found: Mapping[str, int]) -> Share:
    return wilson(sum(found.get(kind, 0) for kind in STRUCTURAL), sum(injected.get(kind, 0) for kind in STRUCTURAL))
