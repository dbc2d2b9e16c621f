"""What a search's actions do to the resources that it found: marks, values of people's own, and tags."""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

from sqlalchemy import Engine

from resoto_dagster.errors import ResotoError
from resoto_dagster.inventory.annotations import KEPT_ELSEWHERE, annotate
from resoto_dagster.inventory.marks import Author, Mark, MarkName, set_marks
from resoto_dagster.inventory.merge import merge_resource
from resoto_dagster.inventory.search.errors import SearchError
from resoto_dagster.inventory.search.query import (
    Action,
    MarkAs,
    SetValues,
    TagDelete,
    TagUpdate,
    plain_value,
)
from resoto_dagster.model.resource import Resource, StoredResource

AT_ONCE = 16
"""How many resources get their tags at the same time."""

Retag = Callable[[StoredResource, Mapping[str, str], Collection[str]], Resource | None]
"""Sets and removes tags of a resource at its provider, and gives the resource as it is read then.

Raises ResotoError when the provider refuses.
"""

Failure = tuple[StoredResource, str]


def check_action(action: Action, author: Author) -> None:
    """Raise SearchError for what can't be done at all."""
    if author.source != "person":
        raise SearchError(f"| {action} is for people; a {author.source} marks by its own methods")
    if isinstance(action, MarkAs) and not (action.reason or "").strip():
        raise SearchError(f'| {action.mark} needs a reason, so that nobody has to guess: | {action.mark} "…"')
    if isinstance(action, SetValues):
        names = Counter(name for name, _ in action.values)
        twice = [name for name, count in names.items() if count > 1]
        if twice:
            raise SearchError(f"| {action}: {twice[0]} stands twice")
        kept = sorted(KEPT_ELSEWHERE[action.section] & names.keys())
        if kept:
            raise SearchError(
                f"| {action}: {kept[0]} can't be set; | clean and | protect mark, and facts say the rest"
            )


def perform(
    engine: Engine, author: Author, action: Action, found: Sequence[StoredResource], retag: Retag | None
) -> list[Failure]:
    """Do one action to all resources. Returns those it failed on, with the reasons."""
    nodes = [one.node_id for one in found]
    if isinstance(action, MarkAs):
        mark: MarkName = "clean" if action.mark == "clean" else "protected"
        with engine.begin() as connection:
            set_marks(connection, author, [Mark(node, mark, action.reason or "") for node in nodes])
        return []
    if isinstance(action, SetValues):
        values = {name: plain_value(value) for name, value in action.values}
        with engine.begin() as connection:
            annotate(connection, nodes, action.section, values, author.name)
        return []
    if retag is None:
        raise SearchError(f"| {action}: tags can't be changed from here")
    return _retag(engine, author, action, found, retag)


def _retag(
    engine: Engine,
    author: Author,
    action: TagUpdate | TagDelete,
    found: Sequence[StoredResource],
    retag: Retag,
) -> list[Failure]:
    upsert = {action.key: action.value} if isinstance(action, TagUpdate) else {}
    remove = [action.key] if isinstance(action, TagDelete) else []

    def change(known: StoredResource) -> str | None:
        try:
            now = retag(known, upsert, remove)
        except ResotoError as error:
            return str(error)
        if now is not None:
            # the inventory knows at once what the provider says now
            with engine.begin() as connection:
                merge_resource(connection, known.scope, now, f"tagged by {author.name}", datetime.now(UTC))
        return None

    with ThreadPoolExecutor(AT_ONCE, "retag") as pool:
        problems = pool.map(change, found)
        return [(one, problem) for one, problem in zip(found, problems, strict=True) if problem]
