"""Settings of a workspace: `simia.toml`, then the environment, then options of the command line; the later wins.

Keys are never settings. Only the *name* of the environment variable that holds one is kept (`key_env`), and a file that
holds a key itself is refused, so that no key reaches a database, a log or an export by way of the settings.
"""

import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal, Self, get_args
from urllib.parse import urlsplit

from pydantic import ConfigDict, Field, PrivateAttr, ValidationError, field_validator, model_validator

from simia_tui.errors import UsageError
from simia_tui.model import Api, Effort, Record, Structured, Tier

FILE_NAME = "simia.toml"
DEMO = "demo"
"""The name that stands for the offline demo model wherever an endpoint is named."""

Role = Literal["simulator", "prefilter", "user", "judge", "judge2", "agent"]
ROLES: tuple[Role, ...] = get_args(Role)
"""The parts that endpoints play."""

_OPENAI = "https://api.openai.com/v1"
_OPENAI_MODEL = "gpt-5-mini"
_KEY_FIELD = re.compile(
    r"(api[-_]?key|^key|[-_](key|token)|^token|secret|password|bearer|authorization)$", re.IGNORECASE
)
KEY_SHAPE = re.compile(
    r"\b[Bb]earer\s+[^\s\"',;]{8,}|\b(?:sk|rk|pk)-[\w*.-]{8,}|\b(?:gsk_|hf_|xai-|AIza|ghp_)[\w*-]{16,}"
)
"""What a secret looks like in the wild, also half masked by a vendor (`sk-ab****yz`)."""

_KEY_QUERY = re.compile(r"[?&][\w-]*(key|token|secret)=", re.IGNORECASE)


def login_name() -> str:
    """The name of the person at the keyboard, or "reviewer" where the system knows none (a bare container)."""
    import getpass

    try:
        return getpass.getuser() or "reviewer"
    except (OSError, KeyError, ImportError):
        return "reviewer"


class Price(Record):
    """What tokens cost, in USD per 1,000,000. `cached` is for prompt tokens read from a cache; None: as `input`."""

    input: float = Field(ge=0, allow_inf_nan=False)
    output: float = Field(ge=0, allow_inf_nan=False)
    cached: float | None = Field(default=None, ge=0, allow_inf_nan=False)


class EndpointSettings(Record):
    """One server that speaks OpenAI chat completions. `key_env` None: the server wants no key.

    `api` "azure" is Azure OpenAI with an `api_version`: `base_url` is the resource, `model` the deployment.
    `structured` is what the server can hold replies to; None: as vendors are known to. `reasoning_effort` and
    `service_tier` are sent along where they are set. `price` is that of the standard tier.
    """

    name: str = Field(min_length=1)
    base_url: str
    model: str = Field(min_length=1)
    key_env: str | None = None
    api: Api = "openai"
    api_version: str | None = None
    structured: Structured | None = None
    price: Price | None = None
    reasoning_effort: Effort | None = None
    service_tier: Tier | None = None

    @field_validator("base_url")
    @classmethod
    def _is_a_plain_url(cls, value: str) -> str:
        parts = urlsplit(value.strip())
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("must be a URL like https://host/v1")
        if parts.username or parts.password or _KEY_QUERY.search(value):
            raise ValueError("must not hold a key or password; name an environment variable in key_env instead")
        return value.strip()

    @field_validator("key_env")
    @classmethod
    def _is_a_variable_name(cls, value: str | None) -> str | None:
        # Capitals only: a key pasted here by mistake has small letters, and would otherwise pass as a name.
        if value is not None and not re.fullmatch(r"[A-Z_][A-Z0-9_]*", value):
            raise ValueError("must be the name of an environment variable in capitals, like OPENAI_API_KEY")
        return value

    @model_validator(mode="after")
    def _fits_its_api(self) -> Self:
        if self.api == "azure" and not self.api_version:
            raise ValueError('api = "azure" needs an api_version, like "2024-10-21"')
        if self.api == "azure" and "/openai" in urlsplit(self.base_url).path:
            raise ValueError('with api = "azure", base_url is the resource alone: https://NAME.openai.azure.com')
        return self

    @property
    def offers(self) -> Structured:
        """What replies can be held to: as set, else JSON schemas where the vendor is known for them."""
        host = urlsplit(self.base_url).hostname or ""
        known = host.endswith((".openai.com", ".openai.azure.com"))
        return self.structured or ("json_schema" if known else "none")


