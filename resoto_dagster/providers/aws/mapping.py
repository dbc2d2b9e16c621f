"""From an item of an API answer to a resource; compiled once for each kind."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from botocore import xform_name
from botocore.model import Shape

from resoto_dagster.model.resource import GLOBAL, Edge, EdgeType, Resource
from resoto_dagster.providers.aws.declaration import ACCOUNT, REGION, AwsKind, Link, Value
from resoto_dagster.providers.aws.paths import Getter, compile_list, compile_path, compile_value
from resoto_dagster.providers.aws.shapes import Convert, converter, member_at

RESERVED = frozenset({"id", "kind", "name", "tags", "ctime", "mtime", "atime"})
HIDDEN = "***"
"""What is kept instead of a value that may be a secret."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where an item was read; `region` is `global` for what belongs to the account as a whole.

    `account_name` is how Organizations calls the account, if it was asked.
    """

    partition: str
    account: str
    region: str
    account_name: str | None = None


Mapper = Callable[[Mapping[str, Any], Place], Resource | None]


def compile_mapper(kind: AwsKind, members: Mapping[str, Shape]) -> Mapper:
    """A function that makes a resource of an item, or None of one that is gone already.

    Raises LookupError when the declaration names what the items do not have.
    """
    get_id, get_name, get_tags = compile_value(kind.id), _name(kind), _tags(kind)
    get_arn, get_region, get_edges = _arn(kind), _region(kind), _edges(kind)
    get_ctime, get_mtime, get_atime = _moment(kind.ctime), _moment(kind.mtime), _moment(kind.atime)
    get_properties, is_gone, hide = _properties(kind, members), gone_check(kind), _hide(kind)
    get_other_name = _other_name(kind)

    def make(item: Mapping[str, Any], place: Place) -> Resource | None:
        if is_gone(item):
            return None
        hide(item)
        resource_id = str(get_id(item))
        region = get_region(item, place)
        tags = get_tags(item)
        name = get_name(item) or tags.get("Name") or get_other_name(place) or resource_id
        properties = get_properties(item)
        arn = get_arn(item, place, properties, {"region": region, "id": resource_id, "name": name})
        if arn:
            properties.setdefault("arn", arn)
        return Resource(
            kind=kind.name,
            id=resource_id,
            name=name,
            region=region,
            tags=tags,
            ctime=get_ctime(item),
            mtime=get_mtime(item),
            atime=get_atime(item),
            properties=properties,
            edges=get_edges(item, place, region, resource_id),
            volatile=kind.volatile,
        )

    return make


def property_shapes(kind: AwsKind, members: Mapping[str, Shape]) -> dict[str, Shape | None]:
    """All properties that a resource of the kind may carry, apart from those that every resource has.

    Each with the shape of what the API answers there; None where its value is made of that.
    """
    shapes: dict[str, Shape | None] = {
        target: members[member] for member, (target, _) in _remaining(kind, members).items()
    }
    for name, source in kind.properties.items():
        plain = isinstance(source, str) and "[]" not in source
        shapes[name] = member_at(members, str(source)) if plain else None
    return shapes | ({"arn": None} if kind.arn else {})


def property_names(kind: AwsKind, members: Mapping[str, Shape]) -> frozenset[str]:
    """The names of all properties that a resource of the kind may carry."""
    return frozenset(property_shapes(kind, members))


def _properties(kind: AwsKind, members: Mapping[str, Shape]) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
    declared = [(name, *_property(members, source)) for name, source in kind.properties.items()]
    remaining = _remaining(kind, members)

    def make(item: Mapping[str, Any]) -> dict[str, Any]:
        made: dict[str, Any] = {}
        for member, value in item.items():
            entry = remaining.get(member)
            if entry is not None and value is not None:
                target, convert = entry
                made[target] = value if convert is None else convert(value)
        for name, get, convert in declared:
            value = get(item)
            if value is not None and convert is not None:
                value = convert(value)
            if value is not None:
                made[name] = value
        return made

    return make


def _property(members: Mapping[str, Shape], source: str | Value) -> tuple[Getter, Convert | None]:
    if isinstance(source, Value):
        for path in source.paths:
            member_at(members, path)
        return compile_value(source), None
    convert = converter(member_at(members, source))
    if convert is not None and "[]" in source:
        element = convert
        return compile_path(source), lambda values: [element(value) for value in values]
    return compile_path(source), convert


def _remaining(kind: AwsKind, members: Mapping[str, Shape]) -> dict[str, tuple[str, Convert | None]]:
    """The members that nothing names, with the name and form under which they become properties."""
    named: set[Any] = {kind.tags, kind.arn, kind.ctime, kind.mtime, kind.atime, *kind.drop}
    for source in (kind.id, kind.name_path, *kind.properties.values()):
        named.update(source.paths if isinstance(source, Value) else (source,))
    made = {
        member: (_prefixed(kind.prefix, xform_name(member)), converter(shape))
        for member, shape in members.items()
        if member not in named
    }
    clash = sorted(RESERVED & {target for target, _ in made.values()})
    if clash:
        raise LookupError(f"{kind.name}: {', '.join(clash)} is no name for a property")
    return {member: entry for member, entry in made.items() if entry[0] not in kind.properties}


def _prefixed(prefix: str, name: str) -> str:
    return name if not prefix or name == prefix or name.startswith(f"{prefix}_") else f"{prefix}_{name}"


def _name(kind: AwsKind) -> Callable[[Any], str | None]:
    if kind.name_path is None:
        return lambda _: None
    get = compile_list(kind.name_path)
    return lambda item: next((str(name) for name in get(item) if name), None)


def _other_name(kind: AwsKind) -> Callable[[Place], str | None]:
    """The name that an account without an alias has from Organizations."""
    return (lambda place: place.account_name) if kind.name == ACCOUNT else (lambda _: None)


def _tags(kind: AwsKind) -> Callable[[Any], dict[str, str]]:
    if not kind.tags:
        return lambda _: {}
    get = compile_path(kind.tags)
    return lambda item: tags_of(get(item))


def tags_of(value: Any) -> dict[str, str]:
    """Tags as a mapping, whichever of AWS's forms they have."""
    if not value:
        return {}
    if isinstance(value, Mapping):
        return dict(value)
    key, content = next(pair for pair in _TAG_MEMBERS if pair[0] in value[0])
    return {tag[key]: tag.get(content) or "" for tag in value}


