"""A project with a made-up provider, for whole runs of the workflow on Dagster's own instance.

Dagster loads the job again by name for a re-execution, so what a test arranges is kept in `STATE`.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from dagster import Definitions, JobDefinition
from pydantic import BaseModel

from resoto_dagster.config import ProviderSettings, Settings
from resoto_dagster.definitions import build_definitions
from resoto_dagster.hooks import Hook
from resoto_dagster.model.resource import Resource, Scope, StoredResource
from resoto_dagster.providers.base import Answer, CollectSink, Event, Provider, ProviderError, Received
from resoto_dagster.workflow.project import Project
from resoto_dagster_tests.cleanup.cloud import Cloud
from resoto_dagster_tests.estate import KINDS


class SimCloud(Cloud):
    """The made-up cloud, which can be collected too: account a1 in region r1, but no `denied` kind, and
    accounts of which there is nothing to read, with the reason.
    """

    def __init__(self, *resources: Resource):
        super().__init__(*resources)
        self.denied: set[str] = set()
        self.unreadable = ""
        self.empty: dict[str, str] = {}
        self.collected: list[str] = []
        self.events = SimEvents()

    def collect(
        self, kinds: Collection[str], sink: CollectSink, only: Collection[Scope] | None = None
    ) -> None:
        sink.accounts_expected(["a1", *self.empty])
        for account, reason in self.empty.items():
            sink.account_empty(account, reason)
        scopes = {kind: Scope("sim", "a1", "r1", kind) for kind in kinds}
        if only is not None:
            scopes = {kind: scope for kind, scope in scopes.items() if scope in only}
        if self.unreadable:
            sink.account_failed("a1", self.unreadable)
            return
        sink.scopes_expected(list(scopes.values()))
        for kind, scope in scopes.items():
            self.collected.append(kind)
            if kind in self.denied:
                sink.failed(scope, f"AccessDenied: sim:List {kind}")
            else:
                sink.collected(scope, [one for one in self.resources.values() if one.kind == kind])

    def update_tags(
        self, resource: StoredResource, upsert: Mapping[str, str], remove: Collection[str]
    ) -> Answer:
        if resource.id in self.refuses:
            raise ProviderError(self.refuses[resource.id])
        tags = self.resources[resource.id].tags
        self.change(
            resource.id, tags={key: value for key, value in (tags | upsert).items() if key not in remove}
        )
        return Answer((f"request-{resource.id}",))


class SimEvents:
    """What the made-up cloud tells: events come again until they are forgotten."""

    def __init__(self) -> None:
        self.waiting: dict[str, Event] = {}
        self.dropped: dict[str, int] = {}
        self.broken = ""
        self.deliveries = 0

    def tell(self, id_: str, kind: str, account: str = "a1", name: str = "change") -> None:
        """Something happened to a kind in a region of an account."""
        self.waiting[id_] = Event(id_, "", name, frozenset({Scope("sim", account, "r1", kind)}))

    def receive(self, kinds: Collection[str]) -> Received:
        if self.broken:
            raise ProviderError(self.broken)
        self.deliveries += 1
        events = [replace(one, receipt=f"{id_}/{self.deliveries}") for id_, one in self.waiting.items()]
        return Received(tuple(events), self.dropped)

    def forget(self, receipts: Sequence[str]) -> None:
        if self.broken:
            raise ProviderError(self.broken)
        for receipt in receipts:
            self.waiting.pop(receipt.partition("/")[0], None)

    def close(self) -> None:
        pass


class NoSettings(BaseModel):
    """The made-up provider has none, but whether it tells events."""

    events: bool = False


@dataclass
class SimProvider:
    """The provider of the made-up cloud."""

    cloud: SimCloud
    name: str = "sim"
    settings_model: type[BaseModel] = NoSettings
    kinds: Mapping[str, Any] = field(default_factory=lambda: KINDS)
    version: str = "1"

    def property_types(self, kinds: Collection[str]) -> Mapping[str, Mapping[str, str]]:
        known = {"sim_volume": {"volume_size": "number", "volume_status": "text", "parts": "list of object"}}
        return {kind: known.get(kind, {}) for kind in kinds}

    def open(self, settings: Any) -> SimCloud:
        return self.cloud

    def tells_events(self, settings: Any) -> bool:
        return bool(settings.events)

    def open_events(self, settings: Any) -> SimEvents:
        return self.cloud.events


@dataclass(frozen=True)
class SimProject(Project):
    """A project whose provider is the made-up one."""

    cloud: SimCloud

    @cached_property
    def providers(self) -> Mapping[str, Provider]:
        return {"sim": SimProvider(self.cloud)} if self.settings.providers else {}


STATE: dict[str, Project] = {}
SECTION = {"sim": ProviderSettings(kinds=tuple(KINDS), own=NoSettings())}


def arrange(*hooks: Hook, cloud: SimCloud | None = None, **settings: Any) -> SimProject:
    """Make a project the current one."""
    settings.setdefault("providers", SECTION)
    project = SimProject(Settings(**settings), hooks, cloud or SimCloud())
    STATE["project"] = project
    return project


def definitions() -> Definitions:
    return build_definitions(STATE["project"])


def workflow() -> JobDefinition:
    """The workflow of the current project, for Dagster to load by name."""
    return definitions().resolve_job_def("collect_and_cleanup")
