"""What the resources of a kind report, in words: for people, and for searches that misspell a property."""

from collections.abc import Iterable

from botocore.model import ListShape, MapShape, Shape, StructureShape

from resoto_dagster.providers.aws.clients import loading, new_session
from resoto_dagster.providers.aws.declaration import AwsKind
from resoto_dagster.providers.aws.mapping import property_shapes
from resoto_dagster.providers.aws.shapes import item_members

_WORDS = {
    "string": "text",
    "character": "text",
    "blob": "text",
    "boolean": "boolean",
    "integer": "number",
    "long": "number",
    "float": "number",
    "double": "number",
    "timestamp": "time",
}


def property_types(kinds: Iterable[AwsKind]) -> dict[str, dict[str, str]]:
    """By kind the type of each property, but for those that every resource has."""
    with loading:
        models = new_session()
        shapes = {kind.name: property_shapes(kind, item_members(models, kind)) for kind in kinds}
    return {
        kind: {name: _type(shape) for name, shape in sorted(found.items())} for kind, found in shapes.items()
    }


def _type(shape: Shape | None) -> str:
    if shape is None:
        return "computed"
    if isinstance(shape, ListShape):
        return f"list of {_type(shape.member)}"
    if isinstance(shape, MapShape | StructureShape):
        return "object"
    return _WORDS.get(shape.type_name, shape.type_name)