class RoleSettings(Record):
    """Which endpoint plays which part. None: the simulator's; for the simulator: the only endpoint there is.

    `judge2` is a judge of another family, whose opinion on a share of the episodes has no vote; None: nobody.
    """

    simulator: str | None = None
    prefilter: str | None = None
    user: str | None = None
    judge: str | None = None
    judge2: str | None = None
    agent: str | None = None


class ReviewerSettings(Record):
    """Who decides; written on every decision."""

    name: str = Field(default_factory=login_name, min_length=1)


class ReviewSettings(Record):
    """How several people review one workspace, and how their care is looked after.

    `overlap` is how many opinions an item needs before it is decided. `blind` is the share of items on which the
    prefilter's verdict is hidden until a person has decided, `known_bad` the share of the queue that is planted copies
    with a defect. A claim on an item holds for `claim_minutes`. `reviewer` is another way to say `reviewer.name`.
    """

    reviewer: str | None = Field(default=None, min_length=1)
    overlap: int = Field(default=1, ge=1, le=9)
    blind: float = Field(default=0.1, ge=0, le=1)
    known_bad: float = Field(default=0.02, ge=0, le=0.5)
    claim_minutes: float = Field(default=30.0, gt=0, le=24 * 60)


class UiSettings(Record):
    """How the workbench looks. `theme` None: the app's own. `refresh_hz` is in looks at the database per second."""

    theme: str | None = None
    animations: bool = False
    refresh_hz: float = Field(default=4.0, ge=0.5, le=20)


class RuleSwitch(Record):
    """Ids of rules that do not run."""

    off: tuple[str, ...] = ()


