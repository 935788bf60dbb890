"""The import dialog knows the domains that there are."""

from collections.abc import Callable
from typing import Any

from simia_tui import domains
from simia_tui.store import Workspace

Opened = Callable[..., Any]


async def test_the_domains_are_listed_and_completed(workspace: Workspace, opened: Opened) -> None:
    pack = workspace.prompts / "zoo-visits" / "pack.toml"
    pack.parent.mkdir(parents=True)
    pack.write_text('name = "zoo-visits"\n')
    async with opened(workspace, (120, 40)) as bench:
        shown = " ".join((await bench.keys("I")).replace("│", " ").split())
        assert all(name in shown for name in domains.names(workspace.prompt_roots()))
        await bench.keys("tab", "z", "o")
        assert bench.field("domain") == "zo"
        await bench.keys("right")
        assert bench.field("domain") == "zoo-visits"
