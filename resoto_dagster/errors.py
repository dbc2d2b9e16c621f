"""Errors that are told to a person in one line."""


class ResotoError(Exception):
    """Something the user can mend; its text is one line that names place, value and what was expected.

    The command line and Dagster's steps print the text and no traceback.
    """


class ConfigError(ResotoError):
    """A setting that can't be taken; the text names the file, the line and what was meant."""


class DatabaseUnavailable(ResotoError):
    """The database can't be reached or started; the text never holds a password."""
