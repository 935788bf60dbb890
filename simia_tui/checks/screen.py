"""Tells at once that nothing in a long text matches a pattern, so that the slow and careful look is only for the rest.

Python's `re` goes through a text sign by sign unless the pattern begins with a fixed text. The engine that pydantic
validates patterns with searches for several fixed texts at a time, some thirty times as fast, but says no more than
whether there is a match and knows no lookaround.
"""

from pydantic_core import SchemaValidator, core_schema


class Screen:
    """A pattern (in the syntax of Rust's `regex`) that is looked for in whole texts."""

    def __init__(self, pattern: str) -> None:
        schema = core_schema.str_schema(pattern=pattern, regex_engine="rust-regex")
        self._matches = SchemaValidator(schema).isinstance_python

    def finds(self, text: str) -> bool:
        """Whether the pattern matches anywhere in `text`."""
        if self._matches(text):
            return True
        # Halves of surrogate pairs make a text that the engine cannot begin with.
        return not text.isascii() and self._matches(text.encode("utf-8", "replace"))
