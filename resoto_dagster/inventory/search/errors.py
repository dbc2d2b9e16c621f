"""What is wrong with a search."""

from resoto_dagster.errors import ResotoError


class SearchError(ResotoError):
    """A search that can't be understood; the text shows the place."""
