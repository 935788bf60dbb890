import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from simia_tui.model import Finding, Severity, ToolCall, ToolSpec, Trajectory, Turn
from simia_tui.tui.widgets.turn_lines import (
    OPEN_LINES,
    RESULT_LINES,
    Block,
    View,
    call_names,
    head_block,
    turn_block,
    turn_text,
)

VIEW = View(60)


def shown(block: Block) -> list[str]:
    return ["".join(text for text, _ in line.parts) for line in block.lines]


def block(
    turn: Turn, findings: tuple[Finding, ...] = (), view: View = VIEW, opened: bool = False, **more: bool
) -> Block:
    return turn_block(turn, 3, findings, view, opened=opened, name=None, gap=False, **more)


def test_roles_are_words_and_signs() -> None:
    assert shown(block(Turn(role="user", content="hi"))) == ["▸ user  4", "  hi"]
    assert shown(block(Turn(role="assistant", content="hi")))[0] == "◂ assistant  4"
    assert shown(block(Turn(role="tool", name="find", content="ok")))[0] == "↳ result find  4"
    assert shown(block(Turn(role="tool", name="find", content="no", is_error=True)))[0] == "✗ error find  4"
    assert shown(block(Turn(role="system", content="x")))[0] == "≡ system  4"


def test_null_and_empty_content_differ() -> None:
    assert shown(block(Turn(role="user")))[1] == "  no content"
    assert shown(block(Turn(role="tool", content="")))[1] == "  empty text"


def test_text_and_parallel_calls_stand_side_by_side() -> None:
    calls = (ToolCall(name="a", arguments={"x": 1}), ToolCall(name="b", arguments={"long": "word " * 30}))
    lines = shown(block(Turn(role="assistant", content="Looking.", tool_calls=calls)))
    assert lines[1:4] == ["  Looking.", '  ⚙ a {"x": 1}', "  ⚙ b"]
    assert lines[4].strip() == "{" and '"long": "word' in lines[5]


def test_arguments_take_the_line_of_the_name_or_one_below_or_several() -> None:
    def lines(length: int) -> list[str]:
        call = ToolCall(name="look_up", arguments={"id": "x" * length, "n": 1})
        return shown(block(Turn(role="assistant", tool_calls=(call,))))[1:]

    assert [len(lines(length)) for length in (20, 36, 44)] == [1, 2, 5]
    assert lines(36)[1] == '    {"id": "' + "x" * 36 + '", "n": 1}'


def test_arguments_that_are_no_object_are_shown_raw() -> None:
    lines = shown(block(Turn(role="assistant", tool_calls=(ToolCall(name="a", raw="{'x': \x1b"),))))
    assert lines[1] == "  ⚙ a  arguments that are no object:" and lines[2] == "    {'x': ␛"


def test_a_repaired_call_shows_what_was_written_when_opened() -> None:
    turn = Turn(role="assistant", tool_calls=(ToolCall(name="a", arguments={"x": 1}, raw="{x: 1}"),))
    assert "{x: 1}" not in "\n".join(shown(block(turn)))
    assert block(turn).foldable
    assert shown(block(turn, opened=True))[-1].strip() == "{x: 1}"


def test_findings_stand_under_their_call() -> None:
    turn = Turn(role="assistant", tool_calls=(ToolCall(name="a", arguments={}), ToolCall(name="b", arguments={})))
    first = Finding(rule="call.unknown-tool", severity=Severity.ERROR, message="There is no tool a.", turn=3, call=0)
    whole = Finding(rule="turn.odd", severity=Severity.WARNING, message="Odd.", turn=3)
    fixed = Finding(rule="call.json", severity=Severity.ERROR, message="Was broken.", turn=3, call=9, repaired=True)
    lines = shown(block(turn, (first, whole, fixed)))
    assert lines[0] == "◂ assistant  4  3 findings"
    assert lines[2] == "    ✗ error  call.unknown-tool  There is no tool a."
    assert lines[3].startswith("  ⚙ b")
    assert lines[4:] == ["  ! warning  turn.odd  Odd.", "  ~ repaired  call.json  Was broken."]


def test_long_observations_fold_and_open() -> None:
    turn = Turn(role="tool", content="\n".join(map(str, range(100))))
    folded, opened = block(turn), block(turn, opened=True)
    assert len(folded.lines) == 1 + RESULT_LINES + 1 and folded.foldable and opened.foldable
    assert shown(folded)[-1] == "  … 88 more lines, o opens"
    assert shown(opened)[1:] == [f"  {n}" for n in range(100)]
    spine = shown(block(turn, view=View(60, spine=True)))
    assert len(spine) == 1 and "0 1 2 3" in spine[0] and spine[0].endswith("…") and len(shown(folded)) == 14


