"""Handing a text to the editor of the user's choice."""

from typing import Any

from textual.app import App, SuspendNotSupported

from simia_tui.errors import UsageError


def hand_over(app: App[Any], text: str, suffix: str) -> str | None:
    """Gives the terminal to the editor that $VISUAL or $EDITOR names; what it saved, None where it saved nothing.

    Raises:
        UsageError: there is no such editor, or what it saved is no text.
    """
    try:
        # What fails must not pass through `suspend`: it takes the terminal back only where nothing was raised.
        with app.suspend():
            saved = _edited(text, suffix)
    except SuspendNotSupported as error:
        saved = error
    if isinstance(saved, Exception):
        raise UsageError(f"Not handed over: {saved or 'the editor could not be started'}") from None
    if saved is None:
        return None
    # Editors end a file with a line feed that nobody typed.
    return saved if text.endswith("\n") else saved.removesuffix("\n")


def _edited(text: str, suffix: str) -> str | Exception | None:
    import click

    try:
        return click.edit(text, extension=suffix)
    except UnicodeError:
        return UsageError("the editor saved something that is no text in UTF-8")
    except (click.ClickException, OSError, ValueError) as error:
        # A ValueError is a command line that cannot be split, as one with a quote too many.
        return error
