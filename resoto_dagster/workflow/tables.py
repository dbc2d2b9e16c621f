"""A kind's asset as a pandas table, for assets of the user's own downstream of it."""

from typing import TYPE_CHECKING, Any

from dagster import InputContext, IOManager, OutputContext

from resoto_dagster.errors import ResotoError
from resoto_dagster.inventory.inventory import Inventory
from resoto_dagster.inventory.marks import Author
from resoto_dagster.workflow.project import Project, failure

if TYPE_CHECKING:
    import pandas

_TYPES = {"text": "string", "time": "string", "boolean": "boolean", "number": "Float64"}
TABLES = "inventory_tables"
"""The key of the resource by which kinds' assets are loaded."""


class InventoryTables(IOManager):
    """Loads the asset of a kind as what the inventory holds of it: a row a resource, as `Inventory.search`.

    Every property that the kind may report is a column, so that what works on the table works too where no
    resource has it. The asset of a provider loads as all of its resources, with what they report. Nothing
    is stored here: collecting has done that.
    """

    def __init__(self, project: Project):
        self._project = project

    def handle_output(self, context: OutputContext, obj: Any) -> None:  # noqa: ARG002
        """Never called: kinds' assets hand on no value."""
        raise TypeError(f"{context.asset_key.to_user_string()} is collected, not computed")

    def load_input(self, context: InputContext) -> "pandas.DataFrame":
        """The table of an asset's resources."""
        import pandas

        provider, name = context.asset_key.path
        one_kind = name in self._project.kinds
        kinds = [name] if one_kind else list(self._project.settings.providers[provider].kinds)
        try:
            inventory = Inventory(self._project.engine(), Author("hook", "tables"))
            table = inventory.search(f"is([{', '.join(kinds)}])")
        except ResotoError as error:
            raise failure(error) from None
        if one_kind:
            types = {"tags": "object", **self._project.providers[provider].property_types([name])[name]}
            for column in types.keys() - set(table.columns):
                table[column] = pandas.Series(pandas.NA, table.index, _TYPES.get(types[column], "object"))
        return table
