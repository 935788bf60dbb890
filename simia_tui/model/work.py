"""Background work and what comes of it: jobs, attempts, exports, training runs."""

from enum import StrEnum
from typing import Any, Literal

from pydantic import Field

from simia_tui.model.value import Record

NANO = 1_000_000_000
"""Costs are kept as whole numbers of 1e-9 USD."""


class JobStatus(StrEnum):
    """`queued` waits for a worker; `paused` keeps its tasks and its `reason`."""

    QUEUED = "queued"
    RUNNING = "running"
    PAUSED = "paused"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def ended(self) -> bool:
        return self in (JobStatus.DONE, JobStatus.FAILED, JobStatus.CANCELLED)


Api = Literal["openai", "azure"]
Effort = Literal["none", "minimal", "low", "medium", "high", "xhigh"]
Structured = Literal["json_schema", "json_object", "none"]
Tier = Literal["flex"]


class AskedSpec(Record):
    """Whom a job asks: an endpoint of the settings as it was when the job was made.

    `structured` is what replies are held to by the endpoint. `price` is in USD per 1,000,000 tokens (`input`, `cached`,
    `output`) of the standard tier, None where it is not known.
    """

    endpoint: str = "demo"
    base_url: str | None = None
    model: str = "simia-demo"
    key_env: str | None = None
    api: Api = "openai"
    api_version: str | None = None
    structured: Structured = "none"
    reasoning_effort: Effort | None = None
    service_tier: Tier | None = None
    price: dict[str, float] | None = None


class RequestSpec(AskedSpec):
    """What every job says of the requests it makes; frozen when the job is made.

    `batch` sends them by the endpoint's Batch API. Failed tasks are replaced until the target is reached, by at most
    `spare` times the target. A job stops when more than `most_copies` of its latest results are near-duplicates (None:
    it never does). `prompts` names versions of templates by kind that take the place of the ones in force.
    """

    domain: str | None = None
    batch: bool = False
    concurrency: int = 16
    budget_usd: float | None = None
    max_tries: int = 4
    max_tokens: int = 8000
    temperature: float = 1.0
    timeout_s: float = 600.0
    random_seed: int = 0
    demo: bool = True
    defect_rate: float = 0.25
    spare: float = 0.5
    most_copies: float | None = 0.8
    prompts: dict[str, str] = {}


class Target(Record):
    """A hole of the coverage map that a job fills: calls of `tool` that succeed or fail, `error` in which words."""

    tool: str
    outcome: Literal["success", "error"] | None = None
    error: str | None = None


class SynthesizeSpec(RequestSpec):
    """What a synthesize job was asked for.

    `axes` replace axes of the domain's pack by name; `errors` and `feedback` say how often tools fail and how much they
    tell (None: as the exemplar has it). `target` is what every episode is asked to show.
    """

    kind: Literal["synthesize"] = "synthesize"
    axes: dict[str, tuple[str, ...]] = {}
    errors: Literal["none", "few", "some", "many"] | None = None
    feedback: Literal["rich", "terse", "binary"] | None = None
    target: Target | None = None


class PrefilterSpec(RequestSpec):
    """What a prefilter job was asked for: a verdict on each of its seeds. No seed stands in for another."""

    kind: Literal["prefilter"] = "prefilter"
    max_tries: int = 3
    max_tokens: int = 4000
    temperature: float = 0.0
    spare: float = 0.0
    most_copies: float | None = None


class ResimulateSpec(RequestSpec):
    """What a resimulate job was asked for: the end of an episode each, from a turn on. `store.remakes` says from which.

    No episode stands in for another.
    """

    kind: Literal["resimulate"] = "resimulate"
    spare: float = 0.0
    most_copies: float | None = None


Part = Literal["simulator", "user", "judge", "judge2"]
"""Who else has a part in an episode that is played; the agent is whom the spec itself names."""


class RolloutSpec(RequestSpec):
    """What a rollout job was asked for: episodes that start like seeds, played turn by turn.

    The agent is whom the spec itself names; `parts` says who plays tools and user and who judges. `error_rate` is the
    share (0 to 1) of well-formed calls that fail for no reason of theirs; the judge is asked `judge_samples` times, and
    `judge2` about `second_share` (0 to 1) of the episodes.
    """

    kind: Literal["rollout"] = "rollout"
    parts: dict[Part, AskedSpec] = {}
    max_steps: int = Field(default=30, ge=1)
    feedback: Literal["rich", "terse", "binary"] = "rich"
    error_rate: float = Field(default=0.0, ge=0.0, le=1.0)
    judge_samples: int = Field(default=1, ge=1)
    second_share: float = Field(default=0.0, ge=0.0, le=1.0)
    max_tries: int = 3
    max_tokens: int = 4000
    timeout_s: float = 300.0
    most_copies: float | None = None


class JudgeSpec(RequestSpec):
    """What a judge job was asked for: a verdict on each of its episodes. No episode stands in for another."""

    kind: Literal["judge"] = "judge"
    max_tries: int = 3
    max_tokens: int = 4000
    spare: float = 0.0
    most_copies: float | None = None


JobSpec = SynthesizeSpec | PrefilterSpec | ResimulateSpec | RolloutSpec | JudgeSpec


