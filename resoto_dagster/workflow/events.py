"""Collecting on events: a sensor takes what a provider told, and a run reads just the scopes it touched.

An event is forgotten by the run that has read what it touched, after that is in the inventory. Whatever dies
on the way, it comes again; what was collected already is then collected once more, which changes nothing.
The run bears the workflow's tag and holds the turn, so that it never collects beside a workflow. While one
runs, events wait where they are.
"""

import hashlib
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from contextlib import closing
from typing import Any

from dagster import (
    AssetKey,
    AssetObservation,
    DagsterInstance,
    DagsterRun,
    DagsterRunStatus,
    DefaultSensorStatus,
    JobDefinition,
    MetadataValue,
    Nothing,
    OpExecutionContext,
    Out,
    Output,
    RunRequest,
    RunsFilter,
    SensorDefinition,
    SensorEvaluationContext,
    SkipReason,
    TableRecord,
    job,
    op,
)
from sqlalchemy import Engine

from resoto_dagster.errors import ResotoError
from resoto_dagster.inventory.api_requests import count_requests
from resoto_dagster.inventory.collecting import KindTotals, PartialSink, register_kinds, settle_graph
from resoto_dagster.inventory.event_batches import EventBatch, delete_batch, load_batch, save_batch
from resoto_dagster.inventory.turn import turn
from resoto_dagster.providers.base import Event, ProviderError, provider_session
from resoto_dagster.workflow.jobs import ONE_AT_A_TIME, UNFINISHED
from resoto_dagster.workflow.project import Project, failure

BATCH_TAG = "resoto/events_batch"
EVENTS_TAG = "resoto/events"
SECONDS_BETWEEN = 10
"""How long the sensor pauses at least; with what it waits for, and a run, a change is known in a minute."""

_LONGEST_SECONDS = 900
"""How long a run may take until Dagster ends it: no workflow starts meanwhile."""

_LONGEST_TEXT = 200
_MATERIALIZE = "__ASSET_JOB"
"""What Dagster calls the job behind the button that materialises single assets."""

_AT_WORK = [DagsterRunStatus.STARTING, DagsterRunStatus.STARTED, DagsterRunStatus.CANCELING]


def job_name(provider: str) -> str:
    """The name of the job that collects what a provider's events touched."""
    return f"collect_touched_{provider}"


def sensor_name(provider: str) -> str:
    """The name of the sensor that receives a provider's events."""
    return f"on_{provider}_events"


def listening(project: Project) -> list[str]:
    """The providers whose settings name a source of events."""
    sections = project.settings.providers
    return [name for name, one in project.providers.items() if one.tells_events(sections[name].own)]


def events_sensor(project: Project, provider: str, job: JobDefinition) -> SensorDefinition:
    """The sensor that receives events, and launches one run for all that came."""

    def evaluate(context: SensorEvaluationContext) -> RunRequest | SkipReason:
        busy = _collecting(context.instance, UNFINISHED)
        if busy:
            return SkipReason(f"events wait, since {busy}")
        section = project.settings.providers[provider]
        try:
            with closing(project.providers[provider].open_events(section.own)) as source:
                received = source.receive(section.kinds)
                dropped = _counted(received.dropped)
                if dropped:
                    context.log.info("dropped: %s", dropped)
                if not received.events:
                    return SkipReason(f"no events of what is collected; dropped: {dropped or 'none'}")
                batch = _batch_of(received.events)
                earlier = context.instance.get_runs(RunsFilter(tags={BATCH_TAG: batch}))
                done = next((run for run in earlier if run.is_success), None)
                if done is not None:
                    source.forget([event.receipt for event in received.events])
                    return SkipReason(f"run {done.run_id} has collected these events already")
        except ProviderError as error:
            raise ResotoError(f"the events of {provider} can't be received: {error}") from None
        events = _united(received.events)
        with project.engine().begin() as connection:
            save_batch(connection, provider, batch, events)
        tags = {BATCH_TAG: batch, EVENTS_TAG: _counted(events.names)}
        return RunRequest(run_key=f"{batch}:{len(earlier)}", tags=tags)

    return SensorDefinition(
        name=sensor_name(provider),
        description=f"Launches {job.name} for what changes of {provider} have touched.",
        evaluation_fn=evaluate,
        job=job,
        minimum_interval_seconds=SECONDS_BETWEEN,
        default_status=DefaultSensorStatus.RUNNING,
    )


def events_job(project: Project, provider: str) -> JobDefinition:
    """The job that collects what a batch of events touched, and then forgets them."""

    @op(
        name=f"read_touched_{provider}",
        description="Reads the scopes that events touched, merges them and finds the ends of their edges.",
        out=Out(Nothing),
    )
    def read_touched(context: OpExecutionContext) -> Output[None]:
        try:
            engine = project.engine()
            with turn(engine):
                busy = _collecting(context.instance, _AT_WORK, context.run_id)
                if busy:
                    raise ResotoError(f"the events come again: {busy}")
                return Output(None, metadata=_read_batch(context, project, provider, engine))
        except ResotoError as error:
            raise failure(error) from None

    @job(
        name=job_name(provider),
        description=f"Collects what changes of {provider} have touched; {sensor_name(provider)} launches it.",
        tags={**ONE_AT_A_TIME, "dagster/max_runtime": str(_LONGEST_SECONDS)},
    )
    def run() -> None:
        read_touched()

    return run


