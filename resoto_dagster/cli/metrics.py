"""`resoto metrics`: the numbers for Prometheus."""

from typing import Annotated

import typer

from resoto_dagster.cli.database import inventory_database
from resoto_dagster.cli.output import AsJson, age, count, print_json, say, table

app = typer.Typer(name="metrics", help="Show the metrics, or serve them to Prometheus.", no_args_is_help=True)


@app.command()
def show(as_json: AsJson = False) -> None:
    """Show the metrics as they were generated last.

    They are generated at the end of every run, and only if the inventory or a definition has changed.

    Example: `resoto metrics show | grep instances_total`

    With `--json`: `snapshot_id`, `generated_at`, `inventory_version`, `definitions_version` and
    `families`, each with `name`, `help`, `type`, `samples` (`labels` and `value`), and `error`, which
    says why its values are old ones; null when none have been generated yet.
    """
    from resoto_dagster.metrics.exporter import PREFIX
    from resoto_dagster.metrics.generate import latest_snapshot

    with inventory_database() as engine, engine.connect() as connection:
        snapshot = latest_snapshot(connection)
    if as_json:
        print_json(snapshot)
        return
    if snapshot is None:
        say("no metrics have been generated yet; `resoto run` does that")
        return
    table(
        ("metric", "labels", "value"),
        (
            (
                PREFIX + family.name,
                ", ".join(f"{k}={v}" for k, v in sorted(sample.labels.items())),
                sample.value,
            )
            for family in snapshot.families
            for sample in family.samples
        ),
        numbers=("value",),
    )
    for family in snapshot.families:
        if family.error is not None:
            say(f"{PREFIX}{family.name} shows its last values, it could not be generated: {family.error}")
    with_values = sum(bool(family.samples) for family in snapshot.families)
    say(
        f"{count(with_values, 'metric')} with values, {len(snapshot.families) - with_values} without any "
        f"resource, generated {age(snapshot.generated_at)} ago"
    )


@app.command()
def serve(
    host: Annotated[
        str | None, typer.Option(help="The address to bind; default: metrics.host of resoto.yaml, 127.0.0.1.")
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="The port; default: metrics.port of resoto.yaml, 9955."),
    ] = None,
) -> None:
    """Serve the metrics to Prometheus at /metrics, until it is ended.

    Serves what was generated last and takes over new metrics by itself. A scrape computes nothing. While
    the database is away the last metrics are served on; resoto_metrics_generated_timestamp_seconds tells
    how old they are.

    Example: `resoto metrics serve --host 0.0.0.0`
    """
    from resoto_dagster.metrics.exporter import serve as serve_metrics
    from resoto_dagster.settings_file import load_settings

    settings = load_settings().metrics
    with inventory_database() as engine:
        serve_metrics(
            engine,
            settings.host if host is None else host,
            settings.port if port is None else port,
            lambda url: print(f"serving metrics on {url}", flush=True),
        )
