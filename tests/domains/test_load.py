from pathlib import Path

import pytest

from simia_tui import resources
from simia_tui.domains import load, names
from simia_tui.errors import UsageError


def write(root: Path, name: str, **files: str) -> Path:
    folder = root / name
    folder.mkdir(parents=True, exist_ok=True)
    for file, text in files.items():
        (folder / file.replace("_", ".")).write_text(text, encoding="utf-8")
    return root


def test_a_new_domain_is_a_new_folder(tmp_path: Path) -> None:
    root = write(
        tmp_path,
        "parcels",
        pack_toml='title = "Parcels"\nextends = "generic"\n[axes]\nmood = ["calm", "cross"]',
        policy_md="Be kind.\n",
        tools_json='[{"type": "function", "function": {"name": "find", "parameters": {"type": "object"}}}]',
    )
    pack = load("parcels", [root, resources.prompts()])
    assert (pack.name, pack.title, pack.policy) == ("parcels", "Parcels", "Be kind.")
    assert [tool.name for tool in pack.tools] == ["find"]
    assert pack.axes == {"mood": ("calm", "cross")}
    assert pack.template("synthesize") == load("generic", [resources.prompts()]).template("synthesize")
    assert names([root]) == ["parcels"]
    assert names([root, resources.prompts()]) == sorted([*names([resources.prompts()]), "parcels"])


def test_a_workspace_overrides_single_files(tmp_path: Path) -> None:
    write(tmp_path, "generic", synthesize_md="Mine: $policy")
    roots = [tmp_path, resources.prompts()]
    pack = load("library", roots)
    assert pack.template("synthesize").text == "Mine: $policy"
    assert pack.title == "Library desk"
    assert load("generic", roots).title == "Any domain"


def test_the_version_follows_the_text(tmp_path: Path) -> None:
    write(tmp_path, "d", pack_toml='title = "D"', synthesize_md="one")
    first = load("d", [tmp_path]).template("synthesize").version
    write(tmp_path, "d", synthesize_md="two")
    second = load("d", [tmp_path]).template("synthesize").version
    assert first != second
    assert len(first) == 12 and int(first, 16) >= 0


def test_data_is_never_read_as_a_template() -> None:
    template = load("generic", [resources.prompts()]).template("synthesize")
    values = dict.fromkeys(("policy", "tools", "errors", "exemplar", "turns", "axes"), "$variation ${x} $")
    text = template.fill({**values, "variation": "7"})
    assert text.count("$variation ${x} $") == len(values)
    assert text.rstrip().endswith("Variation: 7\n</request>")


def test_the_shipped_prompt_has_its_blocks_in_order_and_what_varies_last() -> None:
    text = load("library", [resources.prompts()]).template("synthesize").text
    lines = text.splitlines()
    marks = [f"<{end}{name}>" for name in ("policy", "tools", "errors", "exemplar", "request") for end in ("", "/")]
    assert [line for line in lines if line in marks] == marks
    names = ("$policy", "$tools", "$errors", "$exemplar", "$turns", "$axes", "$variation")
    places = [text.index(name) for name in names]
    assert places == sorted(places)
    assert text.count("$") == len(names)


@pytest.mark.parametrize("name", ["nowhere", "", "../generic", "/generic", ".", "generic/../library"])
def test_an_unknown_name_is_refused_and_the_known_are_listed(name: str) -> None:
    with pytest.raises(UsageError, match="generic, library"):
        load(name, [resources.prompts()])


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"pack_toml": "title = "}, r"pack\.toml is not valid TOML"),
        ({"pack_toml": "title = 3"}, r"pack\.toml: title must be a text"),
        ({"pack_toml": 'axes = "x"'}, r"pack\.toml: axes must be a table"),
        ({"pack_toml": "[axes]\ngoal = [1]"}, r"pack\.toml: axes\.goal must be a list of texts"),
        ({"pack_toml": 'extends = "d"'}, r"extends leads in a circle \(d -> d\)"),
        ({"pack_toml": 'extends = "e"'}, "no domain pack 'e', which the pack 'd' extends"),
        ({"pack_toml": "", "tools_json": "{"}, r"tools\.json is not valid JSON"),
        ({"pack_toml": "", "tools_json": "{}"}, r"tools\.json must hold a list"),
        ({"pack_toml": "", "tools_json": '[{"name": "a"}, {}]'}, r"tools\.json: tool 2 needs a name"),
        ({"pack_toml": "", "tools_json": '[{"name": "a", "parameters": 1}]'}, r"tools\.json: tool 1 needs a text"),
    ],
)
def test_a_wrong_file_is_named_with_its_key(tmp_path: Path, files: dict[str, str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        load("d", [write(tmp_path, "d", **files)])


def test_a_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    (write(tmp_path, "d") / "d" / "pack.toml").write_bytes(b"\xff")
    with pytest.raises(UsageError, match="not UTF-8"):
        load("d", [tmp_path])


def test_a_template_that_is_missing_or_wrong_is_named(tmp_path: Path) -> None:
    pack = load("d", [write(tmp_path, "d", pack_toml="", judge_md="$who", price_md="5 $")])
    with pytest.raises(UsageError, match="no prompt template 'synthesize'"):
        pack.template("synthesize")
    with pytest.raises(UsageError, match="no prompt template"):
        pack.template("../d/judge")
    with pytest.raises(UsageError, match=r"judge\.md: the placeholder \$who is unknown; known are \$policy"):
        pack.template("judge").fill({"policy": ""})
    with pytest.raises(UsageError, match=r"price\.md: .*write \$\$"):
        pack.template("price").fill({})