class RuleSettings(RuleSwitch):
    """Which rules do not run: `off` in every domain, and in one domain those in the table of its name."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, RuleSwitch] = Field(init=False)

    @property
    def domains(self) -> dict[str, RuleSwitch]:
        """The tables of single domains by name."""
        return self.__pydantic_extra__ or {}

    def off_in(self, domain: str) -> frozenset[str]:
        """The rules that do not run in `domain`."""
        return frozenset((*self.off, *self.domains.get(domain, RuleSwitch()).off))


class Settings(Record):
    """All settings of a workspace, checked. Made by `Settings.load`."""

    endpoint: dict[str, EndpointSettings] = {}
    prices: dict[str, Price] = {}
    """USD per 1,000,000 tokens by model name; they overrule the built-in table, an endpoint's own `price` both."""

    roles: RoleSettings = RoleSettings()
    reviewer: ReviewerSettings = Field(default_factory=ReviewerSettings)
    review: ReviewSettings = ReviewSettings()
    ui: UiSettings = UiSettings()
    rules: RuleSettings = RuleSettings()
    keys: dict[str, str] = {}
    """Name of an act of the workbench to its keys, with commas between them."""

    ENVIRONMENT: ClassVar[Mapping[str, tuple[str, str]]] = {
        "SIMIA_SIMULATOR": ("roles", "simulator"),
        "SIMIA_REVIEWER": ("reviewer", "name"),
        "SIMIA_THEME": ("ui", "theme"),
    }
    """Environment variables that overrule a key of the file; an empty one counts as not set."""

    _openai: EndpointSettings | None = PrivateAttr(default=None)
    _openai_problem: str | None = PrivateAttr(default=None)

    @model_validator(mode="before")
    @classmethod
    def _name_endpoints(cls, data: Any) -> Any:
        tables = data.get("endpoint") if isinstance(data, dict) else None
        if not isinstance(tables, dict):
            return data
        named = {key: {"name": key, **table} if isinstance(table, dict) else table for key, table in tables.items()}
        return {**data, "endpoint": named}

    @model_validator(mode="before")
    @classmethod
    def _take_reviewer(cls, data: Any) -> Any:
        """The table `[review]` may name the reviewer; what environment and command line say stands in `[reviewer]`."""
        review, reviewer = (data.get(name, {}) if isinstance(data, dict) else {} for name in ("review", "reviewer"))
        if not isinstance(review, dict) or not isinstance(reviewer, dict) or "reviewer" not in review:
            return data
        return {**data, "reviewer": {"name": review["reviewer"], **reviewer}}

    @field_validator("keys", mode="before")
    @classmethod
    def _join_names(cls, value: Any) -> Any:
        """`review.approve = "y"` without quotes is a table in TOML, and means the same."""
        if not isinstance(value, dict):
            return value
        joined: dict[str, Any] = {}
        for room, below in value.items():
            acts = {f"{room}.{act}": keys for act, keys in below.items()} if isinstance(below, dict) else {room: below}
            joined.update(acts)
        return joined

    @classmethod
    def load(cls, root: Path, overrides: Mapping[str, Any] | None = None) -> Self:
        """Read the settings of the workspace at `root`; a missing `simia.toml` means defaults.

        `overrides` are options of the command line, by section: `{"roles": {"simulator": "openai"}}`.

        Raises:
            UsageError: for bad TOML, an unknown key, a value of the wrong type, or a key (secret) in the file.
        """
        path = root / FILE_NAME
        data = _read(path)
        settings = cls._checked(data, str(path))
        for variable, (section, key) in cls.ENVIRONMENT.items():
            if value := os.environ.get(variable):
                data = _merged(data, {section: {key: value}})
                settings = cls._checked(data, f"the environment variable {variable}")
        if overrides:
            settings = cls._checked(_merged(data, overrides), "the command line")
        settings._take_openai()
        return settings

    @classmethod
    def _checked(cls, data: dict[str, Any], source: str) -> Self:
        try:
            settings = cls.model_validate(data)
        except ValidationError as error:
            raise UsageError(f"{source}: {_first_problem(error)}.") from None
        for name, endpoint in settings.endpoint.items():
            if endpoint.name != name:
                raise UsageError(f"{source}: endpoint.{name}.name is not a setting; rename the table instead.")
        if DEMO in settings.endpoint:
            raise UsageError(f"{source}: endpoint.{DEMO} is taken by the offline demo model; use another name.")
        for role, named in settings.roles:
            if named is not None and named != DEMO and named not in settings.endpoint:
                known = ", ".join([DEMO, *settings.endpoint])
                raise UsageError(f"{source}: roles.{role} names no endpoint that is set up; choose one of {known}.")
        return settings

    def _take_openai(self) -> None:
        """The endpoint that the environment describes; OPENAI_API_KEY is looked for, never kept."""
        has_key = bool(os.environ.get("OPENAI_API_KEY", "").strip())
        base_url = os.environ.get("OPENAI_BASE_URL")
        if not has_key and not base_url:
            return
        model = os.environ.get("SIMIA_MODEL") or os.environ.get("OPENAI_MODEL")
        if not model and base_url:
            self._openai_problem = "OPENAI_BASE_URL is set but no model is: set SIMIA_MODEL to one that it serves."
            return
        try:
            self._openai = EndpointSettings(
                name="environment",
                base_url=base_url or _OPENAI,
                model=model or _OPENAI_MODEL,
                key_env="OPENAI_API_KEY" if has_key else None,
            )
        except ValidationError as error:
            self._openai_problem = f"The environment variable OPENAI_BASE_URL: {_first_problem(error)}."

    def simulator(self) -> EndpointSettings | None:
        """The endpoint that writes episodes, or None for the offline demo model.

        The one named by `roles.simulator`, else the only one in the file, else the one that OPENAI_BASE_URL,
        OPENAI_API_KEY and SIMIA_MODEL (or OPENAI_MODEL) describe, else None.

        Raises:
            UsageError: when the file has several endpoints and no role, or the environment describes half an endpoint.
        """
        if self.roles.simulator is not None:
            return self.endpoint.get(self.roles.simulator)
        if len(self.endpoint) == 1:
            return next(iter(self.endpoint.values()))
        if self.endpoint:
            names = ", ".join(self.endpoint)
            raise UsageError(
                f"{FILE_NAME} has several endpoints ({names}): set `simulator` under [roles] to one of them."
            )
        if self._openai_problem:
            raise UsageError(self._openai_problem)
        return self._openai

    def endpoint_of(self, role: Role) -> EndpointSettings | None:
        """The endpoint that plays `role`, or None for the offline demo model; without one of its own, the simulator's.

        Raises:
            UsageError: as `simulator` does.
        """
        named: str | None = getattr(self.roles, role)
        return self.simulator() if named is None else self.endpoint.get(named)

    def price_of(self, endpoint: EndpointSettings, model: str) -> Price | None:
        """What the settings say that `model` costs at `endpoint`; None: see the built-in table."""
        listed = self.prices.get(model)
        return listed if model != endpoint.model and listed is not None else endpoint.price or listed

    def played_by_demo(self) -> Self:
        """The same settings with the offline demo model in every role; a second judge only where there is one."""
        played = [role for role in ROLES if role != "judge2" or self.roles.judge2 is not None]
        return self.replace(roles=RoleSettings.model_validate(dict.fromkeys(played, DEMO)))


