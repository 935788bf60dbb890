"""Finds the files that ship beside the code, in an installed wheel or in a checkout."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
_SHIPPED = _PACKAGE / "_shipped"
_ROOT = _SHIPPED if _SHIPPED.is_dir() else _PACKAGE.parent


def prompts() -> Path:
    """The folder of the shipped domain packs."""
    return _ROOT / "prompts"


def migrations() -> Path:
    """The folder of `NNNN_name.sql` files."""
    return _ROOT / "db" / "migrations"


def templates() -> Path:
    """The folder of dataset and model cards."""
    return _ROOT / "exports" / "templates"
