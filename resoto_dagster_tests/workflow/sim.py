"""A project with a made-up provider, for whole runs of the workflow on Dagster's own instance.

Dagster loads the job again by name for a re-execution, so what a test arranges is kept in `STATE`.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from dagster import Definitions, JobDefinition
from pydantic import BaseModel

from resoto_dagster.config import ProviderSettings, Settings
from resoto_dagster.definitions import build_definitions
from resoto_dagster.hooks import Hook
from resoto_dagster.model.resource import Resource, Scope
from resoto_dagster.providers.base import CollectSink, Provider
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
        self.empty: dict[str, str] = {}
        self.collected: list[str] = []

    def collect(self, kinds: Collection[str], sink: CollectSink) -> None:
        sink.accounts_expected(["a1", *self.empty])
        for account, reason in self.empty.items():
            sink.account_empty(account, reason)
        scopes = {kind: Scope("sim", "a1", "r1", kind) for kind in kinds}
        sink.scopes_expected(list(scopes.values()))
        for kind, scope in scopes.items():
            self.collected.append(kind)
            if kind in self.denied:
                sink.failed(scope, f"AccessDenied: sim:List {kind}")
            else:
                sink.collected(scope, [one for one in self.resources.values() if one.kind == kind])


class NoSettings(BaseModel):
    """The made-up provider has none."""


@dataclass
class SimProvider:
    """The provider of the made-up cloud."""

    cloud: SimCloud
    name: str = "sim"
    settings_model: type[BaseModel] = NoSettings
    kinds: Mapping[str, Any] = field(default_factory=lambda: KINDS)

    def open(self, settings: Any) -> SimCloud:
        return self.cloud


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
