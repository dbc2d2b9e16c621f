"""Grace: what is marked is announced first, and goes only when its grace has passed since.

A resource that several have marked goes when the first of them lets it: a mark without a grace at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from resoto_dagster.config import CleanupSettings
from resoto_dagster.model.durations import spell_duration

MarkAuthor = tuple[str, str]
"""What sort of author set a mark (`rule`), and its name."""


@dataclass(frozen=True, slots=True)
class Grace:
    """Why a resource does not go yet. `due` is when it may go; None until it is announced.

    `announces` are the marks of which its owner has to be told, `length` is how long it stays after that.
    """

    due: datetime | None
    announces: tuple[MarkAuthor, ...] = ()
    length: timedelta = timedelta(0)

    def __str__(self) -> str:
        if self.due is None:
            return f"in grace: to be announced, and goes {spell_duration(self.length)} after that"
        return f"in grace: announced, goes from {self.due:%Y-%m-%d %H:%M}Z on"


def grace_of(
    settings: CleanupSettings, marks: Sequence[tuple[MarkAuthor, datetime | None]], now: datetime
) -> Grace | None:
    """The grace of a resource, given its marks and when each was announced; None when it may go now."""
    lengths = [_length(settings, author) for author, _ in marks]
    dues = []
    for (_, announced), length in zip(marks, lengths, strict=True):
        if length is None or (announced is not None and announced + length <= now):
            return None
        if announced is not None:
            dues.append(announced + length)
    if dues:
        return Grace(min(dues))
    return Grace(None, tuple(author for author, _ in marks), min(filter(None, lengths)))


def _length(settings: CleanupSettings, author: MarkAuthor) -> timedelta | None:
    source, name = author
    if source == "rule":
        return next((rule.grace for rule in settings.rules if rule.name == name), None)
    if source == "planner":
        return getattr(getattr(settings.planners, name), "grace", None)
    return None
