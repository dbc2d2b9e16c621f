"""The command line `resoto`, a file a command group. Commands import what is heavy when they run."""

import os
import sys

from resoto_dagster.errors import ResotoError
from resoto_dagster.garbage import seldom_looked_for


def main() -> None:
    """Run the command line. What the user can mend is told in plain words, with exit code 2."""
    try:
        with seldom_looked_for():
            from resoto_dagster.cli.app import app

            app()
    except ResotoError as error:
        sys.exit(_told(error))
    except KeyboardInterrupt:
        sys.exit(130)
    finally:
        _flush()


def _flush() -> None:
    """Print what is left; a reader who has seen enough and is gone, as `head` is, is no error."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _told(error: ResotoError) -> int:
    print(f"resoto: {error}", file=sys.stderr)
    return 2
