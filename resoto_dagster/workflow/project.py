"""What the workflow is built from: the settings, the providers and hooks they name, and the database."""

from collections.abc import Collection, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import cached_property

from dagster import DagsterRun, Failure
from sqlalchemy import Engine

from resoto_dagster.config import Settings
from resoto_dagster.database import inventory_engine
from resoto_dagster.errors import ResotoError
from resoto_dagster.hooks import Hook, load_hooks
from resoto_dagster.inventory.actions import Retag
from resoto_dagster.inventory.schema import migrate
from resoto_dagster.model.kind import Kind
from resoto_dagster.model.resource import Resource, StoredResource
from resoto_dagster.providers import load_provider
from resoto_dagster.providers.base import Provider, ProviderError, ProviderSession
from resoto_dagster.settings_file import config_path, load_settings

CONTINUES_TAG = "resoto/continues"
"""The tag of a run that executes the approved plan of a workflow: the id of that workflow's first run."""


@dataclass(frozen=True)
class Project:
    """The user's project as it is configured."""

    settings: Settings
    hooks: tuple[Hook, ...]

    @classmethod
    def load(cls) -> "Project":
        """Read the settings and import the hooks. Opens no connection. Raises ConfigError."""
        settings = load_settings()
        return cls(settings, load_hooks(settings.hooks.modules, config_path().parent))

    @cached_property
    def providers(self) -> Mapping[str, Provider]:
        """The configured providers by name."""
        return {name: load_provider(name) for name in self.settings.providers}

    @cached_property
    def kinds(self) -> Mapping[str, Kind]:
        """All kinds of the configured providers by name."""
        return {name: kind for provider in self.providers.values() for name, kind in provider.kinds.items()}

    def session(self, provider: str) -> ProviderSession:
        """A new session of a configured provider; the caller closes it."""
        return self.providers[provider].open(self.settings.providers[provider].own)

    def retagger(self, stack: ExitStack) -> Retag:
        """What changes tags through the configured providers; their sessions end with the stack."""
        sessions: dict[str, ProviderSession] = {}

        def retag(
            resource: StoredResource, upsert: Mapping[str, str], remove: Collection[str]
        ) -> Resource | None:
            provider = resource.scope.provider
            if provider not in self.providers:
                raise ResotoError(f"the provider {provider} is not configured in resoto.yaml")
            if provider not in sessions:
                sessions[provider] = stack.enter_context(closing(self.session(provider)))
            try:
                sessions[provider].update_tags(resource, upsert, remove)
                return sessions[provider].read(resource)
            except ProviderError as error:
                raise ResotoError(str(error)) from None

        return retag

    def engine(self) -> Engine:
        """The inventory's database, its schema up to date. Raises DatabaseUnavailable."""
        engine = inventory_engine()
        migrate(engine)
        return engine


def root_run_id(run: DagsterRun) -> str:
    """What all runs of one workflow share: the id of the first of them."""
    return run.tags.get(CONTINUES_TAG) or run.root_run_id or run.run_id


def failure(error: ResotoError) -> Failure:
    """A user's mistake as a step's failure: its text, and no retry."""
    return Failure(description=str(error), allow_retries=False)
