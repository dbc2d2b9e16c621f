"""`resoto demo`."""

from typing import Annotated

import typer


def demo(
    ui: Annotated[bool, typer.Option("--ui", help="Open Dagster's UI on it, and keep it running.")] = False,
) -> None:
    """Show all of it on a simulated cloud; needs no account, no credentials and no Docker.

    Starts a simulated AWS with an estate in it, collects it, plans, cleans up and generates metrics, and
    looks at what is really left.

    Example: `resoto demo --ui`
    """
    from resoto_dagster.demo.run import main

    main(ui)
