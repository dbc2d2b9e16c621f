"""The inventory's database, and who it is that uses it."""

import getpass
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from resoto_dagster.inventory.marks import Author


@contextmanager
def inventory_database() -> "Iterator[Engine]":
    """The inventory's database, its schema up to date.

    Raises ResotoError, one line, when it can't be reached, and for what it refuses to do.
    """
    from sqlalchemy.exc import DBAPIError

    from resoto_dagster.database import database_errors, inventory_engine
    from resoto_dagster.errors import ResotoError
    from resoto_dagster.inventory.schema import migrate

    try:
        with database_errors():
            engine = inventory_engine()
            migrate(engine)
            yield engine
    except DBAPIError as error:
        raise ResotoError(f"the database refused: {str(error.orig).partition(chr(10))[0]}") from error


def me() -> "Author":
    """The person at the keyboard, by login name."""
    from resoto_dagster.inventory.marks import Author

    try:
        name = getpass.getuser()
    except (KeyError, OSError):  # a container's user need not have a name
        name = f"uid {os.getuid()}"
    return Author("person", name)