class Job(Record):
    """Background work with a budget. `done` and `failed` count tasks; `cost_nano` is in 1e-9 USD, None if unknown.

    `estimated_nano` is the part of the cost that no vendor has confirmed (lost requests, timeouts); `tokens_cached` the
    part of `tokens_in` that a provider read from its cache; `resume_at` when a paused job goes on by itself; `copies`
    how many results are near-duplicates of seeds or other episodes.
    """

    id: int
    kind: str
    status: JobStatus
    spec: JobSpec = Field(discriminator="kind")
    target: int
    done: int = 0
    failed: int = 0
    in_flight: int = 0
    cost_nano: int | None = None
    tokens_in: int = 0
    tokens_out: int = 0
    reason: str | None = None
    created: float = 0.0
    started: float | None = None
    ended: float | None = None
    heartbeat: float | None = None
    estimated_nano: int = 0
    tokens_cached: int = 0
    priority: int = 0
    copies: int = 0
    resume_at: float | None = None


class Outcome(StrEnum):
    """How one LLM request ended."""

    OK = "ok"
    UNPARSABLE = "unparsable"
    RATE_LIMIT = "rate limit"
    OVERLOAD = "overload"
    TIMEOUT = "timeout"
    CONNECTION = "connection"
    BAD_REPLY = "bad reply"
    TRUNCATED = "truncated"
    REFUSED = "refused"
    EMPTY = "empty"
    CONTENT_FILTER = "content filter"
    BAD_REQUEST = "bad request"
    BAD_KEY = "bad key"
    QUOTA = "quota"
    NO_MODEL = "no model"
    LOST = "lost"
    CANCELLED = "cancelled"


class Usage(Record):
    """Tokens of one request. `cached` is part of `prompt`, `reasoning` part of `completion`."""

    prompt: int = 0
    completion: int = 0
    cached: int = 0
    reasoning: int = 0
    estimated: bool = False


class Attempt(Record):
    """One LLM request of a task. `raw` is the reply as received (or the start of what came instead)."""

    job: int
    ord: int
    n: int
    outcome: Outcome | None = None
    status_code: int | None = None
    model: str | None = None
    response_id: str | None = None
    prompt_sha: str | None = None
    prompt_version: str | None = None
    params: dict[str, Any] = {}
    usage: Usage = Usage()
    cost_nano: int | None = None
    latency_ms: int | None = None
    started: float | None = None
    ended: float | None = None
    message: str | None = None
    raw: str | None = None


class Export(Record):
    """A frozen, hashed set of trajectories on disk. `sha256` covers the hashes of every file but the manifest."""

    id: int
    name: str
    path: str
    sha256: str
    rows: int
    demo: bool
    created: float
    manifest: dict[str, Any] = {}


class RunStatus(StrEnum):
    """`stopping` was asked to stop and is writing its checkpoint."""

    QUEUED = "queued"
    RUNNING = "running"
    STOPPING = "stopping"
    STOPPED = "stopped"
    DONE = "done"
    FAILED = "failed"

    @property
    def ended(self) -> bool:
        return self in (RunStatus.STOPPED, RunStatus.DONE, RunStatus.FAILED)


class TrainSpec(Record):
    """What a training run was asked for. `model` None means: random weights of the profile's shape.

    `adapter` is the run whose adapter is trained further (with its base model). `target` observations trains the tools'
    answers instead of the assistant's turns: a world model. `report_to` is a tracker that the trainer also writes to.

    For GRPO: `groups` tasks a step with `group_size` rollouts each; `kl` weighs the distance from the start;
    `turn_tokens` and `conversation_tokens` cap one turn and a whole conversation in the policy's tokens. `endpoint`,
    `base_url`, `simulator` (a model) and `key_env` say who plays tools, user and judge; "demo" is the offline demo.
    `judging` group asks for one ranking of each group instead of a verdict on each episode. `single_turn` plays single
    turns of the export's trajectories instead of episodes, and asks nobody (after PivotRL, arXiv 2603.21383).
    `mcp` is the command of an MCP server; the tools that it has are executed by it, the others are simulated.
    `judge2` is the endpoint that is asked for a second opinion on a `second_share` (0 to 1) of the judged episodes; it
    has no vote. `arena` names the factory of the environment as `package.module:function`; None: the simulated one.
    """

    method: Literal["sft", "grpo"] = "sft"
    profile: str = "tiny"
    model: str | None = None
    max_steps: int | None = None
    epochs: float | None = None
    learning_rate: float | None = None
    batch_size: int | None = None
    max_length: int | None = None
    lora_rank: int | None = None
    random_seed: int = 0
    adapter: int | None = None
    target: Literal["assistant", "observations"] = "assistant"
    quantize: Literal["4bit"] | None = None
    report_to: Literal["trackio", "wandb", "tensorboard", "mlflow"] | None = None
    group_size: int | None = None
    groups: int | None = None
    kl: float | None = None
    temperature: float | None = None
    max_turns: int | None = None
    turn_tokens: int | None = None
    conversation_tokens: int | None = None
    loss_type: str | None = None
    vllm: Literal["colocate", "server"] | None = None
    endpoint: str = "demo"
    base_url: str | None = None
    simulator: str | None = None
    key_env: str | None = None
    concurrency: int = 64
    judge_samples: int = 1
    judging: Literal["each", "group"] = "each"
    single_turn: bool = False
    mcp: str | None = None
    arena: str | None = None
    judge2: AskedSpec | None = None
    second_share: float = 0.0


class Run(Record):
    """One training run on one export. `path` is its folder: config, log, checkpoints, adapter."""

    id: int
    export: int
    status: RunStatus
    spec: TrainSpec
    path: str
    step: int = 0
    max_steps: int | None = None
    loss: float | None = None
    pid: int | None = None
    reason: str | None = None
    created: float = 0.0
    queued: float | None = None
    started: float | None = None
    ended: float | None = None
    heartbeat: float | None = None
    result: dict[str, Any] = {}


class Metric(Record):
    """What the trainer logged at one step; `values` holds the rest (learning rate, grad norm, accuracy ...)."""

    step: int
    loss: float | None = None
    values: dict[str, float] = {}
