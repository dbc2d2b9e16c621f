"""`resoto aws`: what resoto must be allowed to do there."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from resoto_dagster.cli.output import print_json
from resoto_dagster.errors import ResotoError

if TYPE_CHECKING:
    from resoto_dagster.providers.aws.declaration import AwsKind

app = typer.Typer(name="aws", help="What resoto must be allowed to do in AWS.", no_args_is_help=True)

Kinds = Annotated[
    list[str] | None,
    typer.Option("--kinds", metavar="KIND", help="A kind or base kind; may be said again. Default: all."),
]


@app.command()
def iam_policy(
    collect: Annotated[bool, typer.Option("--collect", help="Allow what collecting calls.")] = False,
    cleanup: Annotated[bool, typer.Option("--cleanup", help="Allow what deleting calls.")] = False,
    tagging: Annotated[bool, typer.Option("--tagging", help="Allow changes of tags.")] = False,
    events: Annotated[bool, typer.Option("--events", help="Allow reading the queue of events.")] = False,
    kinds: Kinds = None,
    into: Annotated[
        Path | None,
        typer.Option(help="A folder to write files into, instead of printing.", metavar="FOLDER"),
    ] = None,
) -> None:
    """Print the IAM policy that resoto needs, exactly, as the kinds are declared.

    Deleting and tagging come on top of collecting: what goes is read again before. What is too long for
    one policy is printed as several, one after the other, and all of them are needed. No cloud is asked.

    Examples:

    * `resoto aws iam-policy --collect --kinds instance --kinds volume > collect.json`

    * `resoto aws iam-policy --cleanup --tagging --kinds volume --kinds snapshot`

    * `resoto aws iam-policy --collect --into .` writes `collect-policy-1.json`, and as many as it takes
    """
    from resoto_dagster.providers.aws.policies import LONGEST, documents, statements_for

    parts = [
        name
        for name, wanted in (
            ("collect", collect),
            ("cleanup", cleanup),
            ("tagging", tagging),
            ("events", events),
        )
        if wanted
    ]
    if not parts:
        raise ResotoError(
            "say what the policy is for: --collect, --cleanup, --tagging, --events, or several of them"
        )
    made = documents(statements_for(parts, _chosen(kinds)), LONGEST)
    if not made:
        raise ResotoError(f"there is nothing to allow: none of these kinds has any {' or '.join(parts)}")
    if into is None:
        for document in made:
            print_json(document)
    else:
        _write(into, f"{'-'.join(parts)}-policy", made)
    if len(made) > 1:
        print(f"resoto: {len(made)} policies, since IAM takes {LONGEST} characters of each", file=sys.stderr)


@app.command()
def events_template(kinds: Kinds = None) -> None:
    """Print a CloudFormation template of the queue of events, and of the rules that fill it.

    One stack has the queue; others, in further regions and accounts, forward to it.

    Example: `resoto aws events-template > events.yaml`
    """
    from resoto_dagster.providers.aws.events_template import events_template as template
    from resoto_dagster.providers.aws.role_template import as_yaml

    print(as_yaml(template(_chosen(kinds))), end="")


@app.command()
def role_template(kinds: Kinds = None) -> None:
    """Print a CloudFormation template of the role that resoto assumes in an account.

    The role trusts the collector's account, if it brings the external id, and may do what `iam-policy`
    prints. Made for a StackSet, which puts it into all accounts of an organization.

    Example: `resoto aws role-template > role.yaml`
    """
    from resoto_dagster.providers.aws.role_template import as_yaml
    from resoto_dagster.providers.aws.role_template import role_template as template

    print(as_yaml(template(_chosen(kinds))), end="")


def _chosen(names: Sequence[str] | None) -> "list[AwsKind]":
    """The kinds that are named, each once. Raises ResotoError for a name that no kind has."""
    from difflib import get_close_matches

    from resoto_dagster.providers.aws.kinds import KINDS

    if not names:
        return list(KINDS.values())
    chosen: dict[str, AwsKind] = {}
    for name in names:
        matching = {kind.name: kind for kind in KINDS.values() if name == kind.name or name in kind.all_bases}
        if not matching:
            known = {*KINDS, *(base for kind in KINDS.values() for base in kind.all_bases)}
            close = get_close_matches(name, sorted(known), n=1)
            raise ResotoError(
                f"--kinds: unknown kind {name!r}" + (f"; did you mean {close[0]!r}?" if close else "")
            )
        chosen |= matching
    return list(chosen.values())


def _write(folder: Path, stem: str, made: Sequence[dict[str, Any]]) -> None:
    """Write each document into a file of its own, in place of all that were written before."""
    import orjson

    try:
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.glob(f"{stem}-[0-9]*.json"):
            old.unlink()
        for number, document in enumerate(made, 1):
            path = folder / f"{stem}-{number}.json"
            path.write_bytes(orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
            print(path)
    except OSError as error:
        raise ResotoError(f"--into: {error.filename} can't be written: {error.strerror}") from None
