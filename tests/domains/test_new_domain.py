"""The guide's promise: a new domain is a folder with data, and no Python."""

import json
import re
import tomllib
from pathlib import Path

from samples import make_trajectory

from simia_tui import checks, domains
from simia_tui.model import ToolCall, Turn
from simia_tui.services.importing import import_files
from simia_tui.simulate import synthesize
from simia_tui.store import Workspace, trajectories
from simia_tui.store.query import Query

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "domains.md"


def example() -> str:
    """The complete `pack.toml` of the guide."""
    return re.findall(r"```toml\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)[-1]


def test_the_guide_s_example_is_a_pack_that_imports_checks_and_writes_prompts(
    workspace: Workspace, tmp_path: Path
) -> None:
    folder = workspace.root / "prompts" / "parcels"
    folder.mkdir(parents=True)
    (folder / "pack.toml").write_text(example(), encoding="utf-8")
    (folder / "policy.md").write_text("Ask before you redirect a parcel.", encoding="utf-8")
    tool = {"name": "redirect", "parameters": {"type": "object", "properties": {"parcel_id": {"type": "string"}}}}
    (folder / "tools.json").write_text(json.dumps([tool]), encoding="utf-8")

    call = {"name": "redirect", "arguments": json.dumps({"parcel_id": "83014-KD"})}
    messages = [
        {"role": "user", "content": "Send my parcel 83014-KD to my sister."},
        {"role": "assistant", "tool_calls": [{"id": "1", "type": "function", "function": call}]},
        {"role": "tool", "tool_call_id": "1", "content": "ok"},
        {"role": "assistant", "content": "Done."},
    ]
    source = tmp_path / "traces.jsonl"
    source.write_text(json.dumps({"messages": messages}), encoding="utf-8")
    report = import_files(workspace, [source], domain="parcels")
    assert report.added == 1

    db = workspace.connect()
    (pk,) = trajectories.ids(db, Query(kind="seed"))
    seed = trajectories.get(db, pk)
    assert seed.domain == "parcels"
    assert [finding.rule for finding in trajectories.findings(db, pk)] == ["call.argument-normalised"]
    assert [made.arguments for _, _, made in seed.calls()] == [{"parcel_id": "PX-83014-KD"}]

    pack = domains.load("parcels", workspace.prompt_roots())
    prompt = synthesize.prompt(pack, seed, pack.tools, ord_=1, random_seed=1)
    text = prompt.messages[0]["content"]
    assert "<policy>\nAsk before you redirect a parcel.\n</policy>" in text
    assert '"name": "redirect"' in text and "PX-83014-KD" in text
    assert any(f"- goal: {goal}" in text for goal in pack.axes["goal"])
    assert (pack.errors[0].cause, pack.errors[0].tools) == ("no such parcel", ("track", "redirect"))
    db.close()


def test_every_table_of_the_guide_s_example_is_read() -> None:
    data = tomllib.loads(example())
    hints = checks.Hints.of(data)
    assert hints.reads == {"track"} and hints.writes == {"redirect"} and hints.off == {"turn.ends-open"}
    assert hints.ids is not None and hints.ids.fullmatch("PX-83014-KD")
    assert hints.limits.rounds == 30
    lines = '[{"amount": 2}, {"amount": 5, "cancelled": true}]'
    bill = f'{{"invoice_id": "i", "total": %s, "postage": 1.5, "lines": {lines}}}'
    for total, rules in ((3.5, []), (7, ["state.total"])):
        turns = (
            Turn(role="user", content="Hello."),
            Turn(role="assistant", tool_calls=(ToolCall(name="track", arguments={}),)),
            Turn(role="tool", content=bill % total),
            Turn(role="assistant", content="There."),
        )
        found = checks.run(make_trajectory().with_turns(turns), tools=(), hints=hints)[1]
        assert [finding.rule for finding in found if finding.rule != "call.no-schema"] == rules
