"""One job as lines."""

import time
import unicodedata

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from simia_tui.model import Attempt, Job, JobSpec, JobStatus, Outcome, PrefilterSpec, RolloutSpec, SynthesizeSpec
from simia_tui.services.progress import Fault, Standing
from simia_tui.store.costs import Costs, Part
from simia_tui.store.judgements import Agreement
from simia_tui.store.yields import Failed
from simia_tui.tui.state.rates import Rate
from simia_tui.tui.widgets.job_lines import job_lines

NOW = 1_790_000_000.0
UNKNOWN = Rate(None, None)
KEYS = {"jobs.pause": "p", "jobs.cancel": "x"}
PAID = {"demo": False, "endpoint": "lab", "model": "gpt-5"}


def standing(spec: JobSpec | None = None, **changes: object) -> Standing:
    spec = spec or SynthesizeSpec.model_validate({**PAID, "budget_usd": 5.0})
    values = {
        "status": JobStatus.RUNNING,
        "target": 200,
        "done": 50,
        "cost_nano": 400_000_000,
        "estimated_nano": 50_000_000,
    }
    job = Job.model_validate({"id": 3, "kind": spec.kind, "spec": spec.model_dump(), **values, **changes})
    told = Costs(job.cost_nano, job.estimated_nano, 60, job.done, 0)
    return Standing(job, told, {}, {}, {}, [], [], [], None, 77, {}, [])


def text(found: Standing, width: int = 78, rate: Rate = UNKNOWN) -> str:
    return "\n".join(
        "".join(part for part, _ in line.parts) for line in job_lines(found, rate, width, NOW, KEYS.__getitem__)
    )


def test_costs_are_told_apart_and_forecast() -> None:
    found = standing()
    found = found._replace(statuses={"approved": 10, "pending": 40}, costs=found.costs._replace(approved=10))
    shown = text(found, rate=Rate(2.0, 75.0))
    assert "$0.35 known + $0.0500 estimated; budget $5.00" in shown
    assert "$0.0080 per episode, $0.0400 per approved one (10 of 50 approved)" in shown
    end = time.strftime("%H:%M:%S", time.localtime(NOW + 75))
    assert f"done at about {end}, at a cost of about $1.60" in shown
    assert "in flight  0 of 16; worker process 77" in shown


def test_a_pause_says_why_and_when_it_goes_on() -> None:
    paused = standing(status=JobStatus.PAUSED, reason="The endpoint is down.", resume_at=NOW + 185)
    assert "The endpoint is down.\nIt goes on by itself at" in text(paused) and "in 3:05; p lets it go on now" in text(
        paused
    )
    waits = standing(status=JobStatus.PAUSED, reason="The budget is spent.")
    assert "It waits for you: p lets it go on" in text(waits)
    assert "It waits" not in text(standing()) and "by itself" not in text(standing())


def test_what_came_of_attempts_and_why_tasks_failed() -> None:
    fault = Attempt(job=3, ord=7, n=2, outcome=Outcome.RATE_LIMIT, message="slow down")
    found = standing()._replace(
        outcomes={"ok": 30, "rate limit": 10},
        failures=[Failed("No assistant turn could be read.", 2, 7)],
        faults=[Fault(12, fault)],
        story=[(NOW, "job 3 starts")],
        hit="4 of 50 episodes show tool=renew",
    )
    shown = text(found)
    for part in (
        "rate limit       10", " 75%", " 25%", "2  No assistant turn could be read. (task 7)",
        "12  rate limit: slow down (task 7, try 2)", "job 3 starts", "target     4 of 50 episodes show tool=renew",
    ):  # fmt: skip
        assert part in shown


def test_a_prefilter_job_shows_verdicts_and_no_episodes() -> None:
    found = standing(PrefilterSpec.model_validate(PAID), copies=0)._replace(
        verdicts={"pass": 30, "fail": 15, "error": 5}
    )
    shown = text(found)
    assert "verdicts\n  pass        30" in shown and " 60%" in shown and "$0.0080 per verdict" in shown
    assert "near-duplicate" not in shown


def test_a_rollout_job_shows_its_roles_rewards_and_how_far_judges_agree() -> None:
    found = standing(RolloutSpec.model_validate(PAID))
    parts = (Part("agent", "gpt-5", 300, 250_000_000), Part("judge", "gpt-5", 50, 150_000_000))
    agreements = [Agreement("gpt-5", "judge-2", 20, 18)]
    rewards = {"0": 3, "1": 46, "invalid": 1}
    shown = text(found._replace(costs=found.costs._replace(parts=parts), rewards=rewards, agreements=agreements))
    assert "requests   agent 300, $0.25; judge 50, $0.15" in shown
    assert (
        "rewards    3 of 0, 46 of 1, 1 invalid\n           gpt-5 agrees with judge-2 on 18 of 20: 90% (70-97)" in shown
    )


def test_a_job_of_the_demo_model_is_free_and_an_unknown_price_is_not() -> None:
    assert "cost       free" in text(standing(SynthesizeSpec()))
    assert "cost       unknown" in text(standing(cost_nano=None))


@given(st.text(max_size=200), st.integers(40, 120))
def test_hostile_words_keep_to_their_line_and_width(words: str, width: int) -> None:
    found = standing(reason=words, status=JobStatus.PAUSED)._replace(
        failures=[Failed(words, 1, 0)], story=[(NOW, words)], outcomes={"ok": 1}, hit=words
    )
    for line in job_lines(found, UNKNOWN, width, NOW, KEYS.__getitem__):
        said = "".join(part for part, _ in line.parts)
        assert cell_len(said) <= width
        assert not any(unicodedata.category(character) == "Cc" for character in said)
