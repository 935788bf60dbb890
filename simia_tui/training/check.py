"""Whether this machine can train, told without importing torch."""

from importlib.util import find_spec

from simia_tui.errors import SimiaError

PACKAGES = ("torch", "transformers", "trl", "peft", "accelerate", "datasets", "tokenizers", "jmespath")
"""What the `train` extra brings, by import name."""


def missing() -> list[str]:
    """The packages of the `train` extra that are not installed; looks them up, imports none."""
    return [name for name in PACKAGES if find_spec(name) is None]


def require() -> None:
    """Does nothing on a machine that can train.

    Raises:
        SimiaError: packages are missing; the sentence names them and the command that installs them.
    """
    lacking = missing()
    if lacking:
        raise SimiaError(
            f"Training needs {', '.join(lacking)}, not installed here; install with `pip install 'simia-tui[train]'`."
        )


def require_tracker(name: str | None) -> None:
    """Does nothing where a run can report to the tracker.

    Raises:
        SimiaError: its package is not installed.
    """
    if name is not None and find_spec(name) is None:
        raise SimiaError(f"Reporting to {name} needs its package: pip install {name}, or leave --report-to out.")
