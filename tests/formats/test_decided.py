import pytest
from samples import make_trajectory

from simia_tui.formats.base import RowError
from simia_tui.formats.decided import first_bad, first_changed, kto_row, preference_row, stepwise_row
from simia_tui.formats.trl import write_trl
from simia_tui.formats.trl_grpo import write_grpo
from simia_tui.model import Finding, Origin, Severity, Turn

GOOD = make_trajectory()
MESSAGES = write_trl(GOOD)["messages"]


def ends(text, base=GOOD):
    """The trajectory with another last word."""
    return base.with_turns((*base.turns[:-1], Turn(role="assistant", content=text)))


def test_a_pair_shares_its_prompt_up_to_the_turn_where_they_part():
    row = preference_row(GOOD, ends("No."))
    assert row["prompt"] == MESSAGES[:-1]
    assert row["chosen"] == [{"role": "assistant", "content": "Done, Ada."}]
    assert row["rejected"] == [{"role": "assistant", "content": "No."}]
    assert (row["chosen_id"], row["rejected_id"]) == (GOOD.id, ends("No.").id)


def test_completions_begin_with_the_assistant_where_they_part_at_a_result():
    other = GOOD.with_turns((*GOOD.turns[:2], GOOD.turns[2].replace(content="none"), GOOD.turns[3]))
    row = preference_row(GOOD, other)
    assert row["prompt"] == MESSAGES[:2]
    assert [side[0]["role"] for side in (row["chosen"], row["rejected"])] == ["assistant", "assistant"]


def test_other_words_of_the_user_leave_the_policy_as_the_prompt():
    row = preference_row(GOOD, make_trajectory("Good day"))
    assert row["prompt"] == [{"role": "system", "content": "Be kind."}]
    assert row["rejected"][0] == {"role": "user", "content": "Good day"}


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (GOOD.replace(policy="x"), "policies"),
        (GOOD.replace(tools=()), "policies or tools"),
        (GOOD.replace(meta={"a": 1}), "the same"),
        (GOOD.with_turns(GOOD.turns[:2]), "no further turn"),
    ],
)
def test_what_cannot_be_compared_is_a_reason(other, words):
    with pytest.raises(RowError, match=words):
        preference_row(GOOD, other)
    with pytest.raises(RowError, match="share no beginning"):
        bare = GOOD.replace(policy=None)
        preference_row(bare, bare.with_turns((Turn(role="user", content="x"), *bare.turns[1:])))


def test_a_completion_begins_with_the_assistant_and_ends_with_it():
    cut_off = GOOD.with_turns((*GOOD.turns, Turn(role="user", content="thanks")))
    row = kto_row(cut_off, False)
    assert row["prompt"] + row["completion"] == MESSAGES
    assert row["prompt"] == MESSAGES[:2]
    assert row["label"] is False
    with pytest.raises(RowError, match="before the assistant"):
        kto_row(GOOD.replace(policy=None).with_turns(GOOD.turns[1:]), True)
    with pytest.raises(RowError):
        kto_row(GOOD.with_turns(GOOD.turns[:1]), True)


def test_steps_hold_what_was_heard_and_end_with_the_first_bad_one():
    row = stepwise_row(GOOD, None)
    assert row["labels"] == [True, True]
    assert row["completions"][0].startswith("I look you up.\n\n<tool_call>")
    assert row["completions"][1].startswith("<tool_response>\n")
    assert row["completions"][1].endswith("\n\nDone, Ada.")
    assert "<tools>" in row["prompt"]
    assert row["prompt"].endswith("I want to renew my loan")
    assert stepwise_row(GOOD, 1)["labels"] == [False]
    assert stepwise_row(GOOD, 3)["labels"] == [True, False]
    with pytest.raises(RowError, match="not the assistant"):
        stepwise_row(GOOD, 2)
    with pytest.raises(RowError, match="no turn of the assistant"):
        stepwise_row(GOOD.with_turns(GOOD.turns[:1]), None)


def finding(turn, **changes):
    return Finding(rule="r", severity=Severity.ERROR, message="m", turn=turn).replace(**changes)


def test_only_standing_errors_at_a_turn_of_the_assistant_name_the_bad_step():
    found = [finding(0), finding(2), finding(99), finding(None), finding(1, repaired=True), finding(3)]
    assert first_bad(GOOD, found) == 3
    assert first_bad(GOOD, [finding(1, severity=Severity.WARNING)]) is None
    assert first_bad(GOOD, [*found, finding(1)]) == 1


def test_an_edit_names_the_step_where_it_began():
    assert first_changed(GOOD, ends("No.")) == 3
    assert first_changed(GOOD, GOOD) is None
    assert first_changed(GOOD, make_trajectory("Good day")) is None


def test_grpo_prompts_end_before_the_assistant_and_name_their_seed():
    row = write_grpo(GOOD)
    assert row["prompt"] == MESSAGES[:2]
    assert row["seed"] == GOOD.id
    assert row["domain"] == "library"
    made = GOOD.replace(origin=Origin(job=1, ord=2, seed="abc"))
    assert write_grpo(made)["seed"] == "abc"