def _read_batch(
    context: OpExecutionContext, project: Project, provider: str, engine: Engine
) -> Mapping[str, Any]:
    """Collect what the run's events touched, and forget them. Returns what the run shows of it."""
    batch = context.run.tags.get(BATCH_TAG)
    if batch is None:
        raise ResotoError(f"the run was launched for no events; {sensor_name(provider)} launches such runs")
    section, known = project.settings.providers[provider], project.providers[provider]
    with engine.begin() as connection:
        events = load_batch(connection, provider, batch)
        register_kinds(connection, provider, known.kinds, section.kinds, known.version, known.property_types)
    if events is None:
        context.log.info("these events were collected by another run, or come again")
        return {"events": 0}
    kinds = sorted({scope.kind for scope in events.scopes}.intersection(section.kinds))
    sink = PartialSink(engine, provider, context.run_id, events.scopes)
    with provider_session(known, section.own) as session:
        session.collect(kinds, sink, only=events.scopes)
        requests = session.requests
    left = sink.close()
    with engine.begin() as connection:
        edges = settle_graph(connection)
        count_requests(connection, provider, requests)
    _forget(context, project, provider, events)
    with engine.begin() as connection:
        delete_batch(connection, provider, batch)
    for kind, totals in sorted(sink.totals.items()):
        _observe(context, provider, kind, totals)
    return {
        "events": sum(events.names.values()),
        "caused by": MetadataValue.table(_rows(events.names, "event", "count")),
        "scopes read": sink.scopes["fresh"],
        "scopes failed": sink.scopes["failed"],
        "scopes not configured": len(left),
        **_changes(sink.totals.values()),
        "edges": edges.resolved,
        "deferred edges": edges.deferred,
    }


def _forget(context: OpExecutionContext, project: Project, provider: str, events: EventBatch) -> None:
    section = project.settings.providers[provider]
    try:
        with closing(project.providers[provider].open_events(section.own)) as source:
            source.forget(events.receipts)
    except ProviderError as error:
        context.log.warning("events that are collected come once more: %s", error)


def _observe(context: OpExecutionContext, provider: str, kind: str, totals: KindTotals) -> None:
    """Say in the log, and on the page of the kind's asset, what became of it: it is no whole collect."""
    for scope, error in totals.failed.items():
        context.log.warning("%s was not collected: %s", scope, error)
    metadata = {**_changes([totals]), "scopes failed": len(totals.failed)}
    if any(metadata.values()):
        context.log_event(AssetObservation(AssetKey([provider, kind]), metadata=metadata))


def _changes(totals: Iterable[KindTotals]) -> dict[str, int]:
    known = list(totals)
    return {name: sum(getattr(one, name) for one in known) for name in ("added", "changed", "removed")}


def _collecting(
    instance: DagsterInstance, statuses: Collection[DagsterRunStatus], but: str | None = None
) -> str | None:
    """Which run collects, or will, other than that one; None when there is none."""
    filters = (
        RunsFilter(tags=ONE_AT_A_TIME, statuses=list(statuses)),
        RunsFilter(job_name=_MATERIALIZE, statuses=list(statuses)),
    )
    runs = (run for wanted in filters for run in instance.get_runs(wanted, limit=2))
    return next((_named(run) for run in runs if run.run_id != but), None)


def _named(run: DagsterRun) -> str:
    return f"run {run.run_id} of {run.job_name} is {run.status.value.lower()}"


def _batch_of(events: Iterable[Event]) -> str:
    """What is the same for the same events, whenever they are delivered."""
    ids = sorted(event.id for event in events)
    return hashlib.sha256("\n".join(ids).encode()).hexdigest()[:16]


def _united(events: Collection[Event]) -> EventBatch:
    return EventBatch(
        Counter(event.name for event in events),
        frozenset(scope for event in events for scope in event.scopes),
        tuple(event.receipt for event in events),
    )


def _counted(counts: Mapping[str, int]) -> str:
    """Names with their counts in a line of bounded length, what is most frequent first."""
    text = ", ".join(f"{name} {count}" for name, count in _ordered(counts))
    return text if len(text) <= _LONGEST_TEXT else text[: _LONGEST_TEXT - 1] + "…"


def _rows(counts: Mapping[str, int], name: str, count: str) -> list[TableRecord]:
    return [TableRecord({name: one, count: number}) for one, number in _ordered(counts)]


def _ordered(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda one: (-one[1], one[0]))
