"""collect: one op per provider, whose kinds are its assets, between the gates of the step."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from dagster import (
    AssetKey,
    AssetsDefinition,
    GraphDefinition,
    GraphOut,
    In,
    MetadataValue,
    Nothing,
    OpDefinition,
    OpExecutionContext,
    Out,
    Output,
    TableRecord,
    graph,
    op,
)
from sqlalchemy import Engine

from resoto_dagster.errors import ResotoError
from resoto_dagster.inventory.api_requests import count_requests
from resoto_dagster.inventory.collecting import (
    InventorySink,
    KindTotals,
    close_collect,
    register_kinds,
    settle_graph,
)
from resoto_dagster.inventory.status import inventory_version, scope_statuses
from resoto_dagster.inventory.turn import wait_for_turn
from resoto_dagster.model.kind import Kind
from resoto_dagster.providers.base import provider_session
from resoto_dagster.workflow.graphs import Materialized, graph_name, post_gate, pre_gate
from resoto_dagster.workflow.project import Project, failure, root_run_id
from resoto_dagster.workflow.tables import TABLES

INVENTORY = AssetKey("inventory")
SHOWN = 50
"""How many failures an asset's metadata lists; the command `resoto status` lists all."""
NAMED = 3
"""How many of those that failed for one reason the log names."""


def lineage(kinds: Mapping[str, Kind]) -> dict[str, tuple[str, ...]]:
    """Each kind's parents among `kinds`; parents come first.

    Without those that would close a circle, and those that another parent lies below anyway: a subnet's
    network is in a region, so the subnet has an arrow from the network only.
    """
    ordered: dict[str, tuple[str, ...]] = {}
    above: dict[str, set[str]] = {}

    def visit(name: str, below: tuple[str, ...]) -> None:
        if name in ordered:
            return
        path = (*below, name)
        parents = [parent for parent in dict.fromkeys(kinds[name].parents) if parent in kinds]
        parents = [parent for parent in parents if parent not in path]
        for parent in parents:
            visit(parent, path)
        implied = {ancestor for parent in parents for ancestor in above[parent]}
        above[name] = implied.union(parents)
        ordered[name] = tuple(parent for parent in parents if parent not in implied)

    for name in kinds:
        visit(name, ())
    return ordered


def _leaves(parents: Mapping[str, Iterable[str]]) -> list[str]:
    """The kinds that are nobody's parent; all others lie above them."""
    above = {parent for names in parents.values() for parent in names}
    return [name for name in parents if name not in above]


def _failures(failed: Iterable[tuple[str, str]]) -> Any:
    rows = [TableRecord({"what": what, "error": error}) for what, error in failed]
    return MetadataValue.table(rows[:SHOWN]) if rows else None


def _metadata(totals: KindTotals) -> dict[str, Any]:
    metadata: dict[str, Any] = {
        "dagster/row_count": totals.resources,
        "added": totals.added,
        "changed": totals.changed,
        "removed": totals.removed,
        "failed scopes": len(totals.failed),
    }
    if totals.failed:
        metadata["failures"] = _failures(sorted(totals.failed.items()))
    return metadata


def collect_op(project: Project, provider: str) -> OpDefinition:
    """The op that collects the selected kinds of a provider into the inventory."""
    kinds = {name: project.kinds[name] for name in project.settings.providers[provider].kinds}
    order = list(lineage(kinds))

    def collect(context: OpExecutionContext, engine: Engine) -> Iterator[Output[None]]:
        selected = [name for name in order if name in context.selected_output_names]
        everything = len(selected) == len(order)
        wait_for_turn(engine)
        sink = InventorySink(engine, provider, root_run_id(context.run))
        with engine.begin() as connection:
            known = project.providers[provider]
            register_kinds(connection, provider, known.kinds, order, known.version, known.property_types)
        own = project.settings.providers[provider].own
        with provider_session(project.providers[provider], own) as session:
            session.collect(selected, sink)
            requests = session.requests
        with engine.begin() as connection:
            settle_graph(connection)
            count_requests(connection, provider, requests)
        _report(context, provider, sink)
        for name in selected:
            totals = sink.totals.get(name, KindTotals())
            if not everything or totals.resources or totals.removed or totals.failed:
                yield Output(None, output_name=name, metadata=_metadata(totals))
        if ROLL_UP in context.selected_output_names:
            yield Output(None, output_name=ROLL_UP, metadata=_roll_up(sink))

    @op(
        name=f"collect_{provider}",
        description=f"Reads all configured accounts of {provider}.",
        ins={"after": In(Nothing)},
        out={
            name: Out(
                Nothing, is_required=False, io_manager_key=TABLES, description=_description(name, kinds)
            )
            for name in (*order, ROLL_UP)
        },
    )
    def run(context: OpExecutionContext) -> Iterator[Output[None]]:
        try:
            yield from collect(context, project.engine())
        except ResotoError as error:
            raise failure(error) from None

    return run


ROLL_UP = "inventory"
"""The output of a collect op that stands for all of its kinds."""


def _description(output: str, kinds: Mapping[str, Kind]) -> str:
    return kinds[output].description if output in kinds else "All kinds of the provider."


def _facts(output: str, kinds: Mapping[str, Kind]) -> dict[str, Any]:
    """What its page says of a kind whether or not it was collected yet."""
    if output not in kinds:
        return {}
    kind = kinds[output]
    return {
        "base kinds": ", ".join(sorted(kind.all_bases)),
        "cleanup": "can delete it" if kind.deletable and not kind.phantom else "never deletes it",
    }


