"""Settings: which source wins, what is refused, and that no secret is kept or repeated."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from simia_tui.errors import UsageError
from simia_tui.presets import DEFAULT_TOML, PRESETS
from simia_tui.services.asking import second_share
from simia_tui.settings import ROLES, EndpointSettings, Price, Settings

VARIABLES = (
    "OPENAI_API_KEY",
    "OPENAI_BASE_URL",
    "OPENAI_MODEL",
    "SIMIA_MODEL",
    "SIMIA_REVIEWER",
    "SIMIA_SIMULATOR",
    "SIMIA_THEME",
)
SECRET = "sk-live-0123456789abcdef"
TWO = """
[endpoint.big]
base_url = "https://api.example.org/v1"
model = "gpt-5"
key_env = "BIG_KEY"
price = { input = 1.25, cached = 0.125, output = 10.0 }
[endpoint.small]
base_url = "http://127.0.0.1:8000/v1"
model = "qwen"
"""


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


def load(root: Path, text: str, **sections: object) -> Settings:
    (root / "simia.toml").write_text(text, encoding="utf-8")
    return Settings.load(root, sections)


def refusal(root: Path, text: str) -> str:
    with pytest.raises(UsageError) as caught:
        load(root, text)
    message = str(caught.value)
    assert message.endswith(".")
    assert "\n" not in message
    assert "simia.toml" in message
    return message


def test_no_file_means_defaults_and_the_demo_model(tmp_path: Path) -> None:
    settings = Settings.load(tmp_path)
    assert settings.simulator() is None
    assert settings.endpoint == {}
    assert settings.reviewer.name


def test_the_default_file_is_valid_and_its_commented_lines_too(tmp_path: Path) -> None:
    assert load(tmp_path, DEFAULT_TOML) == Settings.load(tmp_path / "none")
    lines = DEFAULT_TOML.splitlines()
    uncommented = "\n".join(
        line[2:] if line.startswith("# ") and ("=" in line or "[" in line) else line for line in lines
    )
    settings = load(tmp_path, uncommented)
    assert set(settings.endpoint) == {"openai", "local"}
    assert tomllib.loads(uncommented)["roles"]["simulator"] == "openai"


def test_the_role_decides_between_endpoints(tmp_path: Path) -> None:
    endpoint = load(tmp_path, TWO + '[roles]\nsimulator = "big"').simulator()
    assert endpoint is not None
    assert (endpoint.name, endpoint.model, endpoint.key_env) == ("big", "gpt-5", "BIG_KEY")
    assert endpoint.price is not None
    assert endpoint.price.cached == 0.125


def test_two_endpoints_without_a_role_ask_instead_of_guessing(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"big, small.*\[roles\]"):
        load(tmp_path, TWO).simulator()


def test_the_demo_model_can_be_asked_for_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    assert load(tmp_path, TWO + '[roles]\nsimulator = "demo"').simulator() is None


def test_a_single_endpoint_needs_no_role(tmp_path: Path) -> None:
    endpoint = load(tmp_path, '[endpoint.only]\nbase_url = "http://h/v1"\nmodel = "m"').simulator()
    assert endpoint is not None
    assert (endpoint.name, endpoint.key_env, endpoint.price) == ("only", None, None)


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"OPENAI_API_KEY": SECRET}, ("https://api.openai.com/v1", "gpt-5-mini", "OPENAI_API_KEY")),
        ({"OPENAI_API_KEY": SECRET, "OPENAI_MODEL": "o3"}, ("https://api.openai.com/v1", "o3", "OPENAI_API_KEY")),
        ({"OPENAI_BASE_URL": "http://h/v1", "SIMIA_MODEL": "m", "OPENAI_MODEL": "n"}, ("http://h/v1", "m", None)),
        ({"OPENAI_API_KEY": " ", "OPENAI_BASE_URL": ""}, None),
    ],
)
def test_the_environment_stands_in_for_a_missing_endpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], expected: tuple[str, ...] | None
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    settings = Settings.load(tmp_path)
    endpoint = settings.simulator()
    assert (endpoint and (endpoint.base_url, endpoint.model, endpoint.key_env)) == expected
    assert SECRET not in repr(settings) + repr(endpoint) + settings.model_dump_json()


@pytest.mark.parametrize(
    ("url", "model", "names"),
    [("http://h/v1", "", "SIMIA_MODEL"), ("h/v1", "m", "OPENAI_BASE_URL")],
)
def test_half_an_endpoint_in_the_environment_is_not_the_demo_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str, model: str, names: str
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", url)
    monkeypatch.setenv("SIMIA_MODEL", model)
    with pytest.raises(UsageError, match=names):
        Settings.load(tmp_path).simulator()


def test_command_line_beats_environment_beats_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = '[reviewer]\nname = "file"\n[ui]\ntheme = "file"'
    assert load(tmp_path, text).reviewer.name == "file"
    monkeypatch.setenv("SIMIA_REVIEWER", "environment")
    monkeypatch.setenv("SIMIA_THEME", "environment")
    settings = load(tmp_path, text, ui={"theme": "option"})
    assert (settings.reviewer.name, settings.ui.theme) == ("environment", "option")


def test_the_table_of_reviewing_names_the_reviewer_and_may_be_overruled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = '[review]\nreviewer = "ada"\noverlap = 2'
    settings = load(tmp_path, text)
    assert (settings.reviewer.name, settings.review.overlap, settings.review.blind) == ("ada", 2, 0.1)
    assert Settings.load(tmp_path, {"reviewer": {"name": "bob"}}).reviewer.name == "bob"
    monkeypatch.setenv("SIMIA_REVIEWER", "cec")
    assert Settings.load(tmp_path).reviewer.name == "cec"


def test_the_reviewer_is_the_login_name_by_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "ada")
    assert Settings.load(tmp_path).reviewer.name == "ada"


def test_an_unknown_endpoint_in_the_environment_names_the_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIMIA_SIMULATOR", "huge")
    with pytest.raises(UsageError, match=r"SIMIA_SIMULATOR.*roles\.simulator.*big, small"):
        load(tmp_path, TWO)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("theme =\n", "line 1"),
        ("[uii]", "uii"),
        ("[ui]\nthem = 'x'", "ui.them "),
        ("[ui]\ntheme = 3", "ui.theme"),
        ("[ui]\nanimations = 'perhaps'", "ui.animations"),
        ("[ui]\nrefresh_hz = 0", "ui.refresh_hz"),
        ("ui = 3", "ui "),
        ("endpoint = 3", "endpoint "),
        ("[endpoint]\nx = 3", "endpoint.x"),
        ("[endpoint.x]\nmodel = 'm'", "endpoint.x.base_url is missing"),
        ("[endpoint.x]\nbase_url = 'h'\nmodel = 'm'", "endpoint.x.base_url"),
        ("[endpoint.x]\nbase_url = 'https://'\nmodel = 'm'", "endpoint.x.base_url"),
        ("[endpoint.x]\nbase_url = 'https://h'\nmodel = 'm'\nname = 'y'", "endpoint.x.name"),
        ("[endpoint.demo]\nbase_url = 'https://h'\nmodel = 'm'", "endpoint.demo"),
        (
            "[endpoint.x]\nbase_url = 'https://h'\nmodel = 'm'\nprice = {input = -1, output = 1}",
            "endpoint.x.price.input",
        ),
        (
            "[endpoint.x]\nbase_url = 'https://h'\nmodel = 'm'\nprice = {input = nan, output = 1}",
            "endpoint.x.price.input",
        ),
        ("[roles]\nsimulator = 'x'", "roles.simulator"),
        ("[reviewer]\nname = ''", "reviewer.name"),
    ],
)
def test_a_mistake_is_refused_with_file_and_key(tmp_path: Path, text: str, key: str) -> None:
    assert key in refusal(tmp_path, text)


@pytest.mark.parametrize(
    "line",
    [
        f"api_key = '{SECRET}'",
        "api_key = 'without-a-known-shape'",
        "token = 'without-a-known-shape'",
        f"model = '{SECRET}'",
        f"key_env = '{SECRET}'",
        "key_env = 'abcdef0123456789abcdef0123456789'",
        f"headers = ['Bearer {SECRET}']",
        f"'{SECRET}' = 1",
        "base_url = 'https://me:without-a-known-shape@h/v1'",
        "base_url = 'https://h/v1?api-key=without-a-known-shape'",
    ],
)
def test_a_key_in_the_file_is_refused_and_not_repeated(tmp_path: Path, line: str) -> None:
    name = line.split(" ", maxsplit=1)[0]
    rest = "".join(f"{key} = 'http://h/v1'\n" for key in ("base_url", "model") if key != name)
    message = refusal(tmp_path, f"[endpoint.x]\n{rest}{line}\n")
    assert SECRET not in message
    assert "without-a-known-shape" not in message
    assert "abcdef0123456789" not in message
    assert "environment variable" in message


def test_bytes_that_are_not_text_are_refused(tmp_path: Path) -> None:
    (tmp_path / "simia.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match="UTF-8"):
        Settings.load(tmp_path)


def test_a_folder_instead_of_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "simia.toml").mkdir()
    with pytest.raises(UsageError, match="cannot be read"):
        Settings.load(tmp_path)


def test_nothing_heavy_is_imported() -> None:
    code = (
        "import sys, simia_tui.settings, simia_tui.llm\n"
        "heavy = {'openai', 'torch', 'aiohttp', 'httpx2'} & set(sys.modules)\n"
        "print(','.join(sorted(heavy)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_every_role_may_have_an_endpoint_of_its_own(tmp_path: Path) -> None:
    settings = load(tmp_path, TWO + '[roles]\nsimulator = "big"\nprefilter = "small"\njudge = "demo"')
    names = {role: (found := settings.endpoint_of(role)) and found.name for role in ROLES}
    assert names == {
        "simulator": "big",
        "prefilter": "small",
        "user": "big",
        "judge": None,
        "judge2": "big",
        "agent": "big",
    }
    assert {settings.played_by_demo().endpoint_of(role) for role in ROLES} == {None}
    assert "roles.judge" in refusal(tmp_path, TWO + '[roles]\nsimulator = "big"\njudge = "nobody"')


def test_a_second_judge_is_there_only_where_one_is_named(tmp_path: Path) -> None:
    alone = load(tmp_path, TWO + '[roles]\nsimulator = "big"')
    assert alone.played_by_demo().roles.judge2 is None
    assert second_share(alone, None) == second_share(alone, 0.0) == 0.0
    with pytest.raises(UsageError, match="judge2"):
        second_share(alone, 0.5)
    both = load(tmp_path, TWO + '[roles]\nsimulator = "big"\njudge2 = "small"')
    assert both.played_by_demo().roles.judge2 == "demo"
    assert (second_share(both, None), second_share(both, 0.0), second_share(both, 1.0)) == (0.1, 0.0, 1.0)


def test_effort_and_tier_are_checked(tmp_path: Path) -> None:
    whole = '[endpoint.o]\nbase_url = "http://h/v1"\nmodel = "o4-mini"\n'
    endpoint = load(tmp_path, whole + 'reasoning_effort = "high"\nservice_tier = "flex"').simulator()
    assert endpoint is not None
    assert (endpoint.reasoning_effort, endpoint.service_tier) == ("high", "flex")
    assert "reasoning_effort" in refusal(tmp_path, whole + 'reasoning_effort = "huge"')
    assert "service_tier" in refusal(tmp_path, whole + 'service_tier = "batch"')


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_is_an_endpoint_of_its_name(tmp_path: Path, name: str) -> None:
    endpoint = load(tmp_path, PRESETS[name]).simulator()
    assert endpoint is not None
    assert endpoint.name == name
    assert load(tmp_path, DEFAULT_TOML + PRESETS[name]).simulator() == endpoint


def test_azure_wants_a_version_and_the_resource_alone(tmp_path: Path) -> None:
    azure = '[endpoint.x]\napi = "azure"\nmodel = "d"\nbase_url = "https://n.openai.azure.com{}"\n{}'
    assert "api_version" in refusal(tmp_path, azure.format("", ""))
    assert "resource alone" in refusal(tmp_path, azure.format("/openai/v1", 'api_version = "v"'))
    endpoint = load(tmp_path, azure.format("", 'api_version = "v"')).simulator()
    assert endpoint is not None
    assert endpoint.offers == "json_schema"


@pytest.mark.parametrize(
    ("base_url", "set_to", "offers"),
    [
        ("https://api.openai.com/v1", None, "json_schema"),
        ("https://api.openai.com/v1", "none", "none"),
        ("http://127.0.0.1:8000/v1", None, "none"),
        ("http://127.0.0.1:8000/v1", "json_object", "json_object"),
        ("https://notopenai.com/v1", None, "none"),
    ],
)
def test_structured_output_is_asked_for_where_it_is_offered(base_url: str, set_to: str | None, offers: str) -> None:
    assert EndpointSettings(name="x", base_url=base_url, model="m", structured=set_to).offers == offers


def test_prices_of_the_user_come_before_the_table(tmp_path: Path) -> None:
    settings = load(tmp_path, TWO + '[prices."gpt-5"]\ninput = 9\noutput = 9\n[prices.qwen]\ninput = 1\noutput = 2\n')
    big, small = settings.endpoint["big"], settings.endpoint["small"]
    assert settings.price_of(big, "gpt-5") == big.price
    assert settings.price_of(small, "gpt-5") == Price(input=9, output=9)
    assert settings.price_of(small, "qwen") == Price(input=1, output=2)
    assert settings.price_of(small, "other") is None
    assert "prices.x.output" in refusal(tmp_path, "[prices.x]\ninput = 1")


def test_rules_are_switched_off_everywhere_and_in_one_domain(tmp_path: Path) -> None:
    rules = load(tmp_path, '[rules]\noff = ["data.personal"]\n[rules.tau-airline]\noff = ["turn.empty"]\n').rules
    assert rules.off_in("generic") == {"data.personal"}
    assert rules.off_in("tau-airline") == {"data.personal", "turn.empty"}
    assert Settings().rules.off_in("generic") == frozenset()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('[rules]\noff = "turn.empty"\n', "rules.off"),
        ("[rules]\nof = []\n", "rules.of"),
        ("[rules.generic]\nof = []\n", "rules.generic.of is not a setting"),
    ],
)
def test_a_wrong_switch_is_named(tmp_path: Path, text: str, says: str) -> None:
    assert says in refusal(tmp_path, text)
