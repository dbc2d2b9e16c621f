"""`resoto notices`: try how owners are told, and serve the page on which they keep what is theirs."""

from typing import Annotated

import typer

from resoto_dagster.cli.database import inventory_database
from resoto_dagster.cli.output import say
from resoto_dagster.errors import ResotoError

app = typer.Typer(
    name="notices",
    help="Tell owners before their resources are deleted, and let them keep some.",
    no_args_is_help=True,
)


@app.command()
def test(
    owner: Annotated[
        str,
        typer.Argument(
            metavar="OWNER",
            help="A name under cleanup.notices.owners, or an address of one of its mail_domains.",
        ),
    ],
) -> None:
    """Send an owner a message that says it is a test.

    Ends with 0 when it was accepted; that it arrived is to be seen there.

    Example: `resoto notices test platform`
    """
    from resoto_dagster.cleanup.notices import tell, trial_message
    from resoto_dagster.cleanup.owners import owner_named
    from resoto_dagster.settings_file import load_settings

    settings = load_settings().cleanup.notices
    found = owner_named(owner, settings)
    if found is None:
        known = f"expected one of: {', '.join(settings.owners)}" if settings.owners else "there are none"
        raise ResotoError(f"{owner!r} is no name under cleanup.notices.owners; {known}")
    tell(found, trial_message(found), settings)
    say(f"{found.name} was told; the message was accepted")


@app.command()
def serve(
    host: Annotated[
        str | None,
        typer.Option(help="The address to bind; default: cleanup.notices.host of resoto.yaml, 127.0.0.1."),
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="The port; default: cleanup.notices.port of resoto.yaml, 9956."),
    ] = None,
) -> None:
    """Serve the keep page, until it is ended.

    The links in notices lead to it, by cleanup.notices.link of resoto.yaml. It speaks plain HTTP: a reverse
    proxy in front of it brings TLS. It logs no request, since whoever knows a link may keep what is behind.

    Example: `resoto notices serve --port 8080`
    """
    from resoto_dagster.cleanup.keep_page import serve as serve_page
    from resoto_dagster.settings_file import load_settings

    settings = load_settings().cleanup.notices
    if settings.link is None:
        say("cleanup.notices.link is not set: no notice leads here")
    with inventory_database() as engine:
        serve_page(
            engine,
            settings.keep_for,
            settings.host if host is None else host,
            settings.port if port is None else port,
            lambda url: print(f"serving the keep page on {url}", flush=True),
        )