def _report(context: OpExecutionContext, provider: str, sink: InventorySink) -> None:
    """Say in the log and in the run's tags what could not be read."""
    failed = {f"{provider}/{account}": error for account, error in sink.failed_accounts.items()}
    scopes = {scope: error for totals in sink.totals.values() for scope, error in totals.failed.items()}
    for account, reason in sorted(sink.empty_accounts.items()):
        context.log.warning("nothing is collected of %s/%s: %s", provider, account, reason)
    for line in not_collected({**failed, **scopes}):
        context.log.warning("%s", line)
    if failed or scopes:
        context.instance.add_run_tags(
            context.run_id,
            {f"resoto/not_collected_{provider}": f"{len(failed)} accounts, {len(scopes)} scopes"},
        )


def not_collected(failed: Mapping[str, str]) -> Iterator[str]:
    """What was not collected by its error, in a line a reason: how much it is, and the first of it.

    Each line is an event that Dagster keeps, and one reason may hold for thousands of scopes.
    """
    by_reason: dict[str, list[str]] = {}
    for what, error in sorted(failed.items()):
        by_reason.setdefault(error, []).append(what)
    for error, those in by_reason.items():
        more = f" and {len(those) - NAMED} more" if len(those) > NAMED else ""
        yield f"not collected: {', '.join(those[:NAMED])}{more}: {error}"


def _roll_up(sink: InventorySink) -> dict[str, Any]:
    total = KindTotals()
    for totals in sink.totals.values():
        total.resources += totals.resources
        total.added += totals.added
        total.changed += totals.changed
        total.removed += totals.removed
        total.failed |= totals.failed
    metadata = _metadata(total) | {"failed accounts": len(sink.failed_accounts)}
    if sink.failed_accounts:
        metadata["accounts not collected"] = _failures(sorted(sink.failed_accounts.items()))
    return metadata


def _merge_op(project: Project, providers: Sequence[str]) -> OpDefinition:
    @op(
        name="merge_outer_edges",
        description="Joins what accounts and providers say of each other, and fails what never arrived.",
        ins={provider: In(Nothing) for provider in providers} or {"after": In(Nothing)},
        out=Out(Nothing),
    )
    def merge_outer_edges(context: OpExecutionContext) -> Output[None]:
        try:
            engine = project.engine()
        except ResotoError as error:
            raise failure(error) from None
        with engine.begin() as connection:
            gaps = close_collect(connection, root_run_id(context.run))
            counts = settle_graph(connection)
        for line in not_collected({gap.what: gap.error for gap in gaps}):
            context.log.warning("%s", line)
        metadata: dict[str, Any] = {
            "edges": counts.resolved,
            "deferred edges": counts.deferred,
            "ambiguous edges": counts.ambiguous,
            "never arrived": len(gaps),
        }
        return Output(None, metadata=metadata)

    return merge_outer_edges


def _show(_context: OpExecutionContext, project: Project, engine: Engine) -> Materialized:
    with engine.connect() as connection:
        statuses = scope_statuses(connection, project.settings.cleanup.max_data_age)
        version = inventory_version(connection)
    bad = [status for status in statuses if status.freshness != "fresh"]
    metadata: dict[str, Any] = {
        "dagster/row_count": sum(status.resources for status in statuses),
        "scopes": len(statuses),
        "scopes not fresh": len(bad),
    }
    if bad:
        metadata["not fresh"] = _failures(
            (
                f"{status.provider}/{status.account}/{status.region}/{status.kind}",
                f"{status.freshness}: {status.error or 'not collected by the last run'}",
            )
            for status in bad
        )
    return Materialized(metadata, version)


def _graph(project: Project, collects: Mapping[str, OpDefinition]) -> GraphDefinition:
    pre = pre_gate(project, "collect", after=())
    merge = _merge_op(project, list(collects))
    post = post_gate(project, "collect", INVENTORY, _show)
    outs = {
        f"{provider}__{output}": (provider, output)
        for provider, op_ in collects.items()
        for output in op_.output_dict
    }

    @graph(name=graph_name("collect"), out={**{name: GraphOut() for name in outs}, "inventory": GraphOut()})
    def collect() -> Any:
        started = pre()
        results = {provider: op_(started) for provider, op_ in collects.items()}
        merged = (
            merge(**{provider: getattr(result, ROLL_UP) for provider, result in results.items()})
            if results
            else merge(started)
        )
        kinds = {name: getattr(results[provider], output) for name, (provider, output) in outs.items()}
        return {**kinds, "inventory": post(merged)}

    return collect


def collect_assets(project: Project) -> AssetsDefinition:
    """The assets of the step: every kind of every provider, a roll-up a provider, and the inventory."""
    collects = {provider: collect_op(project, provider) for provider in project.providers}
    keys, deps, groups, descriptions = {"inventory": INVENTORY}, {}, {"inventory": "workflow"}, {}
    facts: dict[str, Mapping[str, Any]] = {}
    descriptions["inventory"] = "The inventory graph in Postgres, after all providers were collected."
    deps["inventory"] = {AssetKey([provider, ROLL_UP]) for provider in collects}
    for provider in collects:
        kinds = {name: project.kinds[name] for name in project.settings.providers[provider].kinds}
        parents = lineage(kinds)
        for name in (*kinds, ROLL_UP):
            output = f"{provider}__{name}"
            keys[output] = AssetKey([provider, name])
            groups[output] = provider
            descriptions[output] = _description(name, kinds)
            facts[output] = _facts(name, kinds)
            above = parents[name] if name in kinds else _leaves(parents)
            deps[output] = {AssetKey([provider, parent]) for parent in above}
    return AssetsDefinition.from_graph(
        _graph(project, collects),
        keys_by_output_name=keys,
        internal_asset_deps=deps,
        group_names_by_output_name=groups,
        descriptions_by_output_name=descriptions,
        metadata_by_output_name=facts,
        can_subset=True,
    )
