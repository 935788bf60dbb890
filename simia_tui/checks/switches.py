"""Rules that a workspace has switched off, beside those that the pack of a domain switches off itself."""

import dataclasses
import difflib
from collections.abc import Mapping
from typing import Any

from simia_tui.checks.hints import Hints
from simia_tui.checks.pipeline import RULES
from simia_tui.errors import UsageError
from simia_tui.settings import FILE_NAME, Settings


def hints_in(settings: Settings, domain: str, data: Mapping[str, Any]) -> Hints:
    """What the pack of `domain` (its data) tells the rules, without the rules that the settings switch off.

    Raises:
        UsageError: a table of the pack is wrong, or the settings name a rule that is not known.
    """
    for name in (*settings.rules.off, *(id for switch in settings.rules.domains.values() for id in switch.off)):
        if name not in RULES:
            close = difflib.get_close_matches(name, RULES, n=1, cutoff=0.0)[0]
            raise UsageError(f'{FILE_NAME}: there is no rule "{name}" to switch off; the nearest is "{close}".')
    hints, off = Hints.of(data), settings.rules.off_in(domain)
    return dataclasses.replace(hints, off=hints.off | off) if off - hints.off else hints
