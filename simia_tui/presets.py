"""What a new `simia.toml` says, and endpoints to begin with."""

DEFAULT_TOML = """\
# Settings of this workspace. Everything may be left out: without an endpoint the offline demo model is used.
# Keys never stand in this file. `key_env` names the environment variable that holds the key.

# An endpoint that speaks OpenAI chat completions. Add as many as you like, each under its own name.
# [endpoint.openai]
# base_url = "https://api.openai.com/v1"
# model = "gpt-5-mini"
# key_env = "OPENAI_API_KEY"
# price = { input = 0.25, cached = 0.025, output = 2.0 }   # USD per 1,000,000 tokens; overrules our table

# reasoning_effort = "low"                                 # of reasoning models; left to the vendor if left out
# service_tier = "flex"                                    # half the price, slower, now and then unavailable

# structured = "json_schema"                               # or "json_object", "none": what replies can be held to

# [endpoint.local]
# base_url = "http://127.0.0.1:8000/v1"                    # vLLM, Ollama and the like; no key needed
# model = "Qwen/Qwen3-8B"

# More to begin with: `simia config presets`.

# [prices."my-model"]                                      # USD per 1,000,000 tokens; overrules our table
# input = 0.25
# cached = 0.025
# output = 2.0

[roles]
# simulator = "openai"     # which endpoint writes episodes; "demo" for the offline demo model
# prefilter = "local"      # which one screens seeds; so also user, judge and agent; the simulator's if left out
# judge2 = "local"         # a second judge, best of another model family, on a share of episodes; nobody if left out

[review]
# reviewer = "ada"         # who decides; the login name if left out
# overlap = 2              # how many reviewers must judge an item, each blind to the others; 1 if left out
# blind = 0.1              # share of items that hide the prefilter's verdict until you have decided
# known_bad = 0.02         # share of the queue that is planted copies with a defect; 0 for none
# claim_minutes = 30       # how long an item that you have open is kept for you

[rules]
# off = ["data.personal"]  # rules that do not run here; `simia rules` lists them
# [rules.tau-airline]      # rules that do not run in one domain
# off = ["turn.empty"]

[ui]
# theme = "textual-dark"   # any theme of Textual
# animations = false     # smooth scrolling costs 80 ms and 250 kB a page over SSH
# refresh_hz = 4.0         # how often the screens look for news in the database, per second

[keys]
# "review.approve" = "y"   # other keys for acts of the workbench; there ? and then n shows their names
# "review.redo" = "U,ctrl+r"
"""

PRESETS: dict[str, str] = {
    "gpt-5": """\
[endpoint.gpt-5]                                  # the paper's first synthesizer
base_url = "https://api.openai.com/v1"
model = "gpt-5"
key_env = "OPENAI_API_KEY"
reasoning_effort = "low"
service_tier = "flex"                             # half the price; take it out where minutes matter
""",
    "o4-mini": """\
[endpoint.o4-mini]                                # the paper's second one
base_url = "https://api.openai.com/v1"
model = "o4-mini"
key_env = "OPENAI_API_KEY"
""",
    "azure": """\
[endpoint.azure]                                  # model is the name of the deployment
api = "azure"
api_version = "2024-10-21"
base_url = "https://RESOURCE.openai.azure.com"
model = "DEPLOYMENT"
key_env = "AZURE_OPENAI_API_KEY"
""",
    "vllm": """\
[endpoint.vllm]                                   # vllm serve Qwen/Qwen3-32B
base_url = "http://127.0.0.1:8000/v1"
model = "Qwen/Qwen3-32B"
structured = "json_schema"
price = { input = 0, output = 0 }
""",
    "ollama": """\
[endpoint.ollama]                                 # ollama pull qwen3:8b
base_url = "http://127.0.0.1:11434/v1"
model = "qwen3:8b"
structured = "json_schema"
price = { input = 0, output = 0 }
""",
    "openrouter": """\
[endpoint.openrouter]
base_url = "https://openrouter.ai/api/v1"
model = "openai/gpt-5"
key_env = "OPENROUTER_API_KEY"
structured = "json_schema"
""",
}
"""Endpoints by name, as they are written into `simia.toml`."""
