"""Handing a text to the editor of the user's choice."""

from typing import Any

from textual.app import App, SuspendNotSupported

from simia_tui.errors import UsageError


def hand_over(app: App[Any], text: str, suffix: str) -> str | None:
    """Gives the terminal to the editor that $VISUAL or $EDITOR names; what it saved, None where it saved nothing.

    Raises:
        UsageError: there is no such editor, or what it saved is no text.
    """
    import click

    try:
        with app.suspend():
            saved = click.edit(text, extension=suffix)
    except (SuspendNotSupported, click.ClickException, OSError, UnicodeError) as error:
        raise UsageError(f"Not handed over: {error or 'the editor could not be started'}") from None
    if saved is None:
        return None
    # Editors end a file with a line feed that nobody typed.
    return saved if text.endswith("\n") else saved.removesuffix("\n")
