"""The page on all kinds: what is read of each, what leads where, how it is deleted and tagged, and tested."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import groupby

from botocore.session import Session

from resoto_dagster.providers.aws.clients import new_session
from resoto_dagster.providers.aws.declaration import ACCOUNT, REGION, AwsKind, Link
from resoto_dagster.providers.aws.permissions import iam_actions, service_of
from resoto_dagster.providers.aws.policies import Operation, cleanup_calls, collect_calls, tagging_calls
from resoto_dagster.providers.aws.shapes import operation_model

_INTRODUCTION = """\
# The kinds of AWS

What is collected of AWS, kind by kind, as it is declared in `resoto_dagster/providers/aws/kinds/`. \
`make aws-reference` writes this page; a test fails when it is out of date. {count} kinds of {services} \
services: {deletable} can be deleted, of {taggable} the tags can be changed.

- A call is written as the IAM action that it needs; where the action is called otherwise, the call stands \
before it. `make aws-policies` makes the policies in `deploy/aws` of the same calls.
- *lies in* is where its resources are: in the region that was read, in one that the resource itself names, \
or in the account as a whole.
- *belongs to* and *uses* are the edges that its own answers name; edges that others declare stand with those.
- *goes before*: it must be deleted before the other one, which is kept as long as it stays. *goes after*: \
the other one must be deleted first.
- *tested on* names the servers that it is collected from in the tests: `moto`, a simulation of AWS that \
makes, tags and deletes what is in it, and `synthetic`, which answers what a test states, in the form that \
botocore's model of the service has.
"""


def page(kinds: Iterable[AwsKind], tested: Mapping[str, str]) -> str:
    """The page; `tested` says by kind which servers it is collected from in the tests."""
    known = sorted(kinds, key=lambda kind: (kind.service, kind.name))
    services = [(service, list(those)) for service, those in groupby(known, lambda kind: kind.service)]
    parts = [
        _INTRODUCTION.format(
            count=len(known),
            services=len(services),
            deletable=sum(map(_can_go, known)),
            taggable=sum(kind.taggable for kind in known),
        ),
        "Services: " + " · ".join(f"[{service}](#{service})" for service, _ in services) + "\n",
    ]
    models = new_session()
    for service, those in services:
        parts += [f"## {service}\n", _table(those, tested)]
        parts += [_details(kind, models) for kind in those]
    return "\n".join(parts)


def _table(kinds: Iterable[AwsKind], tested: Mapping[str, str]) -> str:
    rows = [
        ("kind", "what it is", "deleted", "tagged", "tested on"),
        ("---",) * 5,
        *(
            (
                f"[{kind.name}](#{kind.name})",
                kind.description,
                "yes" if _can_go(kind) else "–",
                "yes" if kind.taggable else "–",
                tested[kind.name],
            )
            for kind in kinds
        ),
    ]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _can_go(kind: AwsKind) -> bool:
    return kind.deletable and not kind.phantom


def _details(kind: AwsKind, models: Session) -> str:
    told = "".join(f"- *{word}* {what}\n" for word, what in _facts(kind, models) if what)
    return f"### {kind.name}\n\n{told}"


def _facts(kind: AwsKind, models: Session) -> Iterator[tuple[str, str]]:
    yield "is a", _names(base for base in sorted(kind.all_bases) if base != "resource")
    yield "lies in", _place(kind)
    yield "read by", _calls(collect_calls(kind), models)
    yield "belongs to", _kinds(kind, lambda link: link.parent)
    yield "uses", _kinds(kind, lambda link: not link.parent)
    yield "goes before", _kinds(kind, lambda link: link.delete == "before")
    yield "goes after", _kinds(kind, lambda link: link.delete == "after")
    yield "deleted by", _calls(cleanup_calls(kind), models) if _can_go(kind) else ""
    yield "takes along", _taken_along(kind)
    yield "kept where", "; ".join(dict.fromkeys(rule.reason for rule in kind.held_back))
    yield "tagged by", _calls(tagging_calls(kind), models)


def _place(kind: AwsKind) -> str:
    if kind.name == ACCOUNT:
        return ""
    if kind.region_path:
        return f"the `{REGION}` that it names"
    if not kind.regional:
        return f"its `{ACCOUNT}`"
    return f"its `{REGION}`" + (f", or its `{ACCOUNT}`" if kind.global_api else "")


def _taken_along(kind: AwsKind) -> str:
    if isinstance(kind.takes_along, bool):
        return "all that it uses" if kind.takes_along else ""
    return _names(kind.takes_along)


def _kinds(kind: AwsKind, wanted: Callable[[Link], bool]) -> str:
    return _names(dict.fromkeys(link.kind for link in kind.links if wanted(link)))


def _names(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _calls(operations: Iterable[Operation], models: Session) -> str:
    return ", ".join(dict.fromkeys(_call(models, *operation) for operation in operations))


def _call(models: Session, service: str, method: str) -> str:
    """A call as the action it needs; the call itself stands before an action that is called otherwise."""
    model = operation_model(models, service, method)
    actions = iam_actions(service_of(model.service_model), model.name)
    named = " and ".join(f"`{action}`" for action in actions)
    return named if actions[0].endswith(f":{model.name}") else f"{model.name} ({named})"
