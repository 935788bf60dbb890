"""README and guide: every command shown exists with its options; every picture and page is there."""

import re
import shlex
from pathlib import Path

import click
import pytest

from simia_tui.cli.entry import simia

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
COMMANDS = [
    (page.name, line)
    for page in PAGES
    for text in page.read_text(encoding="utf-8").splitlines()
    for line in [*re.findall(r"^ {4}(simia(?: .*)?)$", text), *re.findall(r"`(simia [a-z][^`]*)`", text)]
]


def find(words: list[str]) -> tuple[click.Command, list[str]]:
    """The command that `words` call, and the words that are left for it."""
    command: click.Command = simia
    context = click.Context(simia, info_name="simia")
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        found = command.get_command(context, words[0])
        assert found is not None, f"there is no command {words[0]!r}"
        command, words = found, words[1:]
        context = click.Context(command, parent=context, info_name=command.name)
    return command, words


@pytest.mark.parametrize(("page", "line"), COMMANDS, ids=[f"{page}: {line}"[:60] for page, line in COMMANDS])
def test_every_command_shown_exists_with_its_options(page: str, line: str) -> None:
    words = shlex.split(line, comments=True)[1:]
    if "&&" in words:
        words = words[: words.index("&&")]
    if "COMMAND" in words or words in (["--help"], ["-h"]):
        return
    command, rest = find(words)
    known = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
    assert all(word in known for word in rest if word.startswith("-")), f"{page}: {line}"
    if isinstance(command, click.Group):
        assert command.invoke_without_command or not rest


def test_there_are_commands_to_look_at() -> None:
    assert len(COMMANDS) > 20


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_pictures_and_pages_that_are_pointed_to_are_there(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
        if not target.startswith(("http://", "https://")):
            assert (page.parent / target).is_file(), target


def test_the_readme_begins_with_the_two_commands_and_they_exist() -> None:
    lines = [line for line in PAGES[0].read_text(encoding="utf-8").splitlines() if line.strip()]
    assert [line.split("#")[0].strip() for line in lines[1:3]] == ["make demo", "make test"]
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert all(re.search(rf"^{target}:", makefile, re.MULTILINE) for target in ("demo", "test", "screenshots"))


def test_every_command_has_a_help_text() -> None:
    context = click.Context(simia)
    for name in simia.list_commands(context):
        command = simia.get_command(context, name)
        assert command is not None and (command.help or command.short_help), name


@pytest.mark.parametrize("picture", sorted((ROOT / "docs" / "images").glob("*.svg")), ids=lambda path: path.stem)
def test_pictures_load_nothing_from_elsewhere(picture: Path) -> None:
    svg = picture.read_text(encoding="utf-8")
    assert "<svg" in svg and "@font-face" not in svg
    links = set(re.findall(r"https?://[^\"' )<]+", svg))
    assert links <= {"http://www.w3.org/2000/svg"}
    assert "/tmp/" not in svg and "/home/" not in svg


def test_the_page_on_formats_names_every_format() -> None:
    from simia_tui import formats

    text = (ROOT / "docs" / "formats.md").read_text(encoding="utf-8")
    told = set(re.findall(r"`([a-z0-9-]+)`", text))
    assert {*formats.names(), *formats.WRITERS, *formats.DECIDED} <= told
