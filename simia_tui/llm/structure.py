"""Structured output: what a reply is held to, and how that is said in a request."""

from typing import Any, NamedTuple

from simia_tui.model import Structured


class Schema(NamedTuple):
    """The JSON Schema of a reply. `strict` is for those that keep to what OpenAI's strict mode allows.

    There, every member is required and no object is open (OpenAI guide "Structured model outputs", supported schemas).
    """

    name: str
    body: dict[str, Any]
    strict: bool = True


def response_format(level: Structured, schema: Schema | None) -> dict[str, Any]:
    """The field of a request that holds the reply to `schema`, as far as `level` goes; empty where nothing does."""
    if schema is None or level == "none":
        return {}
    if level == "json_object":
        return {"response_format": {"type": "json_object"}}
    told = {"name": schema.name, "strict": schema.strict, "schema": schema.body}
    return {"response_format": {"type": "json_schema", "json_schema": told}}
