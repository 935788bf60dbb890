import pytest
from textual.app import App, ComposeResult

from simia_tui.model import Finding, Severity, ToolCall, ToolSpec, Trajectory, Turn
from simia_tui.tui.widgets.transcript import Transcript


def dialogue(pairs: int = 10) -> Trajectory:
    turns: list[Turn] = []
    for number in range(pairs):
        call = ToolCall(name="find", arguments={"n": number}, call_id=str(number))
        turns += [
            Turn(role="user", content=f"Question {number}?"),
            Turn(role="assistant", tool_calls=(call,), reasoning="hidden thought"),
            Turn(role="tool", call_id=str(number), content="\n".join(f"row {i} of {number}" for i in range(40))),
            Turn(role="assistant", content=f"Answer {number}."),
        ]
    return Trajectory(policy="Be kind.", tools=(ToolSpec(name="find"),), turns=tuple(turns))


def finding(turn: int | None) -> Finding:
    return Finding(rule="a.rule", severity=Severity.WARNING, message="Look here.", turn=turn)


class ReadApp(App[None]):
    def __init__(self, trajectory: Trajectory | None, findings: tuple[Finding, ...] = ()) -> None:
        super().__init__()
        self.transcript = Transcript()
        self.given = (trajectory, findings)
        self.seen: list[int | None] = []

    def compose(self) -> ComposeResult:
        yield self.transcript

    def on_mount(self) -> None:
        self.transcript.show(*self.given)

    def on_transcript_turn_highlighted(self, message: Transcript.TurnHighlighted) -> None:
        self.seen.append(message.index)

    def lines(self) -> list[str]:
        return [self.transcript.render_line(y).text for y in range(self.transcript.size.height)]

    def current(self) -> list[str]:
        return [line for line in self.lines() if line.startswith("▌")]


async def test_keys_go_turn_by_turn_and_the_turn_is_in_view() -> None:
    app = ReadApp(dialogue())
    async with app.run_test(size=(80, 24)) as pilot:
        assert app.transcript.turn == 0
        await pilot.press("j", "down", "j", "j", "k")
        assert app.transcript.turn == 3 and app.seen == [1, 2, 3, 4, 3]
        assert "assistant  4" in app.current()[0]
        await pilot.press("end")
        assert app.transcript.turn == 39 and "Answer 9." in app.current()[1]
        await pilot.press("j", "home", "k")
        assert app.transcript.turn is None and "policy" in app.current()[0]


async def test_brackets_go_to_flagged_turns() -> None:
    app = ReadApp(dialogue(), (finding(30), finding(5), finding(None), finding(99)))
    async with app.run_test(size=(80, 24)) as pilot:
        assert app.transcript.flagged == [0, 6, 31]
        assert sum("a.rule" in line for line in app.lines()) == 2
        await pilot.press("right_square_bracket", "right_square_bracket", "right_square_bracket")
        assert app.transcript.turn == 30 and any("a.rule  Look here." in line for line in app.current())
        await pilot.press("left_square_bracket")
        assert app.transcript.turn == 5


async def test_o_opens_and_folds_only_the_current_turn() -> None:
    app = ReadApp(dialogue())
    async with app.run_test(size=(80, 24)) as pilot:
        app.transcript.go_to(2)
        height = app.transcript.virtual_size.height
        await pilot.press("o")
        assert app.transcript.virtual_size.height == height + 40 - 12 - 1
        await pilot.press("o")
        assert app.transcript.virtual_size.height == height
        await pilot.press("k", "k", "o")
        assert app.transcript.virtual_size.height == height


async def test_spine_and_thoughts_shorten_the_reading() -> None:
    app = ReadApp(dialogue(3))
    async with app.run_test(size=(80, 40)) as pilot:
        full = app.transcript.virtual_size.height
        await pilot.press("t")
        assert not any("hidden thought" in line for line in app.lines())
        await pilot.press("s")
        assert app.transcript.virtual_size.height < full / 2
        assert "Answer 2." in "".join(app.lines())
        await pilot.press("s", "t")
        assert app.transcript.virtual_size.height == full


async def test_turns_are_marked_stale_until_another_trajectory_is_shown() -> None:
    app = ReadApp(dialogue(3))
    async with app.run_test(size=(80, 100)) as pilot:
        app.transcript.mark_stale(5)
        await pilot.pause()
        marked = [line for line in app.lines() if "stale" in line]
        assert len(marked) == 7 and "assistant  6" in marked[0]
        app.transcript.mark_stale(None)
        assert not any("stale" in line for line in app.lines())
        app.transcript.mark_stale(1)
        app.transcript.show(dialogue(2))
        assert not any("stale" in line for line in app.lines())


async def test_search_marks_opens_and_goes_round() -> None:
    app = ReadApp(dialogue())
    async with app.run_test(size=(80, 24)) as pilot:
        assert app.transcript.search("ROW 33 OF 4") == 1
        assert app.transcript.turn == 18
        await pilot.pause()
        assert app.transcript.search("answer") == 10
        assert app.transcript.turn == 19
        await pilot.press("n")
        assert app.transcript.turn == 23
        await pilot.press("N", "N")
        assert app.transcript.turn == 15
        assert app.transcript.search("nowhere [") == 0
        await pilot.press("n")
        assert app.transcript.turn == 15


async def test_paging_takes_the_cursor_along() -> None:
    app = ReadApp(dialogue())
    async with app.run_test(size=(80, 24)) as pilot:
        for _ in range(30):
            await pilot.press("pagedown")
            assert app.current()
        assert app.transcript.turn == 39
        for _ in range(30):
            await pilot.press("pageup")
            assert app.current()
        assert app.transcript.turn is None


@pytest.mark.parametrize("trajectory", [None, Trajectory()], ids=["nothing", "no turns"])
async def test_keys_do_no_harm_where_there_is_nothing(trajectory: Trajectory | None) -> None:
    app = ReadApp(trajectory)
    async with app.run_test(size=(80, 24)) as pilot:
        for key in ("j", "k", "right_square_bracket", "o", "n", "pagedown", "end", "home", "s", "t"):
            await pilot.press(key)
        assert app.transcript.search("x") == 0
        assert app.transcript.turn is None


async def test_hostile_text_is_plain_and_every_line_fits() -> None:
    hostile = "\x1b]0;title\x07\x1b[31m[bold red]x[/] \u202eabc 界👍🏽 ${x} שלום " * 50
    turns = (Turn(role="user", content=hostile), Turn(role="tool", content=hostile, name="\x1b[0m"))
    app = ReadApp(Trajectory(policy=hostile, turns=turns), (finding(0),))
    async with app.run_test(size=(60, 50)):
        lines = app.lines()
        assert not any("\x1b" in line or "\u202e" in line for line in lines)
        assert "[bold red]x[/]" in "".join(lines)


async def test_a_new_width_wraps_anew_and_keeps_the_turn() -> None:
    app = ReadApp(dialogue())
    async with app.run_test(size=(120, 40)) as pilot:
        app.transcript.go_to(21)
        await pilot.resize_terminal(60, 20)
        await pilot.pause()
        assert app.transcript.turn == 21
        assert "assistant  22" in app.current()[0]


async def test_a_click_goes_to_the_turn() -> None:
    app = ReadApp(dialogue())
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.click(Transcript, offset=(10, 7))
        assert app.transcript.turn == 1
