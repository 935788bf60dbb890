"""Keys of one's own: `[keys]` in simia.toml."""

from collections.abc import Callable
from typing import Any

import pytest
from stage import put_episodes

from simia_tui.errors import UsageError
from simia_tui.store import Workspace, trajectories
from simia_tui.tui import keymap
from simia_tui.tui.app import Workbench

Opened = Callable[..., Any]


def write(workspace: Workspace, *lines: str) -> Workspace:
    (workspace.root / "simia.toml").write_text("\n".join(["[keys]", *lines, ""]))
    return workspace


async def test_an_act_moves_to_its_new_keys(workspace: Workspace, opened: Opened) -> None:
    db = workspace.connect()
    put_episodes(db)
    write(
        workspace, 'review.approve = "y,ctrl+y"', '"transcript.next" = "h"', '"review.undo" = "?"', '"app.help" = "f1"'
    )
    async with opened(workspace) as bench:
        text = await bench.keys("g", "e")
        assert "y Approve" in bench.bar
        await bench.keys("a")
        assert "a does nothing here (f1 lists keys)" in bench.bar and trajectories.rows(db, [1])[0].status == "pending"
        text = await bench.keys("y", "ctrl+y")
        assert [row.status for row in trajectories.rows(db, [1, 2])] == ["approved", "approved"]
        await bench.keys("question_mark")
        assert trajectories.rows(db, [2])[0].status == "pending"
        text = await bench.keys("f1")
        assert any("Approve, and go to the next" in line and " y" in line for line in text.splitlines())
        text = await bench.keys("n")
        assert "review.approve" in text and "Approve, and go to the next" not in text


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ('"review.aprove" = "y"', "keys.review.aprove names no act"),
        ('"review.approve" = "x"', "gives x to both review.approve and review.reject"),
        ('"review.approve" = "j"', "gives j to both review.approve and t"),
        ('"review.approve" = "q"', "gives q to both review.approve and app.quit"),
        ('"review.approve" = "hyper"', "holds 'hyper', which is no key"),
        ('"review.approve" = "hyper+y"', "which is no key"),
        ('"review.approve" = ""', "which is no key"),
        ('"review.approve" = "ctrl+c"', "is kept for leaving"),
        ('"review.approve" = 3', "keys.review.approve should be a valid string"),
    ],
)
def test_a_wrong_line_is_one_sentence(workspace: Workspace, line: str, says: str) -> None:
    with pytest.raises(UsageError, match=r"simia\.toml") as told:
        Workbench(write(workspace, line))
    assert says in str(told.value) and str(told.value).count("\n") == 0


def test_two_acts_may_swap_their_keys_and_one_key_may_serve_in_two_rooms(workspace: Workspace) -> None:
    write(workspace, '"review.approve" = "x"', '"review.reject" = "a"', '"jobs.pause" = "y"', '"runs.stop" = "y"')
    assert Workbench(workspace).own_keys["review.approve"] == "x"


def test_punctuation_may_be_written_as_it_is(workspace: Workspace) -> None:
    write(workspace, '"review.approve" = "+"', '"review.reject" = ","', '"review.flag" = "ctrl+-"')
    own = Workbench(workspace).own_keys
    assert own == {"review.approve": "plus", "review.reject": "comma", "review.flag": "ctrl+minus"}


OTHER = {
    "app.go": "f2",
    "app.import": "f3",
    "app.synthesize": "f4",
    "app.train": "f5",
    "review.undo": "f6",
    "review.views": "f7",
    "review.filter": "f8",
    "review.back": "f9",
    "review.switch": "f10",
    "transcript.next": "f12",
    "home.yield": "ctrl+y",
    "home.coverage": "ctrl+k",
    "form.submit": "ctrl+g",
    "form.cancel": "ctrl+d",
    "help.close": "ctrl+w",
    "help.names": "ctrl+n",
    "review.approve": "ctrl+a",
}


async def test_every_hint_names_the_keys_that_hold(workspace: Workspace, opened: Opened) -> None:
    """The key bar, Home, the lists, the strips' words, dialogs and help follow `[keys]`."""
    write(workspace, *(f'"{act}" = "{key}"' for act, key in OTHER.items()))
    async with opened(workspace, (170, 40)) as bench:
        shown = bench.text
        assert "^y what was lost where, ^k which tools" in shown and "f3   import real traces" in shown
        shown = await bench.keys("f3")
        assert "^g starts, ^d leaves" in shown and "^g Look" in bench.bar
        await bench.keys("ctrl+d")
        shown = await bench.keys("f2", "s")
        assert "import some with f3" in shown and "all seeds   f8 filters" in shown
        shown = await bench.keys("f2", "e")
        assert "from approved seeds with f4" in shown
        shown = await bench.keys("f2", "j")
        assert "No jobs yet: f4 simulates" in shown
        shown = await bench.keys("f2", "x")
        assert "No exports yet: f5 freezes" in shown
        shown = await bench.keys("question_mark")
        assert "^n shows names, ^w closes" in shown
        assert "Import real traces (f3)" in shown and "f6 takes back" in shown
        await bench.keys("ctrl+w")


