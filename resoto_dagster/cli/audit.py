"""`resoto audit`: the whole story of a deletion."""

from typing import TYPE_CHECKING, Annotated

import typer

from resoto_dagster.cli.database import inventory_database
from resoto_dagster.cli.output import AsJson, cell, count, print_json, say
from resoto_dagster.errors import ResotoError

if TYPE_CHECKING:
    from resoto_dagster.cleanup.audit import Planned


def audit(
    id_: Annotated[str, typer.Argument(metavar="ID", help="The id of a resource, as the cloud calls it.")],
    as_json: AsJson = False,
) -> None:
    """Tell what plans said of a resource, who wanted it gone and why, and what was done to it.

    Of each plan that led to something all entries of the journal are shown: `intended` before the cloud is
    asked, `answered` with the ids of the requests, and the outcome. Of the other plans only the last is.

    Example: `resoto audit vol-0a1b2c`

    With `--json`: all plans, each with `plan_id`, `run_id`, `planned_at`, `hash`, `held`, `waits`, `approval`
    (who decided, when and why), `rules` (those that marked it, as they were), what and where, `reason`,
    `author`, `born`, `monthly_cost`, `wave`, `kept`, `along_with` and `entries`.
    """
    from resoto_dagster.cleanup.audit import story_of

    with inventory_database() as engine, engine.connect() as connection:
        story = story_of(connection, id_)
    if not story:
        raise ResotoError(f"no plan ever named {id_!r}")
    if as_json:
        print_json(story)
        return
    told = [one for one in story if one.entries or one is story[-1]]
    for one in told:
        _tell(one)
    if len(told) < len(story):
        say(f"{count(len(story) - len(told), 'other plan')} named it, and nothing came of them")


def _tell(planned: "Planned") -> None:
    named = f" ({planned.name})" if planned.name != planned.id else ""
    where = f"{planned.cloud} {planned.account_name or planned.account} {planned.region}"
    say(f"{planned.kind} {planned.id}{named} in {where}, there since {cell(planned.born)}")
    if planned.along_with:
        say("  which takes it along")
    made = f"plan {planned.plan_id} of run {planned.run_id}, made {cell(planned.planned_at)}"
    say(f"  {made}: {_decision(planned)}")
    say(f"  because: {planned.reason} [{planned.author}]")
    for name, rule in planned.rules.items():
        say(f"  rule {name} was then: {rule['search']}")
    if planned.approval is not None:
        say(f"  {planned.approval}")
    for entry in planned.entries:
        requests = f", requests {' '.join(entry.request_ids)}" if entry.request_ids else ""
        detail = f": {entry.detail}" if entry.detail else ""
        say(f"  {entry.at:%Y-%m-%d %H:%M:%S}Z {entry.event}{detail}{requests}")


def _decision(planned: "Planned") -> str:
    if planned.kept is not None:
        return f"kept, {planned.kept}"
    if planned.held is not None:
        return f"held, {planned.held}"
    if planned.waits is not None and planned.approval is None:
        return f"waits for approval, {planned.waits}"
    return f"to delete in wave {planned.wave}"