_TAG_MEMBERS = (("Key", "Value"), ("key", "value"), ("TagKey", "TagValue"))


def _arn(kind: AwsKind) -> Callable[[Any, Place, Mapping[str, Any], Mapping[str, str]], str | None]:
    template = kind.arn
    if template is None:
        return lambda *_: None
    if "{" not in template:
        get = compile_path(template)
        return lambda item, *_: get(item)
    return lambda _, place, properties, own: template.format_map(
        {**properties, "partition": place.partition, "account": place.account, **own}
    )


def _region(kind: AwsKind) -> Callable[[Any, Place], str]:
    if kind.region_path is None:
        return lambda _, place: place.region
    found = region_getter(kind)
    return lambda item, place: found(item) or place.region


def region_getter(kind: AwsKind) -> Getter:
    """A function that returns the region an item lies in, or None where the item does not say."""
    return compile_value(kind.region_path) if kind.region_path else lambda _: None


def _moment(source: str | Value | None) -> Callable[[Any], datetime | None]:
    if source is None:
        return lambda _: None
    get = compile_value(source)

    def moment(item: Any) -> datetime | None:
        value = get(item)
        if isinstance(value, str):
            value = _parsed(value)
        if isinstance(value, int):
            value = datetime.fromtimestamp(value / 1000, UTC)
        if value is None:
            return None
        aware: datetime = value if value.tzinfo else value.replace(tzinfo=UTC)
        return aware.astimezone(UTC)

    return moment


def _parsed(text: str) -> datetime:
    if text.partition(".")[0].isdigit():
        return datetime.fromtimestamp(float(text), UTC)
    return datetime.fromisoformat(text)


def gone_check(kind: AwsKind) -> Callable[[Any], bool]:
    """A function that says whether an item is reported as deleted already."""
    if kind.gone is None:
        return lambda _: False
    get, values = compile_path(kind.gone[0]), frozenset(kind.gone[1])
    return lambda item: get(item) in values


def _hide(kind: AwsKind) -> Callable[[Any], None]:
    places = [path.rpartition(".") for path in kind.secret]
    compiled = [(compile_list(holder) if holder else None, name) for holder, _, name in places]

    def hide(item: Any) -> None:
        for holders_of, name in compiled:
            for holder in holders_of(item) if holders_of else (item,):
                if name in holder:
                    value = holder[name]
                    holder[name] = dict.fromkeys(value, HIDDEN) if isinstance(value, dict) else HIDDEN

    return hide


def _edges(kind: AwsKind) -> Callable[[Any, Place, str, str], tuple[Edge, ...]]:
    links = [(link.kind, _edge_makers(link), compile_list(link.path)) for link in kind.links]
    is_account = kind.name == ACCOUNT

    def edges(item: Any, place: Place, region: str, resource_id: str) -> tuple[Edge, ...]:
        found: set[_EdgeValues] = set()
        if region != GLOBAL:
            found.add((EdgeType.DEFAULT, False, REGION, region, "id"))
        elif not is_account:
            found.add((EdgeType.DEFAULT, False, ACCOUNT, place.account, "id"))
        for to, makers, values in links:
            for value in values(item):
                if value and not (to == kind.name and value == resource_id):
                    name = str(value)
                    found.update((type_, outgoing, to, name, by) for type_, outgoing, by in makers)
        return tuple(Edge(*values) for values in sorted(found))

    return edges


_By = Literal["id", "arn", "name"]
_EdgeValues = tuple[EdgeType, bool, str, str, _By]


def _edge_makers(link: Link) -> list[tuple[EdgeType, bool, _By]]:
    """Type and direction of the edges that a link stands for, and what names their other end."""
    default = (EdgeType.DEFAULT, not link.parent, link.by)
    return [default, (EdgeType.DELETE, link.delete == "after", link.by)] if link.delete else [default]
