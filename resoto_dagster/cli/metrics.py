"""`resoto metrics`: the numbers for Prometheus."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from resoto_dagster.cli.database import inventory_database
from resoto_dagster.cli.output import AsJson, age, count, print_json, say, table

if TYPE_CHECKING:
    from resoto_dagster.metrics.generate import Snapshot

app = typer.Typer(name="metrics", help="Show the metrics, or hand them to Prometheus.", no_args_is_help=True)


@app.command()
def show(as_json: AsJson = False) -> None:
    """Show the metrics as they were generated last.

    They are generated at the end of every run, and only if the inventory or a definition has changed.

    Example: `resoto metrics show | grep instances_total`

    With `--json`: `snapshot_id`, `generated_at`, `inventory_version`, `definitions_version` and
    `families`, each with `name`, `help`, `type`, `samples` (`labels` and `value`), and `error`, which
    says why its values are old ones; null when none have been generated yet.
    """
    from resoto_dagster.metrics.definitions import PREFIX
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
    web_config_file: Annotated[
        Path | None,
        typer.Option(
            help="TLS and users, in the file that Prometheus' exporters take as --web.config.file; "
            "default: metrics.web_config_file of resoto.yaml, none."
        ),
    ] = None,
) -> None:
    """Serve the metrics to Prometheus at /metrics, until it is ended.

    Serves what was generated last and takes over new metrics by itself. A scrape computes nothing. While
    the database is away the last metrics are served on: resoto_metrics_generated_timestamp_seconds tells
    how old they are, resoto_exporter_database_up is 0. /-/healthy and /-/ready are there for probes.

    Example: `resoto metrics serve --host 0.0.0.0 --web-config-file web-config.yml`
    """
    from resoto_dagster.metrics.exporter import serve as serve_metrics
    from resoto_dagster.settings_file import load_settings

    settings = load_settings().metrics
    configured = Path(settings.web_config_file) if settings.web_config_file else None
    with inventory_database() as engine:
        serve_metrics(
            engine,
            settings.host if host is None else host,
            settings.port if port is None else port,
            configured if web_config_file is None else web_config_file,
            lambda url: print(f"serving metrics on {url}", flush=True),
        )


@app.command()
def textfile(
    path: Annotated[Path, typer.Argument(help="The file, which must end with .prom.", show_default=False)],
) -> None:
    """Write the metrics as they were generated last to a file, for node_exporter's textfile collector.

    The file is replaced as a whole: nobody ever reads half of it.

    Example: `resoto metrics textfile /var/lib/prometheus/node-exporter/resoto.prom`
    """
    from resoto_dagster.metrics.push import write_textfile

    write_textfile(_last_snapshot(), path)


@app.command()
def push(
    url: Annotated[str, typer.Argument(help="Where the Pushgateway is.", show_default=False)],
    job: Annotated[str, typer.Option(help="The label job of all that is pushed.")] = "resoto",
    grouping: Annotated[
        list[str] | None,
        typer.Option(help="One more label of all that is pushed, as LABEL=VALUE; may be repeated."),
    ] = None,
    timeout: Annotated[float, typer.Option(min=0.1, help="Seconds to wait for an answer.")] = 30,
) -> None:
    """Push the metrics as they were generated last to a Pushgateway.

    What it had of the same job and grouping is replaced. User and password are taken from the URL, or from
    RESOTO_PUSH_USER and RESOTO_PUSH_PASSWORD, where no other user of the machine sees them.

    Example: `resoto metrics push https://pushgateway:9091 --grouping estate=production`
    """
    from resoto_dagster.metrics.push import parse_grouping
    from resoto_dagster.metrics.push import push as push_metrics

    labels = parse_grouping(grouping or [])
    push_metrics(_last_snapshot(), url, job, labels, timeout)


def _last_snapshot() -> "Snapshot":
    from resoto_dagster.errors import ResotoError
    from resoto_dagster.metrics.generate import latest_snapshot

    with inventory_database() as engine, engine.connect() as connection:
        snapshot = latest_snapshot(connection)
    if snapshot is None:
        raise ResotoError("no metrics have been generated yet; `resoto run` does that")
    return snapshot