def test_two_lines_more_are_not_worth_a_fold() -> None:
    turn = Turn(role="tool", content="\n".join("x" * (RESULT_LINES + 2)))
    assert len(block(turn).lines) == 1 + RESULT_LINES + 2 and not block(turn).foldable


@pytest.mark.parametrize(
    "text",
    ["x" * 1_000_000, "\n" * 1_000_000, "word \x1b[31m" * 90_000, "界" * 300_000],
    ids=["word", "breaks", "escapes", "wide"],
)
def test_a_megabyte_folds_to_few_lines_and_opens_to_a_bounded_number(text: str) -> None:
    for turn in (Turn(role="user", content=text), Turn(role="assistant", content="", reasoning=text)):
        folded = block(turn)
        assert len(folded.lines) < 70 and folded.foldable
        assert "o opens" in "\n".join(shown(folded)[-2:])
        assert len(block(turn, opened=True).lines) <= OPEN_LINES + 4


def test_json_is_set_out_and_only_its_own_lines_are_coloured() -> None:
    block_ = block(Turn(role="tool", content='{"a": "' + "long " * 20 + '", "b": 2}'))
    lines = shown(block_)
    assert lines[1] == "  {" and lines[2].startswith('    "a": "long')
    assert [line.json for line in block_.lines] == [False, True, True, False, True, True]


def test_hidden_thoughts_say_how_many_words() -> None:
    turn = Turn(role="assistant", content="Hi", reasoning="one two three")
    assert shown(block(turn, view=View(60, thoughts=False)))[1] == "  ✻ thoughts  3 words, t shows"
    assert shown(block(turn))[1:3] == ["  ✻ thoughts", "    one two three"]


def test_the_head_folds_policy_and_tools() -> None:
    trajectory = Trajectory(policy="Be kind. " * 40, tools=(ToolSpec(name="find", description="Finds it."),))
    finding = Finding(rule="turns.order", severity=Severity.WARNING, message="Ends early.")
    lines = shown(head_block(trajectory, (finding,), VIEW, opened=False))
    assert lines == [
        "≡ policy  80 words, o opens",
        "⚒ tools   1  find",
        "  ! warning  turns.order  Ends early.",
        "",
    ]
    opened = shown(head_block(trajectory, (), VIEW, opened=True))
    assert opened[1].startswith("  Be kind.") and "  find  Finds it." in opened
    assert shown(head_block(Trajectory(), (), VIEW, opened=False))[0] == "≡ policy  none"


def test_observations_find_the_name_of_their_call() -> None:
    calls = (ToolCall(name="a", call_id="1"), ToolCall(name="b", call_id="2"))
    turns = (Turn(role="assistant", tool_calls=calls), Turn(role="tool", call_id="2"), Turn(role="tool", call_id="1"))
    loose = (Turn(role="assistant", tool_calls=(ToolCall(name="c"),)), Turn(role="tool"), Turn(role="tool"))
    assert call_names(Trajectory(turns=turns + loose)) == [None, "b", "a", None, "c", None]


def test_search_text_holds_calls_and_thoughts() -> None:
    turn = Turn(role="assistant", content="Hi", reasoning="hm", tool_calls=(ToolCall(name="a", arguments={"k": "v"}),))
    assert all(word in turn_text(turn) for word in ("Hi", "hm", "a", '"v"'))


any_text = st.text(max_size=300)


@given(any_text, any_text, st.integers(32, 100), st.booleans(), st.booleans())
def test_no_line_is_wider_than_the_view(content: str, name: str, width: int, opened: bool, spine: bool) -> None:
    view = View(width, spine=spine)
    turn = Turn(role="assistant", content=content, tool_calls=(ToolCall(name="n", arguments={name: content}),))
    finding = Finding(rule="a.rule", severity=Severity.INFO, message=content, call=0, before=name)
    for line in shown(block(turn, (finding,), view, opened))[1:]:
        assert cell_len(line.removesuffix(" ")) <= width
        assert "\x1b" not in line and "\u202e" not in line


def test_in_the_spine_all_but_the_last_words_of_the_assistant_take_one_line() -> None:
    turn = Turn(role="assistant", content="word " * 60, reasoning="First I think.")
    view = View(60, spine=True)
    long = block(turn, view=view)
    brief = block(turn, view=view, brief=True)
    assert len(long.lines) > 5 and len(brief.lines) == 3 and brief.foldable
    assert "First I think." not in str(shown(brief)) and "First I think." in str(
        shown(block(turn, view=view, opened=True))
    )
    assert len(block(turn, view=view, opened=True, brief=True).lines) == len(long.lines) + 1
    user = Turn(role="user", content="word " * 60)
    assert len(block(user, view=view, brief=True).lines) > 5


def test_a_turn_that_no_longer_holds_says_so() -> None:
    assert shown(block(Turn(role="user", content="Hi"), stale=True))[0].endswith("stale")