def _read(path: Path) -> dict[str, Any]:
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror or 'unknown reason'}.") from None
    except UnicodeDecodeError:
        raise UsageError(f"{path} is not UTF-8 text; save it as UTF-8.") from None
    except tomllib.TOMLDecodeError as error:
        where = re.search(r"\(at .*\)", str(error))
        raise UsageError(f"{path} is not valid TOML {where.group() if where else ''}".rstrip() + ".") from None
    except RecursionError:
        raise UsageError(f"{path} is nested too deeply to be read.") from None
    for key in _keys_in(data):
        raise UsageError(
            f"{path}: {key} holds a key; put the key into an environment variable and write its name as key_env."
        )
    return data


def _keys_in(value: Any, where: str = "") -> Iterator[str]:
    """The dotted names of the entries of `value` that look like a secret."""
    if isinstance(value, dict):
        for name, inner in value.items():
            # A name that is itself a key must not be repeated in the message.
            shown = "an entry" if KEY_SHAPE.search(name) else f"{where}.{name}" if where else name
            if shown == "an entry" or (not isinstance(inner, dict) and _KEY_FIELD.search(name)):
                yield shown
            else:
                yield from _keys_in(inner, shown)
    elif isinstance(value, list):
        for inner in value:
            yield from _keys_in(inner, where)
    elif isinstance(value, str) and KEY_SHAPE.search(value):
        yield where


def _merged(data: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """`data` overlaid with `other`, table by table."""
    result = dict(data)
    for key, value in other.items():
        below = result.get(key)
        result[key] = _merged(below, value) if isinstance(value, Mapping) and isinstance(below, Mapping) else value
    return result


def _first_problem(error: ValidationError) -> str:
    """The first complaint of pydantic as `key: what`, without the value (it may be a secret)."""
    problem = error.errors(include_url=False, include_context=False, include_input=False)[0]
    key = ".".join(str(part) for part in problem["loc"]) or "the file"
    if problem["type"] == "extra_forbidden":
        return f"{key} is not a setting; remove it or correct its spelling"
    if problem["type"] == "missing":
        return f"{key} is missing"
    text = problem["msg"].removeprefix("Value error, ").removeprefix("Input ")
    return f"{key} {text[:1].lower()}{text[1:]}"
