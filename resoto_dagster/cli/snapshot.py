"""`resoto snapshot`: names for moments of the inventory's past."""

from typing import Annotated

import typer

from resoto_dagster.cli.database import inventory_database
from resoto_dagster.cli.output import AsJson, print_json, say, table

app = typer.Typer(
    name="snapshot",
    help="Give moments a name, so that what was there then is kept and can be searched.",
    no_args_is_help=True,
)

Name = Annotated[str, typer.Argument(metavar="NAME", help="The name of the snapshot.")]


@app.command()
def take(name: Name) -> None:
    """Give the present a name. It is kept until somebody deletes the snapshot.

    Example: `resoto snapshot take before-migration`, and later
    `resoto search 'is(volume)' --at before-migration`
    """
    from resoto_dagster.inventory.snapshots import take_snapshot

    with inventory_database() as engine, engine.begin() as connection:
        taken = take_snapshot(connection, name)
    say(f"snapshot {taken.name} is the inventory as of {taken.at:%Y-%m-%d %H:%M:%S}Z")


@app.command("list")
def show(as_json: AsJson = False) -> None:
    """List all snapshots, the oldest first, with the schedule that took each.

    Example: `resoto snapshot list`

    With `--json`: a list of objects with `name`, `at` and `schedule`, which is null for a person's.
    """
    from resoto_dagster.inventory.snapshots import snapshots

    with inventory_database() as engine, engine.connect() as connection:
        found = snapshots(connection)
    if as_json:
        print_json([{"name": one.name, "at": one.at, "schedule": one.schedule} for one in found])
    elif found:
        table(("name", "at", "schedule"), ((one.name, one.at, one.schedule) for one in found))
    else:
        say("no snapshot has been taken yet")


@app.command()
def delete(name: Name) -> None:
    """Delete a snapshot. What only it held is forgotten with the next purge of the history.

    Example: `resoto snapshot delete before-migration`
    """
    from resoto_dagster.inventory.snapshots import delete_snapshot

    with inventory_database() as engine, engine.begin() as connection:
        delete_snapshot(connection, name)
    say(f"snapshot {name} is deleted")
