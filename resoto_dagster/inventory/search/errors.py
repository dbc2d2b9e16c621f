"""What is wrong with a search, and where."""

import re

from resoto_dagster.errors import ResotoError


class SearchError(ResotoError):
    """A search that can't be understood; the text shows the place."""


def at_position(text: str, position: int, problem: str) -> str:
    """The problem with its place: line, column, and a caret below the line."""
    before = text[:position]
    line, column = before.count("\n") + 1, position - (before.rfind("\n") + 1) + 1
    shown = text.split("\n")[line - 1]
    return f"line {line}, column {column}: {problem}\n  {shown}\n  {' ' * (column - 1)}^"


def at_word(text: str, word: str, problem: str) -> str:
    """The problem with the place where a word stands first; without the place where it doesn't."""
    found = re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text)
    return at_position(text, found.start(), problem) if found else problem
