"""AWS: its kinds, and how they are collected, deleted and tagged."""

import hashlib
from collections.abc import Collection, Mapping
from functools import cached_property
from importlib.metadata import version
from pathlib import Path

from resoto_dagster.providers.aws.declaration import PROVIDER, AwsKind
from resoto_dagster.providers.aws.kinds import KINDS
from resoto_dagster.providers.aws.settings import AwsSettings
from resoto_dagster.providers.base import EventSource, ProviderSession


class AwsProvider:
    """The provider `aws`. botocore is loaded when a session is opened, not before."""

    @property
    def name(self) -> str:
        """Its name in settings, assets and scopes."""
        return PROVIDER

    @property
    def settings_model(self) -> type[AwsSettings]:
        """The model of the section `aws` in the settings."""
        return AwsSettings

    @property
    def kinds(self) -> Mapping[str, AwsKind]:
        """All kinds by name."""
        return KINDS

    @cached_property
    def version(self) -> str:
        """A hash of this package, and of what it takes AWS's services from."""
        digest = hashlib.blake2b(version("botocore").encode(), digest_size=16)
        for file in sorted(Path(__file__).parent.rglob("*.py")):
            digest.update(file.read_bytes())
        return digest.hexdigest()

    def property_types(self, kinds: Collection[str]) -> Mapping[str, Mapping[str, str]]:
        """What resources of the kinds may report: the type of each property in words."""
        from resoto_dagster.providers.aws.properties import property_types

        return property_types([KINDS[kind] for kind in kinds])

    def open(self, settings: AwsSettings) -> ProviderSession:
        """Open a session. Makes no call yet."""
        from resoto_dagster.providers.aws.session import AwsSession

        return AwsSession(settings, KINDS)

    def tells_events(self, settings: AwsSettings) -> bool:
        """Whether the settings name a queue of events."""
        return settings.events is not None

    def open_events(self, settings: AwsSettings) -> EventSource:
        """Open the queue of events that the settings name. Makes no call yet."""
        from resoto_dagster.providers.aws.event_queue import EventQueue

        return EventQueue(settings, KINDS)


provider = AwsProvider()
