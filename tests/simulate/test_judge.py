"""Verdicts: what is read from replies, how votes count, and what no judge is asked about."""

import json

import pytest
from simulate.parts import LEDGER, TOOLS, Script, act, failed, judged, pack, patience, say, task

from simia_tui.checks import Hints
from simia_tui.errors import UsageError
from simia_tui.model import Fault, Outcome, ToolCall, Trajectory, Turn
from simia_tui.simulate.ask import AskedCall, Unreadable
from simia_tui.simulate.controls import Ending, Termination
from simia_tui.simulate.judge import Case, Judge, Verdict, read_verdict, writes
from simia_tui.simulate.ledger import Ledger
from simia_tui.simulate.toolbox import Entry

COPIED = """{
  "reasoning": "two sentences"
  "reward": 1 // 0 or 1
}"""

# simia-method.md 6.4: what the reference made of these replies is wrong in most rows; this is the column "wanted".
WANTED = [
    ('{"reasoning":"ok","reward":1}', 1),
    ('```json\n{"reasoning":"ok","reward":1}\n```', 1),
    ('My verdict: {"reasoning":"ok","reward":1}. That is all.', 1),
    (COPIED, 1),
    ('{"reasoning":"ok","reward":1,}', 1),
    ('I think so. {"reasoning":"the call {x: 1} was right {}","reward":1}', 1),
    ('{"reasoning":"ok","reward":"1"}', 1),
    ('{"reasoning":"ok","reward":true}', 1),
    ('{"reasoning":"ok","reward":1.0}', 1),
    ('{"reasoning":"no","reward":0}', 0),
    ('{"reasoning":"no","reward":false}', 0),
    ('{"score":1}', None),
    ('{"reasoning":"ok"}', None),
    ("reward: 1", None),
    ('{"reward":5}', None),
    ('{"reward":0.5}', None),
    ('{"reward":-1}', None),
    ('{"reward":null}', None),
    ('{"reward":"yes"}', None),
    ('{"reward":[1]}', None),
    ('{"reward":1} no, {"reward":0}', None),
    ("", None),
    (":", None),
]


@pytest.mark.parametrize(("text", "reward"), WANTED)
def test_the_reward_is_read_or_asked_for_again_but_never_made_up(text: str, reward: int | None) -> None:
    if reward is None:
        with pytest.raises(Unreadable):
            read_verdict(text)
    else:
        assert read_verdict(text).reward == reward


CANCEL = act(("cancel_order", {"order_id": "W1"})).replace(
    tool_calls=(ToolCall(name="cancel_order", arguments={"order_id": "W1"}, call_id="c1"),)
)


def case(
    is_error: bool = False, ending: Termination = Termination.USER_DONE, fault: Fault | None = None, **more: str
) -> Case:
    turns = (
        Turn(role="user", content="Cancel W1."),
        CANCEL.replace(reasoning="SECRET-1", content="<think>SECRET-2</think>On it."),
        Turn(
            role="tool", content="refused" if is_error else "ok", call_id="c1", name="cancel_order", is_error=is_error
        ),
        say("I have cancelled it. <think>SECRET-3"),
    )
    patch = ({"op": "replace", "path": "/order/W1/status", "value": "cancelled"},)
    entry = Entry(
        call=CANCEL.tool_calls[0],
        observation="ok",
        is_error=is_error,
        source="simulated",
        patch=() if is_error else patch,
    )
    end = Ending(termination=ending, fault=fault, reason="so it ended")
    return Case(task(), Trajectory(tools=TOOLS, turns=turns), end, [entry], Ledger.start(LEDGER), Hints())


async def verdict(script: Script, of: Case | None = None, samples: int = 1, **more: object) -> Verdict:
    judge = Judge(script, pack(), samples, patience=patience(), **more)  # type: ignore[arg-type] # options of one test each
    return await judge.verdict(of or case(), [])


async def test_the_judge_sees_policy_ledger_and_writes_but_no_reasoning() -> None:
    script = Script(judged(1, evidence_turns=[1, 99, "x"]))
    found = await verdict(script)
    prompt = script.prompt()
    assert "SECRET" not in prompt and "Be careful." in prompt and "/order/W2" in prompt
    listed = json.loads(prompt.split("<writes>\n")[1].split("\n</writes>")[0])
    assert listed["succeeded"] is True and listed["changes"][0]["value"] == "cancelled"
    assert (found.reward, found.evidence_turns, found.by) == (1, (1,), "judge")


def test_a_refused_write_backs_no_claim() -> None:
    assert [row["succeeded"] for row in writes(case(is_error=True))] == [False]


@pytest.mark.parametrize("ending", [t for t in Termination if t.by_policy])
async def test_what_the_policy_caused_is_0_without_asking(ending: Termination) -> None:
    script = Script(judged(1))
    found = await verdict(script, case(ending=ending))
    assert (found.reward, found.by, script.asked) == (0, "rule", [])


async def test_a_spoilt_episode_has_no_reward_and_names_the_cause() -> None:
    found = await verdict(Script(judged(1)), case(ending=Termination.INVALID, fault=Fault.USER_SIMULATOR))
    assert (found.reward, found.fault, found.reason) == (None, Fault.USER_SIMULATOR, "so it ended")


async def test_a_judge_that_cannot_be_read_gives_no_reward() -> None:
    found = await verdict(Script("reward: 1"))
    assert found.reward is None and found.fault is Fault.JUDGE
    found = await verdict(Script(failed(Outcome.QUOTA)))
    assert found.reward is None and found.fault is Fault.INFRASTRUCTURE


async def test_an_unreadable_verdict_is_asked_for_again_with_the_reason() -> None:
    script = Script("reward: 1", judged(1))
    assert (await verdict(script)).reward == 1
    assert '"reward"' in script.asked[1][2]["content"]


async def test_the_majority_counts_and_disagreement_is_kept() -> None:
    found = await verdict(Script(judged(1), judged(0), judged(1)), samples=3)
    assert found.reward == 1 and found.disagreement == pytest.approx(1 / 3) and len(found.samples) == 3


async def test_a_failed_sample_counts_for_neither_side() -> None:
    bad = failed(Outcome.BAD_REQUEST)
    found = await verdict(Script(bad, judged(0), judged(0)), samples=3)
    assert found.reward == 0 and len(found.samples) == 2
    found = await verdict(Script(bad, judged(0), judged(1)), samples=3)
    assert found.reward is None and found.fault is Fault.INFRASTRUCTURE


async def test_a_second_model_is_heard_but_has_no_vote() -> None:
    second = Script(judged(0))
    found = await verdict(Script(judged(1)), second=second, second_share=1.0)
    assert found.reward == 1 and found.second is not None and found.second.reward == 0
    found = await verdict(Script(judged(1)), second=second, second_share=0.0)
    assert found.second is None


def test_an_even_number_of_samples_is_refused() -> None:
    with pytest.raises(UsageError, match="odd"):
        Judge(Script(judged(1)), pack(), samples=2)


async def test_every_sample_is_on_record() -> None:
    record: list[AskedCall] = []
    await Judge(Script(judged(1)), pack(), samples=3, patience=patience()).verdict(case(), record)
    assert [asked.role for asked in record] == ["judge"] * 3
