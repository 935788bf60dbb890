"""Real traces must raise few false alarms. Every alarm below was looked up in its trace and judged.

The judgements: the airline's `update_reservation_flights` does not change the cabin it was told to change (a fault
of the real environment, `state.write-lost`); one agent makes up a credit card from a gift card's number, twice
(`call.unfounded-id`); two users give addresses of a real mail provider (`data.personal`); gold actions of the
executed tasks use ids that no recorded call showed before (the look-ups stand apart, and are not read).
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from simia_tui import checks, domains, formats, resources
from simia_tui.model import Finding, Severity, Trajectory


def findings(path: Path, domain: str) -> Iterator[tuple[Trajectory, Finding]]:
    pack = domains.load(domain, [resources.prompts()])
    for row in formats.read(path, domain=domain):
        assert row.trajectory is not None
        seed = row.trajectory
        result, found = checks.run(seed, seed.tools or pack.tools, checks.Hints.of(pack.data))
        assert result == seed
        yield from ((seed, finding) for finding in found)


def test_real_airline_traces_satisfy_the_pack_and_every_alarm_is_true(real_data: Path) -> None:
    found = list(findings(real_data / "tau_airline_gpt4o.json", "tau-airline"))
    told = Counter(finding.rule for _, finding in found)
    assert told.pop("turn.ends-open") == 120
    assert told == {"state.write-lost": 3, "call.unfounded-id": 2, "data.personal": 2}
    assert {finding.severity for _, finding in found} == {Severity.INFO, Severity.WARNING}
    lost = {(seed.meta["task_id"], finding.turn) for seed, finding in found if finding.rule == "state.write-lost"}
    assert lost == {(3, 58), (22, 20), (17, 44)}
    for seed, finding in found:
        if finding.rule == "call.unfounded-id":
            assert '"credit_card_5634230"' in finding.message
            assert not any("credit_card_5634230" in (turn.content or "") for turn in seed.turns[: finding.turn])


@pytest.mark.parametrize(
    ("domain", "told"),
    [
        ("airline", {"call.unfounded-id"}),
        ("retail", {"call.unfounded-id", "call.argument-form"}),
        ("telecom", {"call.unfounded-id"}),
    ],
)
def test_answers_of_the_real_tools_contradict_no_rule_on_the_world(
    real_data: Path, domain: str, told: set[str]
) -> None:
    found = findings(real_data / f"tau2_exec_{domain}.jsonl.gz", f"tau-{domain}")
    rules = {finding.rule for _, finding in found if not finding.rule.startswith("turn.")}
    assert rules <= told