async def test_the_words_of_a_queue_name_the_keys_that_hold(workspace: Workspace, opened: Opened) -> None:
    db = workspace.connect()
    put_episodes(db)
    write(workspace, *(f'"{act}" = "{key}"' for act, key in OTHER.items()))
    async with opened(workspace, (150, 40)) as bench:
        await bench.keys("f2", "e")
        assert "^a Approve" in bench.bar and "f6 Undo" in bench.bar
        shown = await bench.keys("f8")
        assert "f9 drops it" in shown
        shown = await bench.keys("f9", "f7", "s")
        assert "f7 then shows it" in shown
        await bench.type("mine")
        shown = await bench.keys("ctrl+g")
        assert "saved as mine; f7 shows it" in shown


async def test_verdict_keys_are_dead_in_a_text_field_and_the_status_line_says_so(
    workspace: Workspace, opened: Opened
) -> None:
    db = workspace.connect()
    put_episodes(db)
    async with opened(workspace, (120, 30)) as bench:
        await bench.keys("g", "e", "slash")
        assert "decisions rest while you type" in bench.bar
        await bench.keys("a", "x", "f", "u", "backspace", "asterisk", "1")
        assert trajectories.counts(db) == {("episode", "pending"): 5}
        assert db.execute("SELECT count(*) FROM batches").fetchone() == (0,)
        await bench.keys("escape", "a")
        assert trajectories.counts(db)["episode", "approved"] == 1


async def test_backspace_is_undo_and_digits_mean_nothing_without_a_prompt(workspace: Workspace, opened: Opened) -> None:
    db = workspace.connect()
    put_episodes(db)
    async with opened(workspace, (120, 30)) as bench:
        await bench.keys("g", "e", "1", "2", "9")
        assert db.execute("SELECT count(*) FROM batches").fetchone() == (0,)
        shown = await bench.keys("x")
        assert all(f"{n} " in shown for n in range(1, 10)) and "tool simulator" in shown
        await bench.keys("2")
        assert trajectories.rows(db, [1])[0].status == "rejected"
        await bench.keys("backspace")
        assert trajectories.rows(db, [1])[0].status == "pending"


async def test_keys_mean_the_same_in_the_list_and_in_the_transcript(workspace: Workspace, opened: Opened) -> None:
    db = workspace.connect()
    put_episodes(db)
    async with opened(workspace, (120, 30)) as bench:
        await bench.keys("g", "e", "a", "tab", "a", "x", "1", "u")
        assert [row.status for row in trajectories.rows(db, [1, 2, 3])] == ["approved", "approved", "pending"]


def test_no_verdict_needs_a_chord_or_a_key_that_terminals_keep() -> None:
    kept = {"ctrl+s", "ctrl+i", "ctrl+m", "ctrl+enter"}
    for name, binding in keymap._acts(1).items():
        keys = set(binding.key.split(","))
        assert not keys & kept, name
        if name in ("review.approve", "review.reject", "review.flag", "review.undo", "review.skip"):
            assert not any("+" in key for key in keys), name


async def test_a_key_that_does_nothing_here_says_so_until_the_next(workspace: Workspace, opened: Opened) -> None:
    async with opened(workspace, (80, 24)) as bench:
        await bench.keys("g", "s")
        for key in ("a", "x", "1"):
            assert f"{key} does nothing here (? lists keys)" in await bench.keys(key)
        await bench.keys("u")
        assert "nothing to undo" in bench.bar
        await bench.keys("g", "j", "B")
        assert "B does nothing here" in bench.bar
        await bench.keys("tab")
        assert "does nothing here" not in bench.bar
        await bench.keys("escape", "f24")
        assert "does nothing here" not in bench.bar, "no act has these keys"


async def test_help_explains_the_signs_and_goes_on_below_itself(filled: Workspace, opened: Opened) -> None:
    async with opened(filled, (80, 90)) as bench:
        shown = await bench.keys("g", "e", "question_mark")
        assert "Signs and words" in shown and "flagged for a second" in shown
        lines = shown.splitlines()
        (first,) = [number for number, line in enumerate(lines) if "Mark everything that the filter matches" in line]
        assert lines[first + 1].lstrip("│ ") and lines[first + 1].startswith("│" + " " * 20)
        await bench.keys("escape", "g", "h")
        assert "Signs and words" not in await bench.keys("question_mark")
