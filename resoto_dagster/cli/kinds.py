"""`resoto kinds`: what there can be in the inventory."""

import difflib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from resoto_dagster.cli.output import AsJson, count, print_json, say, table
from resoto_dagster.errors import ResotoError

if TYPE_CHECKING:
    from resoto_dagster.model.kind import Kind
    from resoto_dagster.providers.base import Provider


def kinds(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="A kind or base kind. Without it all are listed.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show the kinds of resources, or one kind: its bases, properties and relations.

    Asks no cloud and no database: all kinds of all providers are shown, whether collected or not.

    Examples:

    * `resoto kinds`

    * `resoto kinds aws_ec2_volume`

    * `resoto kinds volume` shows what every cloud's volumes have in common

    With `--json`: a list of the kinds with `kind`, `provider`, `bases`, `description`, `deletable` and
    `taggable`; of one kind an object of these with `properties` (types by name) and `relations` (each with
    `kind`, `role`, `goes` before or after that when both are deleted, and `declared_by`); of a base kind one
    with `kind`, `bases`, `properties` (a list of names) and `kinds`.
    """
    from resoto_dagster.model.base_kinds import BASE_KINDS
    from resoto_dagster.providers import load_provider, provider_names

    providers = {provider: load_provider(provider) for provider in provider_names()}
    found = {
        kind.name: (provider, kind) for provider in providers.values() for kind in provider.kinds.values()
    }
    if name is None:
        _list(found, as_json)
    elif name in found:
        _show(*found[name], as_json)
    elif name in BASE_KINDS:
        _show_base(name, found, as_json)
    else:
        close = difflib.get_close_matches(name, [*found, *BASE_KINDS], n=1)
        meant = f"did you mean {close[0]}?" if close else "`resoto kinds` lists all"
        raise ResotoError(f"unknown kind {name!r}; {meant}")


def _facts(provider: "Provider", kind: "Kind") -> dict[str, Any]:
    return {
        "kind": kind.name,
        "provider": provider.name,
        "bases": sorted(kind.all_bases - {"resource"}),
        "description": kind.description,
        "deletable": kind.deletable and not kind.phantom,
        "taggable": kind.taggable,
    }


def _list(found: "Mapping[str, tuple[Provider, Kind]]", as_json: bool) -> None:
    facts = [_facts(provider, kind) for provider, kind in found.values()]
    if as_json:
        print_json(facts)
        return
    columns = ("kind", "bases", "deletable", "taggable", "description")
    table(
        columns,
        ([", ".join(one[c]) if c == "bases" else one[c] for c in columns] for one in facts),
    )
    say(count(len(facts), "kind"))


def _relations(provider: "Provider", kind: "Kind") -> list[dict[str, Any]]:
    """What the kind says of others, and what others say of it."""
    own = [(kind.name, relation) for relation in kind.relations]
    others = [
        (other.name, relation)
        for other in provider.kinds.values()
        for relation in other.relations
        if relation.kind == kind.name and other is not kind
    ]
    inverse = {"belongs to": "has", "uses": "is used by"}
    mirrored = {"before": "after", "after": "before", None: None}
    return [
        {
            "kind": relation.kind if said_by == kind.name else said_by,
            "role": relation.role if said_by == kind.name else inverse[relation.role],
            "goes": relation.goes if said_by == kind.name else mirrored[relation.goes],
            "declared_by": said_by,
        }
        for said_by, relation in (*own, *others)
    ]


def _show(provider: "Provider", kind: "Kind", as_json: bool) -> None:
    properties = provider.property_types([kind.name])[kind.name]
    relations = _relations(provider, kind)
    facts = _facts(provider, kind)
    if as_json:
        print_json({**facts, "properties": properties, "relations": relations})
        return
    say(f"{kind.name}: {kind.description}")
    say(f"bases: {', '.join(facts['bases']) or 'none'}")
    say(f"{'can' if facts['deletable'] else 'can not'} be deleted, {_tags(kind)}")
    say()
    always = {
        "id": "text",
        "name": "text",
        "tags": "object",
        "ctime": "time",
        "mtime": "time",
        "atime": "time",
    }
    table(("property", "type"), (always | dict(properties)).items())
    say()
    table(
        ("relation", "kind", "when deleted"),
        ((one["role"], one["kind"], _order(one["goes"])) for one in relations),
    )


def _tags(kind: "Kind") -> str:
    return "its tags can be changed" if kind.taggable else "its tags can not be changed"


def _order(goes: str | None) -> str:
    return f"goes {goes} it" if goes else ""


def _show_base(name: str, found: "Mapping[str, tuple[Provider, Kind]]", as_json: bool) -> None:
    from resoto_dagster.model.base_kinds import properties_of, with_all_bases

    facts = {
        "kind": name,
        "bases": sorted(with_all_bases([name]) - {name}),
        "properties": sorted(properties_of([name])),
        "kinds": sorted(kind.name for _, kind in found.values() if name in kind.all_bases),
    }
    if as_json:
        print_json(facts)
        return
    say(f"{name} is a base kind: what holds for the kinds of all providers that are based on it")
    for what in ("bases", "properties", "kinds"):
        say(f"{what}: {', '.join(facts[what]) or 'none'}")
